"""The dense and the lexical index of one generation of a collection, moved, saved and compared as one."""

import errno
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import numpy as np

from retrieval.errors import IndexDamaged, SearchUnavailable
from retrieval.ports import ChangeLog, LexicalIndex, Persistent, Purgeable, VectorIndex
from retrieval.types import Change, ChunkIds, Head

# What an index raises that cannot go on: tantivy ValueError and FAISS RuntimeError, for want of memory for one.
INDEX_FAILURES = (IndexDamaged, OSError, RuntimeError, ValueError)
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
CHUNKS = 4096  # filled in at once: 6 MB of vectors of 384 numbers, and one commit of the lexical index
SAMPLE = 16  # vectors by which another database's snapshot is told from this one's
SAME = 0.01  # between a vector's product with itself as stored and as indexed, both in fp16


@dataclass(slots=True, eq=False)
class IndexPair:
    """Both indexes after the change `seq`; `vector` is None where nothing was embedded yet."""

    head: Head
    vector: VectorIndex | None
    lexical: LexicalIndex
    folder: Path
    seq: int
    held: int = 0
    changed: int = 0  # since the last snapshot
    removed: int = 0  # of these

    def add(self, log: ChangeLog, ids: ChunkIds, stop: Event) -> None:
        for start in range(0, len(ids), CHUNKS):
            if stop.is_set():
                raise SearchUnavailable("the search is shutting down")
            some = ids[start : start + CHUNKS]
            self.lexical.add(log.texts(some))
            if self.vector is not None:
                ids_with_vectors, vectors = log.vectors(some)
                if len(ids_with_vectors):
                    self.vector.add(ids_with_vectors, vectors)
        self.held = len(self.lexical.ids())  # some were there, and have got other questions
        self.changed += len(ids)

    def remove(self, ids: ChunkIds) -> None:
        self.lexical.remove(ids)
        if self.vector is not None:
            self.vector.remove(ids)
        self.held -= len(ids)
        self.changed += len(ids)
        self.removed += len(ids)

    def take(self, changes: Sequence[Change], log: ChangeLog, stop: Event) -> None:
        """Apply changes as one: only what became of a chunk in the end is looked at. Twice is as good as once."""
        lives: dict[int, bool] = {}
        for change in changes:
            lives.update(dict.fromkeys(change.removed.tolist(), False))
            lives.update(dict.fromkeys(change.added.tolist(), True))
        removed = [chunk for chunk, live in lives.items() if not live]
        added = [chunk for chunk, live in lives.items() if live]
        if removed:
            self.remove(np.sort(np.array(removed, dtype=np.int64)))
        if added:
            self.add(log, np.sort(np.array(added, dtype=np.int64)), stop)
        self.seq = changes[-1].seq

    def holds(self, live: ChunkIds) -> bool:
        return np.array_equal(self.lexical.ids(), live) and (
            self.vector is None or np.array_equal(self.vector.ids(), live)
        )

    def knows(self, log: ChangeLog, live: ChunkIds) -> bool:
        """Whether a sample of the vectors is the database's: a new database gives old ids to other texts."""
        if self.vector is None or not len(live):
            return True
        places = np.unique(np.linspace(0, len(live) - 1, SAMPLE).astype(np.int64))
        ids, vectors = log.vectors(live[places])
        for one, vector in zip(ids, vectors, strict=True):
            found = self.vector.search(vector, 1, allowed=np.array([one], dtype=np.int64))
            if not found or abs(found[0].score - float(vector @ vector)) > SAME:
                return False
        return True

    @property
    def persistent(self) -> bool:
        return self.vector is not None and all(isinstance(index, Persistent) for index in (self.vector, self.lexical))

    @property
    def dead(self) -> int:
        """How many removed chunks the indexes' files still hold."""
        return self.lexical.dead if isinstance(self.lexical, Purgeable) else 0

    def purge(self) -> None:
        """Leave nothing of removed chunks in the files."""
        if isinstance(self.lexical, Purgeable):
            self.lexical.purge()

    def save(self, folder: Path) -> None:
        """Write both into a new folder."""
        for name, index in self._parts():
            (folder / name).mkdir(parents=True)
            index.save(folder / name)

    def restore(self, folder: Path) -> None:
        """Read both as they were saved; raises IndexDamaged."""
        for name, index in self._parts():
            index.restore(folder / name)

    def _parts(self) -> list[tuple[str, Persistent]]:
        both = (("vector", self.vector), ("lexical", self.lexical))
        return [(name, index) for name, index in both if isinstance(index, Persistent)]

    def drop(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)  # who still searches it has its files open
