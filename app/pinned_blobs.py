"""A blob store whose deletions wait for whoever copies originals."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from app.db.copies.pins import PinStore
from ingestion.errors import Outage
from ingestion.ports import BlobStore
from ingestion.types import Blob, BlobKey
from retrieval.types import CollectionId

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PinnedBlobStore(BlobStore):
    """What cannot be deleted now is what no version refers to: the pin's holder deletes it, or the worker's sweep."""

    blobs: BlobStore
    pins: PinStore

    def put(self, content: BinaryIO, collection: CollectionId, max_bytes: int, key: BlobKey | None = None) -> Blob:
        return self.blobs.put(content, collection, max_bytes, key)

    def open(self, key: BlobKey) -> BinaryIO:
        return self.blobs.open(key)

    def delete(self, key: BlobKey) -> None:
        try:
            if not self.pins.held():
                self.blobs.delete(key)
        except Outage as error:
            logger.warning("an original is kept for the sweep: %s", error)

    def stored(self) -> Iterator[tuple[BlobKey, float]]:
        return self.blobs.stored()
