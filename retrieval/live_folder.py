"""A process's own working folder, which no other process touches while this one lives."""

import fcntl
import os
import secrets
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Self


class LiveFolder:
    """`<parent>/<pid>-<random>/`, under an flock that the kernel drops when the process dies, however it dies."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor

    @classmethod
    def create(cls, parent: Path) -> Self:
        """A new, empty folder; those whose owners are dead are removed."""
        parent.mkdir(parents=True, exist_ok=True)
        with _alone_in(parent):
            for other in parent.iterdir():
                if other.is_dir():
                    _remove_if_dead(other)
            path = parent / f"{os.getpid()}-{secrets.token_hex(4)}"
            path.mkdir()
            return cls(path, _locked(path))

    def remove(self) -> None:
        """Delete the folder with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._descriptor)


@contextmanager
def _alone_in(parent: Path) -> Generator[None]:
    """Between a folder's making and its locking nobody may take it for a dead one."""
    descriptor = os.open(parent / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _locked(path: Path) -> int:
    """A descriptor that holds the folder; raises BlockingIOError where another one does."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _remove_if_dead(path: Path) -> None:
    try:
        descriptor = _locked(path)
    except (BlockingIOError, FileNotFoundError):  # alive, or just removed by its owner
        return
    shutil.rmtree(path, ignore_errors=True)
    os.close(descriptor)
