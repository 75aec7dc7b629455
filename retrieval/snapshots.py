"""What indexes leave on disk: caches that are whole and proven by a manifest, or are not there.

`snapshots/<collection>-<generation>/<seq>/` is shared by the processes of a machine. A snapshot is written elsewhere,
synced and renamed to its place; one that does not verify is deleted, never loaded.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

from retrieval.errors import IndexDamaged
from retrieval.types import CollectionId

FORMAT = 4  # of what is on disk, the tokenizer's terms included: another one is rebuilt
KEPT = 2  # the newest, and one more for a process that may be reading it just now
MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a snapshot is of: whose vectors, of which collection and generation, after which change."""

    collection: CollectionId
    generation: int
    fingerprint: str
    seq: int
    format: int = FORMAT


@dataclass(frozen=True, slots=True)
class Snapshots:
    """The snapshots below one folder."""

    folder: Path

    def collections(self) -> set[CollectionId]:
        """Those of which anything is kept."""
        numbers = (name.partition("-")[0] for name in _names(self.folder))
        return {CollectionId(int(number)) for number in numbers if number.isdecimal()}

    def seqs(self, collection: CollectionId, generation: int) -> list[int]:
        """The seqs of which there are snapshots, newest first."""
        names = _names(self._home(collection, generation))
        return sorted((int(name) for name in names if name.isdecimal()), reverse=True)

    def size(self, collection: CollectionId) -> int:
        """The bytes of all that is kept of a collection."""
        homes = (self.folder / name for name, _ in self._generations(collection))
        return sum(_size(path) for home in homes for path in _files(home))

    def verified(self, stamp: Stamp) -> Path:
        """The folder of that snapshot; raises IndexDamaged where one bit of it is not as it was written."""
        place = self._place(stamp)
        try:
            listed = _read_manifest(place / MANIFEST, stamp)
            found = {path.relative_to(place).as_posix() for path in _files(place)} - {MANIFEST}
            if found != set(listed):
                raise IndexDamaged(f"{place}: its files are not those of its manifest")
            for name, digest in listed.items():
                if _sha256(place / name) != digest:
                    raise IndexDamaged(f"{place / name}: not as it was written")
        except OSError as error:
            raise IndexDamaged(f"{place}: {error}") from error
        return place

    def publish(self, draft: Path, stamp: Stamp) -> None:
        """Give the folder `draft`, on the same file system, its manifest and its place; older snapshots go.

        Raises OSError where the disk does not take it; what was there before then still is.
        """
        for path in _files(draft):
            _sync(path)
        digests = {path.relative_to(draft).as_posix(): _sha256(path) for path in _files(draft)}
        body = {**asdict(stamp), "files": digests}
        manifest = draft / MANIFEST
        manifest.write_text(json.dumps({**body, "digest": _digest(body)}, sort_keys=True, indent=1), encoding="utf-8")
        _sync(manifest)
        for folder, _, _ in os.walk(draft):
            _sync(Path(folder))
        place = self._place(stamp)
        place.parent.mkdir(parents=True, exist_ok=True)
        draft.rename(place)
        _sync(place.parent)
        for seq in self.seqs(stamp.collection, stamp.generation)[KEPT:]:
            self.discard(stamp.collection, stamp.generation, seq)

    def discard_before(self, stamp: Stamp) -> None:
        """Delete what is kept of that generation from before."""
        for seq in self.seqs(stamp.collection, stamp.generation):
            if seq < stamp.seq:
                self.discard(stamp.collection, stamp.generation, seq)

    def discard(self, collection: CollectionId, generation: int, seq: int) -> None:
        """Delete one snapshot, if it is there."""
        shutil.rmtree(self._home(collection, generation) / str(seq), ignore_errors=True)

    def discard_older(self, collection: CollectionId, generation: int) -> None:
        """Delete what is kept of generations before this one."""
        for name, other in self._generations(collection):
            if other < generation:
                shutil.rmtree(self.folder / name, ignore_errors=True)

    def discard_all(self, collection: CollectionId) -> None:
        """Delete all that is kept of a collection."""
        for name, _ in self._generations(collection):
            shutil.rmtree(self.folder / name, ignore_errors=True)

    def _generations(self, collection: CollectionId) -> list[tuple[str, int]]:
        parts = [(name, *name.partition("-")) for name in _names(self.folder)]
        return [(name, int(last)) for name, first, _, last in parts if first == str(collection) and last.isdecimal()]

    def _home(self, collection: CollectionId, generation: int) -> Path:
        return self.folder / f"{collection}-{generation}"

    def _place(self, stamp: Stamp) -> Path:
        return self._home(stamp.collection, stamp.generation) / str(stamp.seq)


def _read_manifest(path: Path, stamp: Stamp) -> dict[str, str]:
    """The digests by file name of a manifest that is whole and of that stamp."""
    try:
        body = cast("dict[str, object]", json.loads(path.read_text(encoding="utf-8")))
    except ValueError as error:
        raise IndexDamaged(f"{path}: {error}") from error
    if not isinstance(body, dict) or body.pop("digest", None) != _digest(body):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise IndexDamaged(f"{path}: not as it was written")
    files = cast("dict[str, str]", body.pop("files"))
    if body != asdict(stamp):
        raise IndexDamaged(f"{path}: of another index, or of another version of Openbook")
    return files


def _digest(body: object) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if not path.is_dir())


def _size(path: Path) -> int:
    """Nothing of a file that another process has just deleted."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _names(folder: Path) -> list[str]:
    """What lies in a folder, which another process may just be deleting."""
    try:
        return os.listdir(folder)  # noqa: PTH208 - pathlib's way stops half-way at the same race
    except FileNotFoundError:
        return []


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
