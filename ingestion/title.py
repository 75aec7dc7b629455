"""What a document is called."""

from pathlib import PurePath

from ingestion.types import Metadata


def title_of(own: str, given: Metadata, name: str) -> str:
    """The uploader's `title`, else the file's own, else its name without the ending."""
    title = given.get("title")
    if isinstance(title, str) and title.strip():
        return title
    return own or PurePath(name).stem or name
