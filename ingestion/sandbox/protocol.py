"""What a sandbox and its children say to each other over two pipes.

A request is a frame of JSON (an `Asked`) and a frame of bytes; so is a reply. In between the child sends one byte as
soon as the request has arrived and then, in frames of their own, how many pages are done.
"""

from dataclasses import dataclass
from struct import Struct
from typing import Final

from ingestion.types import MediaType, PersonalKind
from retrieval.types import Box

LENGTH: Final = Struct("<Q")
"""Before each frame: its bytes."""
ARRIVED: Final = b"\x06"
_PAGES: Final = Struct("<5sII")
_PAGES_MARK: Final = b"pages"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request says about its bytes; each task reads the fields that are its own."""

    task: str
    media_type: MediaType
    redact: tuple[PersonalKind, ...] = ()
    password: str | None = None
    page: int = 0
    boxes: tuple[Box, ...] = ()
    scale: float = 1.0
    rotation: int = 0


def tell_pages(done: int, total: int) -> bytes:
    """The frame that tells of pages."""
    return _PAGES.pack(_PAGES_MARK, done, total)


def pages_told(frame: bytes) -> tuple[int, int] | None:
    """How many pages of how many are done, None for a frame that tells of something else."""
    if not frame.startswith(_PAGES_MARK):
        return None
    _, done, total = _PAGES.unpack(frame)
    return done, total
