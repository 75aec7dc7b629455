"""Collections: made, listed, and deleted with all that is in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select, delete, exists, func, select, update
from sqlalchemy.orm import Session

from app.db import tables
from app.db.clock import Clock, utc_now
from app.db.cursors import of_text, text_in
from app.db.database import Database
from app.db.errors import Conflict
from app.db.library.deletion import drop_blobs
from app.db.sql import among, byte_order, changed, insert_if_new
from app.db.types import CollectionRecord, Paged
from ingestion.types import BlobKey, PersonalKind
from retrieval.errors import UnknownCollection
from retrieval.types import CollectionId, Scope

IN_COLLECTION = (
    tables.Chunk,
    tables.HypotheticalQuestions,
    tables.Embedding,
    tables.ParsedBlob,
    tables.Change,
    tables.Reindex,
    tables.KeyCollection,
)


@dataclass(frozen=True, slots=True)
class CollectionStore:
    """Every collection, by name; narrowing to what an asker may see is `only`."""

    db: Database
    pipeline: str | None = None
    clock: Clock = utc_now

    def list(self, only: frozenset[CollectionId] | None = None) -> "list[CollectionRecord]":
        """Those in `only`, or all where it is None, by name."""
        statement = _records().order_by(byte_order(tables.Collection.name))
        if only is not None:
            statement = statement.where(among(tables.Collection.id, only))
        with self.db.read() as session:
            return [_record(row) for row in session.execute(statement)]

    def page(self, only: frozenset[CollectionId] | None, limit: int, cursor: str | None) -> Paged[CollectionRecord]:
        """The same, a page at a time. Raises InvalidCursor."""
        name = byte_order(tables.Collection.name)
        statement = _records().order_by(name).limit(limit + 1)
        if only is not None:
            statement = statement.where(among(tables.Collection.id, only))
        if cursor is not None:
            statement = statement.where(name > text_in(cursor, "collections"))
        with self.db.read() as session:
            records = tuple(_record(row) for row in session.execute(statement))
        return Paged(records[:limit], of_text(records[limit - 1].name) if len(records) > limit else None)

    def ids(self, only: frozenset[CollectionId] | None = None) -> dict[str, CollectionId]:
        """Those in `only`, or all where it is None, by name; every search asks, so nothing is counted."""
        statement = select(tables.Collection.name, tables.Collection.id)
        if only is not None:
            statement = statement.where(among(tables.Collection.id, only))
        with self.db.read() as session:
            return {row.name: CollectionId(row.id) for row in session.execute(statement)}

    def chunks(self) -> "dict[CollectionId, int]":
        """How many chunks the documents of each collection answer with; one in many documents counts in each."""
        statement = (
            select(tables.Document.collection_id, func.sum(tables.Version.chunks).label("chunks"))
            .join(tables.Version, tables.Version.id == tables.Document.live_version_id)
            .group_by(tables.Document.collection_id)
        )
        with self.db.read() as session:
            return {CollectionId(row.collection_id): int(row.chunks or 0) for row in session.execute(statement)}

    def by_name(self, name: str) -> CollectionRecord | None:
        with self.db.read() as session:
            row = session.execute(_records().where(tables.Collection.name == name)).first()
        return None if row is None else _record(row)

    def ensure(self, name: str, fingerprint: str) -> CollectionRecord:
        """The collection of that name, made if it is not there; an existing one keeps its own fingerprint."""
        return self.by_name(name) or self._make(name, fingerprint)[0]

    def create(self, name: str, fingerprint: str, redact: Sequence[PersonalKind] = ()) -> CollectionRecord:
        """Raises Conflict when the name is taken."""
        record, is_new = self._make(name, fingerprint, redact)
        if not is_new:
            raise Conflict(f"a collection named {name!r} is already there")
        return record

    def update(self, name: str, redact: Sequence[PersonalKind]) -> CollectionRecord:
        """From now on files are read so; what was read before stays as it is. Raises UnknownCollection."""
        mine = tables.Collection.name == name
        with self.db.write() as session:
            session.execute(update(tables.Collection).where(mine).values(redact=sorted(redact)))
            if self.pipeline is not None:  # where nothing was read before, all will have been read so
                is_empty = ~exists().where(tables.Document.collection_id == tables.Collection.id)
                made_by = (
                    update(tables.Collection).where(mine, is_empty).values(pipeline=pipeline_of(self.pipeline, redact))
                )
                session.execute(made_by.execution_options(synchronize_session=False))
            row = session.execute(_records().where(mine)).first()
        if row is None:
            raise UnknownCollection(f"there is no collection named {name!r}")
        return _record(row)

    def adapt(self, name: str, adapter: str | None) -> CollectionRecord:
        """Answers over it are written with this adapter of the served model from now on. Raises UnknownCollection."""
        mine = tables.Collection.name == name
        with self.db.write() as session:
            session.execute(update(tables.Collection).where(mine).values(adapter=adapter))
            row = session.execute(_records().where(mine)).first()
        if row is None:
            raise UnknownCollection(f"there is no collection named {name!r}")
        return _record(row)

    def fingerprints(self, scope: Scope) -> frozenset[str]:
        """Of the embedders that the collections in scope answer by."""
        statement = select(tables.Collection.fingerprint).where(among(tables.Collection.id, scope.collections))
        with self.db.read() as session:
            return frozenset(session.scalars(statement))

    def adapter_of(self, scope: Scope) -> str | None:
        """The adapter that all collections in scope agree on; None where they differ or have none."""
        statement = select(tables.Collection.adapter).where(among(tables.Collection.id, scope.collections)).distinct()
        with self.db.read() as session:
            adapters = session.scalars(statement).all()
        return adapters[0] if len(adapters) == 1 else None

    def delete(self, name: str) -> "list[BlobKey]":
        """Delete it with everything in it; gives the blobs left without a reference. Raises UnknownCollection."""
        with self.db.write() as session:
            found = select(tables.Collection.id).where(tables.Collection.name == name).with_for_update()
            collection = session.execute(found).scalar_one_or_none()
            if collection is None:
                raise UnknownCollection(f"there is no collection named {name!r}")
            return _delete(session, collection)

    def _make(self, name: str, fingerprint: str, redact: Sequence[PersonalKind] = ()) -> tuple[CollectionRecord, bool]:
        row = {
            "name": name,
            "fingerprint": fingerprint,
            "generation": 1,
            "seq": 0,
            "redact": sorted(redact),
            "pipeline": pipeline_of(self.pipeline, redact) if self.pipeline is not None else None,
            "created_at": self.clock(),
        }
        with self.db.write() as session:
            is_new = insert_if_new(session, tables.Collection, row)
            return _record(session.execute(_records().where(tables.Collection.name == name)).one()), is_new


def pipeline_of(pipeline: str, redact: Sequence[str] | None) -> str:
    """What cuts a collection's chunks today: parser and chunker, and what is blackened before."""
    return " -".join([pipeline, *sorted(redact or ())])


def blackened(pipeline: str | None) -> frozenset[str]:
    """What was blackened in all that the pipeline of this description made; of an unknown one, nothing."""
    return frozenset((pipeline or "").split(" -")[1:])


def _delete(session: Session, collection: int) -> list[BlobKey]:
    """From the leaves to the root, jobs first: the order in which every other transaction locks."""
    documents = select(tables.Document.id).where(tables.Document.collection_id == collection)
    versions = select(tables.Version.id).where(tables.Version.document_id.in_(documents))
    blobs = set(session.scalars(select(tables.Version.blob_key).where(tables.Version.document_id.in_(documents))))
    mine = tables.Document.collection_id == collection
    session.execute(delete(tables.Job).where(tables.Job.document_id.in_(documents)))
    session.execute(update(tables.Document).where(mine).values(live_version_id=None))
    session.execute(delete(tables.Placement).where(tables.Placement.version_id.in_(versions)))
    session.execute(delete(tables.MetadataValue).where(tables.MetadataValue.version_id.in_(versions)))
    session.execute(delete(tables.Version).where(tables.Version.document_id.in_(documents)))
    session.execute(delete(tables.Document).where(mine))
    for model in IN_COLLECTION:
        session.execute(delete(model).where(model.collection_id == collection))
    if changed(session.execute(delete(tables.Collection).where(tables.Collection.id == collection))) != 1:
        raise UnknownCollection(f"collection {collection} is gone")
    return drop_blobs(session, blobs)


def _records() -> Select[*tuple[Any, ...]]:
    documents = select(func.count()).where(tables.Document.collection_id == tables.Collection.id).scalar_subquery()
    return select(
        tables.Collection.id,
        tables.Collection.name,
        tables.Collection.generation,
        tables.Collection.fingerprint,
        tables.Collection.redact,
        tables.Collection.pipeline,
        tables.Collection.adapter,
        tables.Collection.created_at,
        documents.label("documents"),
    )


def _record(row: Row[Any]) -> CollectionRecord:
    return CollectionRecord(
        id=CollectionId(row.id),
        name=row.name,
        generation=row.generation,
        fingerprint=row.fingerprint,
        documents=row.documents,
        redact=tuple(row.redact or ()),
        pipeline=row.pipeline,
        adapter=row.adapter,
        created_at=row.created_at,
    )
