"""Original files in an S3 bucket (or what speaks its protocol), for services on several machines."""

import hashlib
import re
import secrets
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, BinaryIO, cast

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from ingestion.errors import BlobMissing, Outage, StorageFull, TooLarge
from ingestion.ports import BlobStore
from ingestion.types import Blob, BlobKey
from retrieval.types import CollectionId

_PIECE = 1 << 20
_IN_MEMORY = 8 << 20
_MISSING = "NoSuchKey"
_KEY = re.compile(r"\d+/[0-9a-f]{32}")  # what else lies in the bucket is not ours to list, nor to sweep


@dataclass(frozen=True, slots=True)
class S3BlobStore(BlobStore):
    """One object per blob; S3 acknowledges an object only when it is whole and durable."""

    client: Any  # boto3 makes its clients' classes at run time
    bucket: str

    def put(self, content: BinaryIO, collection: CollectionId, max_bytes: int, key: BlobKey | None = None) -> Blob:
        key = key or BlobKey(f"{collection}/{secrets.token_hex(16)}")
        digest = hashlib.sha256()
        size = 0
        with _answering(self.bucket), tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as spool:
            while piece := content.read(_PIECE):
                size += len(piece)
                if size > max_bytes:
                    raise TooLarge(f"the file is larger than {max_bytes >> 20} MiB (OPENBOOK_UPLOAD_MAX_MEBIBYTES)")
                digest.update(piece)
                spool.write(piece)
            spool.seek(0)
            self.client.put_object(Bucket=self.bucket, Key=key, Body=spool, ContentLength=size)
        return Blob(key, digest.hexdigest(), size)

    def open(self, key: BlobKey) -> BinaryIO:
        spool = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115  # the caller closes it
        try:
            with _answering(self.bucket):
                for piece in self.client.get_object(Bucket=self.bucket, Key=key)["Body"].iter_chunks(_PIECE):
                    spool.write(piece)
        except self.client.exceptions.NoSuchKey as error:
            spool.close()
            message = f"the original {key} is not in the bucket {self.bucket}: restore it from a backup"
            raise BlobMissing(message) from error
        except BaseException:
            spool.close()
            raise
        spool.seek(0)
        return spool  # pyright: ignore[reportReturnType]  # a BinaryIO in all but name

    def delete(self, key: BlobKey) -> None:
        with _answering(self.bucket):
            self.client.delete_object(Bucket=self.bucket, Key=key)

    def stored(self) -> Iterator[tuple[BlobKey, float]]:
        now = datetime.now(UTC)
        pages = iter(self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket))
        while (listing := self._next(pages)) is not None:
            for found in listing.get("Contents", []):
                if _KEY.fullmatch(found["Key"]):
                    yield BlobKey(found["Key"]), (now - found["LastModified"]).total_seconds()

    def _next(self, pages: Iterator[dict[str, Any]]) -> dict[str, Any] | None:
        with _answering(self.bucket):
            return next(pages, None)


def connect(bucket: str, endpoint_url: str | None) -> S3BlobStore:
    """Credentials and region come from where boto3 looks for them: environment, files, instance role."""
    client = cast("Any", boto3).client("s3", endpoint_url=endpoint_url)
    return S3BlobStore(client, bucket)


@contextmanager
def _answering(bucket: str) -> Generator[None]:
    """Turn what boto3 raises into StorageFull and Outage; a missing object's NoSuchKey alone passes."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        told: dict[str, Any] = error.response if isinstance(error, ClientError) else {}
        code: str | None = told.get("Error", {}).get("Code")
        if code == _MISSING:
            raise
        if told.get("ResponseMetadata", {}).get("HTTPStatusCode") == HTTPStatus.INSUFFICIENT_STORAGE:
            raise StorageFull(f"no room is left in the bucket {bucket}: free some and upload again") from error
        raise Outage(f"the bucket {bucket} does not answer ({code or type(error).__name__})") from error
