"""What a document is called."""

import re
from pathlib import PurePath

from ingestion.types import Metadata

_WORD_PARTS = re.compile(r"[_\s]+|(?<=[^\W\d_])[-.](?=\w)|(?<=\d)[-.](?=[^\W\d_])")
_NUMBERED = re.compile(r"[\W_]*(?:\d[\W_]*){5,}")  # a filing's or an order's number, and no letter
_WORDS = re.compile(r"[^\W_]+")
_LETTER = re.compile(r"[^\W\d_]")
_MADE_BY_MACHINE = re.compile(r"(?=\w*\d)(?=\w*[^\W\d_])\w{8,}")  # a hash, or a part of a UUID


def title_of(own: str, given: Metadata, name: str) -> str:
    """The uploader's `title`, else the file's own, with what its name says beyond it; else the name's words.

    People name files by what tells them apart (who, what, which year), and titles often leave just that out.
    """
    title = given.get("title")
    if isinstance(title, str) and title.strip():
        return title
    stem = PurePath(name).stem or name
    words = " ".join(filter(None, _WORD_PARTS.split(stem))) or stem
    if not own.strip() or _NUMBERED.fullmatch(own):
        return words
    return f"{own} ({words})" if _tells_more(words, own) else own


def _tells_more(words: str, title: str) -> bool:
    """Whether a name of several words, with letters and a number among them, has some that the title lacks."""
    parts = _WORDS.findall(words.casefold())
    if len(parts) < 2 or not _LETTER.search(words) or not any(map(str.isdigit, words)):
        return False
    if any(map(_MADE_BY_MACHINE.fullmatch, parts)):
        return False
    return not set(parts) <= set(_WORDS.findall(title.casefold()))
