"""Original files in a local folder, under generated names."""

import errno
import hashlib
import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ingestion.errors import BlobMissing, StorageFull, TooLarge
from ingestion.ports import BlobStore
from ingestion.types import Blob, BlobKey
from retrieval.types import CollectionId

_PIECE = 1 << 20
_UNFINISHED = ".part"


@dataclass(frozen=True, slots=True)
class FilesystemBlobStore(BlobStore):
    """One file per blob in `<folder>/<collection>/`; written aside, synced, then renamed."""

    folder: Path

    def put(self, content: BinaryIO, collection: CollectionId, max_bytes: int, key: BlobKey | None = None) -> Blob:
        key = key or BlobKey(f"{collection}/{secrets.token_hex(16)}")
        path = self._path(key)
        unfinished = path.with_suffix(_UNFINISHED)
        try:
            self._make_folder(path.parent)
            sha256, size = _write(content, unfinished, max_bytes)
            unfinished.rename(path)
            _sync_folder(path.parent)
        except OSError as error:
            unfinished.unlink(missing_ok=True)
            if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
                raise StorageFull("no room is left for originals: free some and upload again") from error
            raise
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
        return Blob(key, sha256, size)

    def open(self, key: BlobKey) -> BinaryIO:
        try:
            return self._path(key).open("rb")
        except FileNotFoundError as error:
            raise BlobMissing(f"the original {key} is not in {self.folder.name}/: restore it from a backup") from error

    def delete(self, key: BlobKey) -> None:
        self._path(key).unlink(missing_ok=True)

    def stored(self) -> Iterator[tuple[BlobKey, float]]:
        now = time.time()
        for path in self.folder.glob("*/*"):
            try:
                age = now - path.stat().st_mtime
            except FileNotFoundError:
                continue  # deleted while we walked
            yield BlobKey(f"{path.parent.name}/{path.name}"), age

    def _make_folder(self, folder: Path) -> None:
        """A new folder's own name is synced as well: else a lost power takes it away with all that is in it."""
        try:
            folder.mkdir(mode=0o700, parents=True)
        except FileExistsError:
            return
        _sync_folder(self.folder)
        _sync_folder(self.folder.parent)

    def _path(self, key: BlobKey) -> Path:
        collection, name = key.split("/")
        return self.folder / collection / name


def _write(content: BinaryIO, path: Path, max_bytes: int) -> tuple[str, int]:
    digest = hashlib.sha256()
    size = 0
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        while piece := content.read(_PIECE):
            size += len(piece)
            if size > max_bytes:
                raise TooLarge(f"the file is larger than {max_bytes >> 20} MiB (OPENBOOK_UPLOAD_MAX_MEBIBYTES)")
            digest.update(piece)
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest(), size


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
