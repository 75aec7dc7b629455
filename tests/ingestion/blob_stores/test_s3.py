"""The S3 blob store keeps the contract against a server that speaks S3."""

import uuid
from collections.abc import Iterator

import pytest
from moto.server import ThreadedMotoServer

from ingestion.blob_stores.s3 import S3BlobStore, connect
from tests.contracts.blob_store import BlobStoreContract


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
