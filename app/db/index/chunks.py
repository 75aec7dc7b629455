"""Hits as they are read from the database, the only judge of what is live, in scope and passes the filter."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Row, Select, Subquery, func, select
from sqlalchemy.orm import InstrumentedAttribute

from app.db import tables
from app.db.database import Database
from app.db.index import filters
from app.db.library.metadata import from_json
from app.db.sql import among, ints, unindexed
from retrieval.duplicates import PLACES
from retrieval.ports import ChunkSource
from retrieval.regions import region_of
from retrieval.types import (
    Chunk,
    ChunkId,
    ChunkIds,
    CollectionId,
    Filter,
    HalfMatrix,
    Place,
    PlacedChunk,
    Placement,
    Scope,
    Source,
)


@dataclass(frozen=True, slots=True)
class ChunkStore(ChunkSource):
    """Live chunks; a placement's `version` is the document's version number, as the API counts."""

    db: Database

    def placed(self, ids: Sequence[ChunkId], scope: Scope, filter: Filter) -> list[PlacedChunk]:
        """As the port says; a chunk that stands in several documents is given in the oldest that passes."""
        statement = _placed(()) if not filter else _hydrated(filter)
        if not ids or not scope.collections:
            return []
        wanted = {"ids": [int(chunk) for chunk in ids], "collections": sorted(scope.collections)}
        with self.db.read() as session:
            found = {row.id: row for row in session.connection().execute(statement, wanted)}
        return [_placed_chunk(found[chunk]) for chunk in dict.fromkeys(wanted["ids"]) if chunk in found]

    def places(self, ids: Sequence[ChunkId], scope: Scope, filter: Filter) -> dict[ChunkId, tuple[Place, ...]]:
        if not ids or not scope.collections:
            return {}
        wanted = {"ids": [int(chunk) for chunk in ids], "collections": sorted(scope.collections)}
        found: dict[ChunkId, list[Place]] = {}
        with self.db.read() as session:
            for row in session.connection().execute(_others(filter), wanted):
                found.setdefault(ChunkId(row.chunk_id), []).append(Place(_source(row), tuple(row.pages)))
        return {chunk: tuple(places) for chunk, places in found.items()}

    def allowed(self, collection: CollectionId, filter: Filter) -> ChunkIds:
        statement = _live().where(tables.Document.collection_id == collection, *filters.of_all(filter)).distinct()
        with self.db.read() as session:
            ids = session.connection().execute(statement).scalars().all()
        return np.sort(np.array(ids, dtype=np.int64))


def _live() -> Select[int]:
    """The chunk of every place in which one is live, in whichever generation.

    A chunk is of one generation, so what an index that is just being replaced has found is still there to be read.
    """
    return (
        select(tables.Placement.chunk_id)
        .join(tables.Document, tables.Document.live_version_id == tables.Placement.version_id)
        .join(tables.Version, tables.Version.id == tables.Placement.version_id)
        .join(tables.Collection, tables.Collection.id == tables.Document.collection_id)
    )


def _numbered(filter: Filter) -> Subquery:
    """Every place of the chunks that are asked for, as narrow rows, numbered per chunk from the oldest document's."""
    order = func.row_number().over(
        partition_by=tables.Placement.chunk_id, order_by=(tables.Document.id, tables.Placement.ordinal)
    )
    standing = func.count().over(partition_by=tables.Placement.chunk_id)
    return (
        _live()
        .where(*filters.of_each(filter))
        .add_columns(tables.Placement.version_id, tables.Placement.generation, tables.Placement.ordinal)
        .add_columns(tables.Document.id.label("document_id"), order.label("place"), standing.label("standing"))
        .where(among(tables.Placement.chunk_id, ints(name="ids")))
        .where(among(unindexed(tables.Document.collection_id), ints(name="collections")))
        .subquery()
    )


def _others(filter: Filter) -> Select[*tuple[Any, ...]]:
    """The places after the first, as many as are told of."""
    places = _numbered(filter)
    return (
        select(places.c.chunk_id, tables.Placement.pages, *_source_columns())
        .select_from(places)
        .join(tables.Placement, _is_placement(places))
        .join(tables.Version, tables.Version.id == places.c.version_id)
        .join(tables.Document, tables.Document.id == places.c.document_id)
        .join(tables.Collection, tables.Collection.id == tables.Document.collection_id)
        .where(places.c.place.between(2, 1 + PLACES))
        .order_by(places.c.chunk_id, places.c.place)
    )


def _is_placement(places: Subquery) -> ColumnElement[bool]:
    return (
        (tables.Placement.version_id == places.c.version_id)
        & (tables.Placement.generation == places.c.generation)
        & (tables.Placement.ordinal == places.c.ordinal)
    )


def _hydrated(filter: Filter) -> Select[*tuple[Any, ...]]:
    """First the one place of each chunk, from narrow rows; then its texts, by primary keys."""
    places = _numbered(filter)
    return (
        select(
            tables.Chunk.id,
            tables.Chunk.text,
            tables.Chunk.headings,
            tables.Chunk.sentences,
            tables.Chunk.language,
            tables.Chunk.tokens,
            tables.Embedding.sentence_vectors,
            tables.Version.number,
            tables.Placement.ordinal,
            tables.Placement.pages,
            tables.Placement.regions,
            tables.Placement.page_labels,
            places.c.standing,
            *_source_columns(),
        )
        .select_from(places)
        .join(tables.Placement, _is_placement(places))
        .join(tables.Chunk, tables.Chunk.id == places.c.chunk_id)
        .join(tables.Embedding, tables.Embedding.id == tables.Chunk.embedding_id)
        .join(tables.Version, tables.Version.id == places.c.version_id)
        .join(tables.Document, tables.Document.id == places.c.document_id)
        .join(tables.Collection, tables.Collection.id == tables.Chunk.collection_id)
        .where(places.c.place == 1)
    )


@lru_cache(maxsize=1)
def _placed(filter: tuple[()]) -> Select[*tuple[Any, ...]]:
    """The statement of every unfiltered search, built once."""
    return _hydrated(filter)


def _placed_chunk(row: Row[*tuple[Any, ...]]) -> PlacedChunk:
    return PlacedChunk(
        chunk=Chunk(
            id=ChunkId(row.id),
            text=row.text,
            headings=tuple(row.headings),
            sentences=tuple(cast("list[tuple[int, int]]", [(start, end) for start, end in row.sentences])),
            language=row.language,
            tokens=row.tokens,
        ),
        placement=Placement(
            version=row.number,
            ordinal=row.ordinal,
            pages=tuple(row.pages),
            regions=tuple(map(region_of, row.regions)),
            page_labels=tuple(row.page_labels or ()),
        ),
        source=_source(row),
        sentence_vectors=_half_matrix(row.sentence_vectors, len(row.sentences)),
        is_shared=row.standing > 1,
    )


def _source_columns() -> tuple[ColumnElement[Any] | InstrumentedAttribute[Any], ...]:
    """What a `Source` is made of."""
    return (
        tables.Document.id.label("document"),
        tables.Document.name,
        tables.Version.title,
        tables.Collection.name.label("collection"),
        tables.Version.media_type,
        tables.Version.metadata_.label("metadata"),
        tables.Version.effective_at,
    )


def _source(row: Row[*tuple[Any, ...]]) -> Source:
    return Source(
        id=row.document,
        name=row.name,
        title=row.title,
        collection=row.collection,
        media_type=row.media_type,
        metadata=from_json(row.metadata),
        effective_at=row.effective_at,
    )


def _half_matrix(content: bytes, rows: int) -> HalfMatrix:
    flat: NDArray[np.float16] = np.frombuffer(content, dtype="<f2")
    return flat.reshape(rows, -1) if rows else flat.reshape(0, 0)
