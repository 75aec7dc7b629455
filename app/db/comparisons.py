"""Two versions of a document side by side: which chunks came, which went, which stayed, in reading order."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from difflib import SequenceMatcher
from typing import TypeAlias

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import document_rows, models
from app.db.errors import Conflict
from app.db.sql import among
from app.db.types import ChunkChange, ChunkRecord, ComparedChunk, Comparison, Paged
from ingestion.errors import UnknownDocument
from ingestion.types import DocumentId

Place: TypeAlias = tuple[ChunkChange, int]
"""What became of a chunk, and its ordinal: in the old version if it was removed, else in the new one."""


def compare(
    session: Session,
    document: DocumentId,
    numbers: tuple[int, int],
    wanted: Collection[ChunkChange],
    start: int,
    limit: int,
) -> Comparison:
    """What became of the first version's chunks in the second, of the kinds that are wanted, from the `start`-th on.

    A chunk that moved was removed and added. Raises UnknownDocument, and Conflict for a version that has no chunks.
    """
    home = select(models.Document.collection_id).where(models.Document.id == document).scalar_subquery()
    generation = session.execute(select(models.Collection.generation).where(models.Collection.id == home)).scalar_one()
    before, after = (_version(session, document, generation, number) for number in numbers)
    places = list(_places(before[1], after[1]))
    counts = Counter(change for change, _ in places)
    asked = [place for place in places if place[0] in wanted]
    following = start + limit
    some = asked[start:following]
    removed = _chunks(session, before[0], generation, [ordinal for change, ordinal in some if change == "removed"])
    others = _chunks(session, after[0], generation, [ordinal for change, ordinal in some if change != "removed"])
    rows = tuple(ComparedChunk(c, removed[ordinal] if c == "removed" else others[ordinal]) for c, ordinal in some)
    page = Paged(rows, str(following) if following < len(asked) else None)
    return Comparison(counts["added"], counts["removed"], counts["kept"], page)


def _version(session: Session, document: DocumentId, generation: int, number: int) -> tuple[int, Sequence[int]]:
    """The version's id, and its chunks in reading order."""
    version = session.execute(
        select(models.Version.id, models.Version.status).where(
            models.Version.document_id == document,
            models.Version.number == number,
            models.Version.retired_at.is_(None),
        )
    ).one_or_none()
    if version is None:
        raise UnknownDocument(f"document {document} has no version {number}")
    placed = select(models.Placement.chunk_id).where(
        models.Placement.version_id == version.id, models.Placement.generation == generation
    )
    chunks = session.connection().execute(placed.order_by(models.Placement.ordinal)).scalars().all()
    if not chunks:
        raise Conflict(f"version {number} is {version.status} and has no chunks to compare")
    return version.id, chunks


def _places(old: Sequence[int], new: Sequence[int]) -> Iterator[Place]:
    for tag, old_start, old_end, new_start, new_end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag != "equal":
            for ordinal in range(old_start, old_end):
                yield "removed", ordinal
        for ordinal in range(new_start, new_end):
            yield ("kept" if tag == "equal" else "added"), ordinal


def _chunks(session: Session, version: int, generation: int, ordinals: Sequence[int]) -> dict[int, ChunkRecord]:
    rows = session.execute(
        document_rows.placed_chunks().where(
            models.Placement.version_id == version,
            models.Placement.generation == generation,
            among(models.Placement.ordinal, ordinals),
        )
    )
    return {row.ordinal: document_rows.chunk(row) for row in rows}
