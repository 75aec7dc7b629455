"""A collection in one file: originals, chunks and vectors of the versions that answer; and back, without a model.

Documents that come in go the way of every upload: registered, then published under a job's fence. An import that is
repeated, or dies half way, doubles nothing: the same bytes in the same collection are one document. Nothing in the file
is believed: keys are made anew from what the model sees, originals are told by their content, vectors are measured.
"""

import io
import secrets
from collections.abc import Iterator
from typing import BinaryIO, Final

import orjson

from app.archives import archive
from app.archives.archive import Member
from app.archives.entries import Opening, opening_entry
from app.archives.readers import Checking, Imported, OtherIndex, Publishing, Uploading, read
from app.db.copies.exchange import CollectionDump, Leaving
from app.db.copies.pins import Pin
from app.db.types import CollectionRecord
from app.wiring import Services
from ingestion.errors import BlobMissing
from ingestion.types import WorkerId
from retrieval.ports import Embedder
from retrieval.types import CollectionId

KIND: Final = "collection"
FORMAT: Final = 1
_READ: Final = 1 << 20


def export(services: Services, collection: CollectionId, file: BinaryIO) -> int:
    """Write a collection as it is at this instant; gives how many documents that are. Raises UnknownCollection.

    A document whose original is lost is left out.
    """
    written = 0
    with services.pins.hold() as pin, services.exchange.dump(collection) as dump:

        def members() -> Iterator[Member]:
            nonlocal written
            for leaving in dump.documents():
                try:
                    content = services.blobs.open(leaving.blob)
                except BlobMissing:
                    continue
                with content:
                    yield from _document(f"documents/{written:06}", leaving, content, dump, pin)
                written += 1

        opening: dict[str, object] = {
            "created_at": dump.created_at,
            "name": dump.name,
            "fingerprint": dump.fingerprint,
            "redact": dump.redact,
            "blackened": dump.blackened,
        }
        archive.write(file, KIND, FORMAT, opening, members())
    return written


def take_in(services: Services, file: BinaryIO, name: str | None, *, anew: bool = False) -> Imported:
    """Import a file into the collection of that name, or of its own; `anew` ingests the originals and nothing else.

    All of the file is checked before any of it is taken. Raises ArchiveError, OtherIndex, Unfit and StorageFull.
    """
    opening = opening_entry(archive.opening(file, KIND, FORMAT))
    archive.verify(file)
    collection = services.collections.by_name(name or opening.name)
    embedder = None if anew else _embedder(services, opening, collection)
    read(file, Checking(services, embedder))
    if collection is None:
        collection = services.collections.create(name or opening.name, services.embedder.fingerprint, opening.redact)
    imported = Imported(collection.name)
    if embedder is None:
        read(file, Uploading(services, collection.id, imported))
        return imported
    worker = WorkerId(f"import-{secrets.token_hex(8)}")
    try:
        read(file, Publishing(services, collection.id, embedder, worker, imported))
    finally:
        services.jobs.release(worker)
    return imported


def _document(folder: str, leaving: Leaving, content: BinaryIO, dump: CollectionDump, pin: Pin) -> Iterator[Member]:
    about = orjson.dumps(leaving.entry)
    yield Member(f"{folder}/about.json", len(about), [about])
    size = content.seek(0, io.SEEK_END)
    content.seek(0)
    yield Member(f"{folder}/original", size, _pieces(content, dump, pin))
    yield from archive.lines(folder, dump.chunks(leaving.version))


def _pieces(content: BinaryIO, dump: CollectionDump, pin: Pin) -> Iterator[bytes]:
    while piece := content.read(_READ):
        yield piece
        pin.renew()
        dump.stay()


def _embedder(services: Services, opening: Opening, collection: CollectionRecord | None) -> Embedder:
    """The one that made the vectors; nothing is embedded by it, its tokens and sizes are what counts."""
    ours = collection.fingerprint if collection is not None else services.embedder.fingerprint
    if ours != opening.fingerprint:
        raise OtherIndex(
            f"its vectors are of {opening.fingerprint}, and the collection's are of {ours}: "
            "import it anew, which ingests its originals again"
        )
    stricter = set(collection.redact if collection else opening.redact) - set(opening.blackened)
    if stricter:
        raise OtherIndex(
            f"this collection blackens {', '.join(sorted(stricter))}, and the file's chunks may hold that: "
            "import it anew, which ingests its originals again"
        )
    return services.embedders.of(ours)
