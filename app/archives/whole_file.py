"""Files that are there whole or not at all."""

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

UNFINISHED = ".part"


class BeingWritten(Exception):
    """Another process writes the same file right now."""


@contextmanager
def whole(path: Path) -> Generator[BinaryIO]:
    """A file that gets its name when the block has ended well; readable by its owner alone. Raises BeingWritten.

    A crash leaves `.part` beside it, which the next attempt writes over.
    """
    unfinished = path.with_name(path.name + UNFINISHED)
    with os.fdopen(os.open(unfinished, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BeingWritten(f"{unfinished} is being written by another process") from error
        file.truncate(0)
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            unfinished.rename(path)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
    folder = os.open(path.absolute().parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
