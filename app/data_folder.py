"""Who holds the data folder: one service at a time, which leaves its address for the command line to find."""

import fcntl
import json
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

_HOLDER = "service.json"


class DataFolderHeld(Exception):
    """Another service holds the data folder."""


@contextmanager
def hold(folder: Path, url: str) -> Generator[None]:
    """Hold the folder for as long as the block runs; raises DataFolderHeld when a live service already does."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(folder / _HOLDER, os.O_RDWR | os.O_CREAT, 0o600), "r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            message = (
                f"{folder} is held by the service at {_address(folder)}: stop it, or set another OPENBOOK_DATA_DIR"
            )
            raise DataFolderHeld(message) from error
        file.truncate(0)
        file.write(json.dumps({"url": url, "pid": os.getpid()}))
        file.flush()
        yield


def holder(folder: Path) -> str | None:
    """The address of the service that holds the folder; None when none does."""
    try:
        with (folder / _HOLDER).open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return None
    except BlockingIOError:
        return _address(folder)
    return None


def _address(folder: Path) -> str:
    return str(json.loads((folder / _HOLDER).read_text())["url"])
