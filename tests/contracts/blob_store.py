"""What every blob store must do."""

import io

import pytest

from ingestion.errors import BlobMissing, TooLarge
from ingestion.ports import BlobStore
from ingestion.types import BlobKey
from retrieval.types import CollectionId

LIBRARY = CollectionId(7)
KIBIBYTE = 1024
EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
ABC_SHA256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


class BlobStoreContract:
    """Inherit, and give a `store` fixture."""

    def test_what_was_put_can_be_opened(self, store: BlobStore) -> None:
        blob = store.put(io.BytesIO(b"abc"), LIBRARY, KIBIBYTE)

        with store.open(blob.key) as file:
            assert file.read() == b"abc"
        assert (blob.sha256, blob.size) == (ABC_SHA256, 3)

    def test_the_same_bytes_twice_are_two_blobs(self, store: BlobStore) -> None:
        first = store.put(io.BytesIO(b"abc"), LIBRARY, KIBIBYTE)
        second = store.put(io.BytesIO(b"abc"), LIBRARY, KIBIBYTE)
        store.delete(first.key)

        with store.open(second.key) as file:
            assert file.read() == b"abc"

    def test_a_restored_blob_lies_under_the_key_that_it_had_in_the_place_of_what_is_there(
        self, store: BlobStore
    ) -> None:
        key = store.put(io.BytesIO(b"half of it"), LIBRARY, KIBIBYTE).key

        assert store.put(io.BytesIO(b"abc"), LIBRARY, KIBIBYTE, key).key == key

        with store.open(key) as file:
            assert file.read() == b"abc"
        assert [stored for stored, _ in store.stored()] == [key]

    def test_an_empty_stream_is_a_blob(self, store: BlobStore) -> None:
        assert store.put(io.BytesIO(), LIBRARY, KIBIBYTE).sha256 == EMPTY_SHA256

    def test_past_the_cap_nothing_is_kept(self, store: BlobStore) -> None:
        with pytest.raises(TooLarge, match="OPENBOOK_UPLOAD_MAX_MEBIBYTES"):
            store.put(io.BytesIO(b"x" * (KIBIBYTE + 1)), LIBRARY, KIBIBYTE)

        assert list(store.stored()) == []

    def test_a_deleted_blob_is_missing(self, store: BlobStore) -> None:
        blob = store.put(io.BytesIO(b"abc"), LIBRARY, KIBIBYTE)
        store.delete(blob.key)
        store.delete(blob.key)

        with pytest.raises(BlobMissing):
            store.open(blob.key)

    def test_all_that_is_stored_is_listed_with_its_age(self, store: BlobStore) -> None:
        keys = {store.put(io.BytesIO(text), LIBRARY, KIBIBYTE).key for text in (b"a", b"b")}

        ages = dict(store.stored())

        assert set(ages) == keys
        assert all(-5 < age < 60 for age in ages.values())

    def test_an_unknown_key_is_missing(self, store: BlobStore) -> None:
        with pytest.raises(BlobMissing):
            store.open(BlobKey("7/" + "0" * 32))
