"""A worker's chore: ask a language model what each chunk answers, once its document can be found already.

A few chunks at a time are claimed, asked about, and kept; a worker that is killed has lost no more than those. A model
that does not answer is waited for, and no document waits with it.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

from app.db.index.hypothetical import HypotheticalStore
from app.db.types import Unasked
from generation.hypothetical import questions_about
from generation.ports import Completer
from retrieval.types import ChunkId, CollectionId

CHUNKS = 32  # that are claimed, and become searchable by their questions, at once
REFUSED_SECONDS = 3600.0  # until a chunk is asked about again that failed while others did not
PAUSE_SECONDS = 5.0  # after all failed, doubled while that lasts
PAUSE_MOST_SECONDS = 300.0
_FIRST = ChunkId(0)

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Questioner:
    """Asks for `count` questions per chunk of the model that `opened` gives for each round."""

    store: HypotheticalStore
    opened: Callable[[], AbstractAsyncContextManager[Completer]]
    count: int
    _after: dict[CollectionId, ChunkId] = field(default_factory=dict[CollectionId, ChunkId])
    """Up to which chunk a collection was gone through."""
    _done: dict[CollectionId, int] = field(default_factory=dict[CollectionId, int])
    """At which change a collection lacked nothing."""
    _failures: int = 0
    _paused_until: float = 0.0

    def advance(self) -> bool:
        """Ask about the next chunks that lack questions; gives whether there may be more."""
        if time.monotonic() < self._paused_until:
            return False
        for collection, seq in self.store.seqs().items():
            if self._done.get(collection) == seq and not self.store.has_lapsed(collection):
                continue
            after = self._after.get(collection, _FIRST)
            chunks = self.store.lacking(collection, after, CHUNKS)
            if chunks:
                self._after[collection] = chunks[-1]
                return self._ask(collection, self.store.claim(collection, chunks))
            self._after[collection] = _FIRST
            if after != _FIRST:
                return True
            self._done[collection] = seq
        return False

    def _ask(self, collection: CollectionId, chunks: Sequence[Unasked]) -> bool:
        said = asyncio.run(self._said(chunks))
        known = {chunk.key: questions for chunk, questions in zip(chunks, said, strict=True) if questions is not None}
        failed = [chunk.key for chunk in chunks if chunk.key not in known]
        if failed and not known:
            self._failures += 1
            pause = min(PAUSE_SECONDS * 2 ** (self._failures - 1), PAUSE_MOST_SECONDS)
            _log.warning("the language model says nothing about %s chunks; trying again in %s s", len(failed), pause)
            self._paused_until = time.monotonic() + pause
            self._after[collection] = _FIRST
            self.store.put_off(collection, failed, 0.0)
            return False
        self._failures = 0
        self.store.keep(collection, known)
        if failed:
            _log.warning("the language model says nothing about %s of %s chunks", len(failed), len(chunks))
            self.store.put_off(collection, failed, REFUSED_SECONDS)
        return True

    async def _said(self, chunks: Sequence[Unasked]) -> list[list[str] | None]:
        async with self.opened() as model:
            return await questions_about(model, chunks, self.count)
