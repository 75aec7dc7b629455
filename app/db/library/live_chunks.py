"""Which chunks come alive and which cease when documents switch their live versions, and the log of it.

A chunk is live while some document's live version holds it in the collection's generation. Callers hold the
collection's lock: two transactions that each left a chunk to the other would leave it in the indexes for ever.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

import numpy as np
from sqlalchemy import Select, bindparam, exists, select, update
from sqlalchemy.orm import Session, aliased

from app.db import tables
from app.db.sql import among, filled, insert_all, ints, texts

Switch: TypeAlias = tuple[frozenset[int], frozenset[int]]
"""The chunks that came alive, and those that ceased."""


@dataclass(frozen=True, slots=True)
class LiveSets:
    """What the documents of one transaction hold alive, next to what all others do."""

    elsewhere: frozenset[int]
    here: dict[str, frozenset[int]]
    holders: Counter[int]

    def switch(self, document: str, chunks: Iterable[int]) -> Switch:
        """From now on the document's live version holds these chunks."""
        before, after = self.here.get(document, frozenset[int]()), frozenset(chunks)
        self.here[document] = after
        came = frozenset(c for c in after - before if c not in self.elsewhere and self.holders[c] == 0)
        ceased = frozenset(c for c in before - after if c not in self.elsewhere and self.holders[c] == 1)
        self.holders.update(after - before)
        self.holders.subtract(before - after)
        return came, ceased


def load(session: Session, generation: int, documents: Collection[str], chunks: Iterable[int]) -> LiveSets:
    """The live sets as they stand, for documents that are about to switch to any of these chunks, or away."""
    here: dict[str, set[int]] = {document: set() for document in documents}
    current = (
        select(tables.Document.id, tables.Placement.chunk_id)
        .join(tables.Placement, tables.Placement.version_id == tables.Document.live_version_id)
        .where(among(tables.Document.id, documents), tables.Placement.generation == generation)
    )
    for document, chunk in session.connection().execute(current):
        here[document].add(chunk)
    concerned = set(chunks).union(*here.values())
    return LiveSets(
        elsewhere=_held_by_others(session, generation, documents, concerned),
        here={document: frozenset(held) for document, held in here.items()},
        holders=Counter(chunk for held in here.values() for chunk in held),
    )


def log(session: Session, collection: int, generation: int, switches: Sequence[Switch], now: datetime) -> None:
    """Append a change per switch: the transaction's last statements, for the counter's row orders all commits."""
    if not switches:
        return
    seq = session.execute(
        update(tables.Collection)
        .where(tables.Collection.id == collection)
        .values(seq=tables.Collection.seq + len(switches))
        .returning(tables.Collection.seq)
    ).scalar_one()
    first = seq - len(switches) + 1
    rows = [
        {
            "collection_id": collection,
            "seq": first + place,
            "generation": generation,
            "added": packed(came),
            "removed": packed(ceased),
            "created_at": now,
        }
        for place, (came, ceased) in enumerate(switches)
    ]
    insert_all(session, tables.Change, rows)


def packed(chunks: Iterable[int]) -> bytes:
    """Sorted little-endian int64."""
    return np.array(sorted(chunks), dtype="<i8").tobytes()


def _held_by_others(
    session: Session, generation: int, documents: Collection[str], chunks: Collection[int]
) -> frozenset[int]:
    given = {"generation": generation, "documents": list(documents), "chunks": list(chunks)}
    return frozenset(session.connection().execute(_HELD_BY_OTHERS, given).scalars())


def _held_by_others_statement() -> Select[int]:
    """EXISTS stops at the first holder: a footer that a thousand documents share costs no more than one."""
    place, document = filled(aliased(tables.Placement)), filled(aliased(tables.Document))
    held = exists().where(
        place.chunk_id == tables.Chunk.id,
        place.generation == bindparam("generation"),
        document.live_version_id == place.version_id,
        ~among(document.id, texts(name="documents")),
    )
    return select(tables.Chunk.id).where(among(tables.Chunk.id, ints(name="chunks")), held)


_HELD_BY_OTHERS = _held_by_others_statement()  # made once: making it takes longer than to run it
