"""What text lies in the files of a folder that other threads are writing to."""

import os
from contextlib import suppress
from pathlib import Path


def holding(folder: Path, text: str) -> list[str]:
    """The files that hold the text; what is deleted while we look is passed over."""
    found: list[str] = []
    for parent, _, names in os.walk(folder):  # rglob raises for a folder that is gone when its turn comes
        for path in (Path(parent, name) for name in names):
            with suppress(FileNotFoundError):
                if text.encode() in path.read_bytes():
                    found.append(path.relative_to(folder).as_posix())
    return found
