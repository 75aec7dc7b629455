"""Two versions of a document side by side: which chunks came, which went, which stayed, in reading order."""

from bisect import bisect_left
from collections import Counter, defaultdict, deque
from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise
from typing import TypeAlias

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import tables
from app.db.errors import Conflict
from app.db.library import document_rows
from app.db.sql import among
from app.db.types import ChunkChange, ChunkRecord, ComparedChunk, Comparison, Paged
from ingestion.errors import UnknownDocument
from ingestion.types import DocumentId

Place: TypeAlias = tuple[ChunkChange, int]
"""What became of a chunk, and its ordinal: in the old version if it was removed, else in the new one."""
Pair: TypeAlias = tuple[int, int]
"""A chunk's ordinals in the old version and in the new one."""


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
    home = select(tables.Document.collection_id).where(tables.Document.id == document).scalar_subquery()
    generation = session.execute(select(tables.Collection.generation).where(tables.Collection.id == home)).scalar_one()
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
        select(tables.Version.id, tables.Version.status).where(
            tables.Version.document_id == document,
            tables.Version.number == number,
            tables.Version.retired_at.is_(None),
        )
    ).one_or_none()
    if version is None:
        raise UnknownDocument(f"document {document} has no version {number}")
    placed = select(tables.Placement.chunk_id).where(
        tables.Placement.version_id == version.id, tables.Placement.generation == generation
    )
    chunks = session.connection().execute(placed.order_by(tables.Placement.ordinal)).scalars().all()
    if not chunks:
        raise Conflict(f"version {number} is {version.status} and has no chunks to compare")
    return version.id, chunks


def _places(old: Sequence[int], new: Sequence[int]) -> Iterator[Place]:
    before = after = 0
    for stays, there in (*_kept(old, new), (len(old), len(new))):
        for ordinal in range(before, stays):
            yield "removed", ordinal
        for ordinal in range(after, there):
            yield "added", ordinal
        if there < len(new):
            yield "kept", there
        before, after = stays + 1, there + 1


def _kept(old: Sequence[int], new: Sequence[int]) -> Iterator[Pair]:
    """The ordinals of what stays, in both.

    Of chunks that stand once in each, as many stay as can in one order; then, between two of these, what stands next to
    them, and of the rest the first of its kind pairs with the first. No book takes more than a moment.
    """
    ends = (-1, -1), (len(old), len(new))
    anchors = [ends[0], *_rising(_once(old, new)), ends[1]]
    for (before, after), (until, end) in pairwise(anchors):
        yield from _between(old, new, (before + 1, after + 1), (until, end))
        if until < len(old):
            yield until, end


def _once(old: Sequence[int], new: Sequence[int]) -> list[Pair]:
    often, here = Counter(old), Counter(new)
    there = {chunk: ordinal for ordinal, chunk in enumerate(new)}
    return [(ordinal, there[chunk]) for ordinal, chunk in enumerate(old) if often[chunk] == here[chunk] == 1]


def _between(old: Sequence[int], new: Sequence[int], start: Pair, end: Pair) -> list[Pair]:
    (before, after), (until, to) = start, end
    head: list[Pair] = []
    while before < until and after < to and old[before] == new[after]:
        head.append((before, after))
        before, after = before + 1, after + 1
    tail: list[Pair] = []
    while before < until and after < to and old[until - 1] == new[to - 1]:
        until, to = until - 1, to - 1
        tail.append((until, to))
    places: dict[int, deque[int]] = defaultdict(deque)
    for ordinal in range(after, to):
        places[new[ordinal]].append(ordinal)
    alike = [(o, places[old[o]].popleft()) for o in range(before, until) if places.get(old[o])]
    return [*head, *_rising(alike), *reversed(tail)]


def _rising(pairs: Sequence[Pair]) -> list[Pair]:
    """The most of these pairs, which come by their first number, whose second numbers rise too."""
    ends: list[int] = []  # by length, the least second number that a rising row of so many can end with
    last: list[int] = []  # and the pair that it belongs to
    previous: list[int | None] = []
    for place, (_, there) in enumerate(pairs):
        length = bisect_left(ends, there)
        previous.append(last[length - 1] if length else None)
        ends[length : length + 1], last[length : length + 1] = [there], [place]
    rising: list[Pair] = []
    at = last[-1] if last else None
    while at is not None:
        rising.append(pairs[at])
        at = previous[at]
    return rising[::-1]


def _chunks(session: Session, version: int, generation: int, ordinals: Sequence[int]) -> dict[int, ChunkRecord]:
    rows = session.execute(
        document_rows.placed_chunks().where(
            tables.Placement.version_id == version,
            tables.Placement.generation == generation,
            among(tables.Placement.ordinal, ordinals),
        )
    )
    return {row.ordinal: document_rows.chunk(row) for row in rows}
