"""A blob store whose deletions wait for whoever copies originals."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from app.db.errors import DatabaseUnavailable
from app.db.pins import PinStore
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
            held = self.pins.held()
        except DatabaseUnavailable as error:
            logger.warning("an original is kept for the sweep, since nobody says whether it is pinned: %s", error)
            held = True
        if not held:
            self.blobs.delete(key)

    def stored(self) -> Iterator[tuple[BlobKey, float]]:
        return self.blobs.stored()
