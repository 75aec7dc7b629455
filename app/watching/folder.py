"""A folder as it is to be ingested: which files there are, what is in them, and which are not to be judged yet."""

import hashlib
import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ingestion.formats import LOCK_PREFIX, SUFFIXES

SETTLE_SECONDS: Final = 2.0
"""A file that has not changed for so long is whole."""
_SOURCE_MAX: Final = 1000  # characters of a path below the folder: metadata takes little more
_READ: Final = 1 << 20

_Look = tuple[int, int, int]
"""Size, time of the last change and inode: while they stay, so does the content."""


class FolderGone(Exception):
    """The folder is not there, or cannot be read: nobody can say what is in it."""


@dataclass(frozen=True, slots=True)
class Scan:
    """What is in the folder: SHA-256 by the path below it, files that are still written, and what is passed over."""

    files: dict[str, str] = field(default_factory=dict[str, str])
    unsettled: set[str] = field(default_factory=set[str])
    unread: set[str] = field(default_factory=set[str])
    """Files and folders that are there and could not be read."""
    passed_over: dict[str, str] = field(default_factory=dict[str, str])
    """Why, by path; none of these could be ingested."""

    def may_hold(self, source: str) -> bool:
        """Whether the file may be there although it is not among `files`."""
        above = {str(parent) for parent in Path(source).parents}
        return source in self.unsettled or source in self.unread or bool(above & self.unread)


class Folder:
    """Reads a file again only where it looks different from the last time."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._digests: dict[str, tuple[_Look, str]] = {}
        self._seen: dict[str, tuple[_Look, float]] = {}

    def scan(self) -> Scan:
        """Raises FolderGone."""
        if not self.root.is_dir():
            raise FolderGone(f"{self.root} is not there: nothing is changed until it is back")
        scan = Scan()
        for source, entry in self._walk("", scan):
            self._judge(source, entry, scan)
        self._digests = {source: known for source, known in self._digests.items() if source in scan.files}
        self._seen = {source: seen for source, seen in self._seen.items() if source in scan.unsettled}
        return scan

    def path(self, source: str) -> Path:
        """Where the file lies."""
        return self.root / source

    def _walk(self, below: str, scan: Scan) -> Iterator[tuple[str, os.DirEntry[str]]]:
        try:
            with os.scandir(self.root / below) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            if not below:
                raise FolderGone(f"{self.root} cannot be read: {error.strerror}") from error
            scan.unread.add(below)
            scan.passed_over[below] = f"cannot be read: {error.strerror}"
            return
        for entry in entries:
            source = f"{below}/{entry.name}" if below else entry.name
            if entry.name.startswith((".", LOCK_PREFIX)):
                scan.passed_over[source] = "is hidden"
            elif entry.is_symlink():
                scan.passed_over[source] = "is a symbolic link"
            elif entry.is_dir(follow_symlinks=False):
                yield from self._walk(source, scan)
            else:
                yield source, entry

    def _judge(self, source: str, entry: os.DirEntry[str], scan: Scan) -> None:
        if Path(source).suffix.lower() not in SUFFIXES:
            scan.passed_over[source] = "is of no format that can be read"
        elif len(source) > _SOURCE_MAX or not source.isprintable():
            scan.passed_over[source] = "has a path that cannot be kept"
        else:
            try:
                self._read(source, entry, scan)
            except FileNotFoundError:
                return  # gone since the folder was listed
            except OSError as error:
                scan.unread.add(source)
                scan.passed_over[source] = f"cannot be read: {error.strerror}"

    def _read(self, source: str, entry: os.DirEntry[str], scan: Scan) -> None:
        found = entry.stat(follow_symlinks=False)
        if not stat.S_ISREG(found.st_mode):
            scan.passed_over[source] = "is no file"
            return
        look = _look(found)
        known = self._digests.get(source)
        if known is not None and known[0] == look:
            scan.files[source] = known[1]
        elif not self._is_settled(source, look):
            scan.unsettled.add(source)
        else:
            digest = _digest(self.path(source))
            if _look(self.path(source).lstat()) != look:
                scan.unsettled.add(source)  # it was written to while it was read
                return
            scan.files[source] = digest
            self._digests[source] = look, digest

    def _is_settled(self, source: str, look: _Look) -> bool:
        """Unchanged since it was first seen so, or by its own time, which may be off or ahead."""
        before, since = self._seen.setdefault(source, (look, time.monotonic()))
        if before != look:
            self._seen[source] = look, time.monotonic()
        elif time.monotonic() - since >= SETTLE_SECONDS:
            return True
        return look[1] / 1e9 < time.time() - SETTLE_SECONDS


def _look(found: os.stat_result) -> _Look:
    return found.st_size, found.st_mtime_ns, found.st_ino


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_READ):
            digest.update(piece)
    return digest.hexdigest()
