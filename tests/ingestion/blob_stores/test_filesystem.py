"""The filesystem blob store keeps the contract, and leaves nothing half-written."""

import io
import os
import stat
from pathlib import Path

import pytest

from ingestion.blob_stores.filesystem import FilesystemBlobStore
from tests.contracts.blob_store import KIBIBYTE, LIBRARY, BlobStoreContract


class TestFilesystemBlobStore(BlobStoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> FilesystemBlobStore:
        return FilesystemBlobStore(tmp_path / "blobs")

    def test_a_stream_that_breaks_leaves_no_file(self, store: FilesystemBlobStore) -> None:
        class Broken(io.BytesIO):
            def read(self, size: int | None = -1, /) -> bytes:
                raise ConnectionError("the client left")

        with pytest.raises(ConnectionError):
            store.put(Broken(), LIBRARY, KIBIBYTE)

        assert [path for path in store.folder.rglob("*") if path.is_file()] == []

    def test_originals_are_readable_by_their_owner_alone(self, store: FilesystemBlobStore) -> None:
        blob = store.put(io.BytesIO(b"abc"), LIBRARY, KIBIBYTE)

        assert stat.S_IMODE((store.folder / blob.key).stat().st_mode) == 0o600

    def test_a_new_collections_folder_outlives_a_power_cut(
        self, store: FilesystemBlobStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        synced: list[Path] = []

        def noted(descriptor: int) -> None:
            synced.append(Path(f"/proc/self/fd/{descriptor}").readlink())

        monkeypatch.setattr(os, "fsync", noted)
        blob = store.put(io.BytesIO(b"abc"), LIBRARY, KIBIBYTE)
        home = (store.folder / blob.key).parent
        [file] = [path for path in synced if path not in {home, store.folder, store.folder.parent}]
        assert synced == [store.folder, store.folder.parent, file, home]

        synced.clear()
        store.put(io.BytesIO(b"def"), LIBRARY, KIBIBYTE)
        assert synced[1:] == [home]
