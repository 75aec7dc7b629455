"""The S3 blob store keeps the contract against a server that speaks S3."""

import io
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from botocore.stub import Stubber
from moto.server import ThreadedMotoServer

from ingestion.blob_stores.s3 import S3BlobStore, connect
from ingestion.errors import Outage, StorageFull
from tests.contracts.blob_store import KIBIBYTE, LIBRARY, BlobStoreContract


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


class TestS3BlobStore(BlobStoreContract):
    @pytest.fixture
    def store(self, endpoint: str, monkeypatch: pytest.MonkeyPatch) -> S3BlobStore:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        store = connect(f"openbook-{uuid.uuid4()}", endpoint)
        store.client.create_bucket(Bucket=store.bucket)
        return store

    def test_what_others_keep_in_the_bucket_is_neither_listed_nor_swept(self, store: S3BlobStore) -> None:
        for name in ("backups/2026.dump", "7/readme", "7/" + "0" * 32 + ".bak", "x/7/" + "0" * 32):
            store.client.put_object(Bucket=store.bucket, Key=name, Body=b"theirs")

        assert list(store.stored()) == []

    @pytest.mark.parametrize("away", ["server", "bucket"])
    def test_a_store_that_is_away_is_an_outage_of_no_file_s_making(
        self, store: S3BlobStore, monkeypatch: pytest.MonkeyPatch, away: str
    ) -> None:
        key = store.put(io.BytesIO(b"abc"), LIBRARY, KIBIBYTE).key
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        lost = connect(store.bucket, "http://127.0.0.1:9")
        if away == "bucket":
            lost = replace(store, bucket="openbook-of-nobody")
        asks: list[Callable[[], object]] = [
            lambda: lost.put(io.BytesIO(b"abc"), LIBRARY, KIBIBYTE),
            lambda: lost.open(key),
            lambda: lost.delete(key),
            lambda: list(lost.stored()),
        ]

        for ask in asks:
            with pytest.raises(Outage, match=lost.bucket):
                ask()

    def test_a_bucket_without_room_is_a_full_disk(self, store: S3BlobStore) -> None:
        with Stubber(store.client) as server:
            server.add_client_error("put_object", "XMinioStorageFull", http_status_code=507)
            with pytest.raises(StorageFull, match=store.bucket):
                store.put(io.BytesIO(b"abc"), LIBRARY, KIBIBYTE)
