"""One collection's two indexes and how far along the change log they have come.

They are opened from the newest snapshot that proves whole and agrees with the database, else rebuilt from what is live;
then they take one change after the other. What does not agree with the database is thrown away, never mended.
"""

import logging
import secrets
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock

from retrieval.errors import IndexDamaged
from retrieval.index_pair import INDEX_FAILURES, IndexPair
from retrieval.ports import ChangeLog, LexicalIndex, VectorIndex
from retrieval.snapshots import Snapshots, Stamp
from retrieval.types import CollectionId, Head

CHANGES = 256  # read at once
SNAPSHOT_SECONDS = 60.0  # at least between two snapshots
SNAPSHOT_CHUNKS = 1000  # changed since the last one, or
SNAPSHOT_SHARE = 0.1  # of what is held
PURGE_SECONDS = 600.0  # at least between two times that files are rid of what was removed,
PURGE_SHARE = 50  # and so many times as long as that takes
QUICKLY_PURGED = 20_000  # chunks: some seconds, which an end can wait for
VERIFY_SECONDS = 30.0  # at least between two comparisons with all that is live

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Backends:
    """Which indexes to open."""

    new_vector_index: Callable[[int], VectorIndex]
    new_lexical_index: Callable[[Path], LexicalIndex]


@dataclass(frozen=True, slots=True, eq=False)
class CollectionIndexes:
    """What a search asks: `vector` holds those of the embedder `fingerprint`, or is None before there are any."""

    vector: VectorIndex | None
    lexical: LexicalIndex
    fingerprint: str
    generation: int
    seq: int


class Follower:
    """Opens a collection's indexes and moves them along; any thread may read `current` meanwhile."""

    def __init__(
        self,
        collection: CollectionId,
        log: ChangeLog,
        backends: Backends,
        snapshots: Snapshots,
        workspace: Path,
        stop: Event,
    ) -> None:
        self.collection = collection
        self.current: CollectionIndexes | None = None
        self._log = log
        self._backends = backends
        self._snapshots = snapshots
        self._workspace = workspace
        self._stop = stop
        self._moving = Lock()
        self._writing = Lock()
        self._pair: IndexPair | None = None
        self._gone = False
        self._suspect = False
        self._verify_at = 0.0
        self._snapshot_at = 0.0
        self._purge_at = 0.0

    def advance(self) -> None:
        """Come up to the log's head, opening or rebuilding as need be. Raises what the log and the indexes raise."""
        with self._moving:
            head = self._log.head(self.collection)
            pair = self._pair
            if pair is None or _other(pair.head, head) or head.seq < pair.seq:
                pair = self._restored(head) or self._rebuilt(head)
                self._serve(pair)
            try:
                self._follow(pair, head.seq)
            except IndexDamaged as error:
                _log.warning("rebuilding an index: %s", error)
                self._serve(self._rebuilt(head))

    def snapshot_due(self) -> bool:
        """Whether enough has changed for a snapshot, or anything was removed; who is told so takes it."""
        pair = self._pair
        if pair is None or time.monotonic() < self._snapshot_at:
            return False
        many = pair.changed >= SNAPSHOT_CHUNKS or pair.changed > SNAPSHOT_SHARE * pair.held
        due = time.monotonic() >= self._purge_at if pair.removed or pair.dead else many
        if due:
            self._snapshot_at = time.monotonic() + SNAPSHOT_SECONDS
        return due

    def snapshot(self) -> None:
        """Write what changed since the last snapshot; a disk that does not take it costs a warning, no search.

        It holds nothing that was removed before, and takes the place of those that do: no file keeps a deleted text.
        """
        draft = self._workspace / f"snapshot-{secrets.token_hex(4)}"
        try:
            with self._writing:
                self._write(draft)
        except INDEX_FAILURES as error:
            _log.warning("collection %s: no snapshot: %s", self.collection, error)
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def _write(self, draft: Path) -> None:
        with self._moving:
            pair = self._pair
            if pair is None or (self._stop.is_set() and pair.dead and pair.held > QUICKLY_PURGED):
                return  # the next start follows the log from the snapshot before
            if pair.removed or pair.dead:
                self._purge(pair)
            if not pair.persistent or not pair.changed:
                return
            stamp, changed, removed = self._stamp(pair.head, pair.seq), pair.changed, pair.removed
            if max(self._snapshots.seqs(self.collection, pair.head.generation), default=-1) < pair.seq:
                pair.save(draft)
        if draft.exists():
            self._snapshots.publish(draft, stamp)
            self._snapshots.discard_older(self.collection, stamp.generation)
        if removed:
            self._snapshots.discard_before(stamp)
        with self._moving:
            pair.changed -= changed
            pair.removed -= removed
        if self._gone:  # since we began, and whoever noticed may have been here before us
            self._snapshots.discard_all(self.collection)

    def _purge(self, pair: IndexPair) -> None:
        began = time.monotonic()
        pair.purge()
        now = time.monotonic()
        self._purge_at = now + max(PURGE_SECONDS, PURGE_SHARE * (now - began))

    def close(self) -> None:
        """Write down what changed and let go of the indexes."""
        self.snapshot()
        self.drop()

    def drop(self) -> None:
        """Let go of the indexes as they are."""
        with self._moving:
            if self._pair is not None:
                self._pair.drop()
            self._pair = self.current = None

    def forget(self) -> None:
        """The collection is gone: so is all that was kept of it."""
        self._gone = True
        self._snapshots.discard_all(self.collection)
        self.drop()

    def _follow(self, pair: IndexPair, to: int) -> None:
        """Take the changes up to `to`; raises IndexDamaged where some were lost on the way and it shows."""
        self._suspect |= not self._replay(pair, to, self._serve)
        if self._suspect and time.monotonic() >= self._verify_at and not self._agrees(pair, self._serve):
            raise IndexDamaged(f"collection {self.collection}: the index and the database have grown apart")

    def _serve(self, pair: IndexPair) -> None:
        old, self._pair = self._pair, pair
        head = pair.head
        self.current = CollectionIndexes(pair.vector, pair.lexical, head.fingerprint, head.generation, pair.seq)
        if old is not None and old is not pair:
            old.drop()

    def _restored(self, head: Head) -> IndexPair | None:
        """From the newest snapshot that is whole, of this database and caught up with; those that are not, go."""
        if head.dim is None:
            return None
        seqs = self._snapshots.seqs(self.collection, head.generation)
        newest = self._log.head(self.collection).seq  # after the list: another process may have moved on meanwhile
        for seq in seqs:
            try:
                return self._restored_from(head, seq, newest)
            except IndexDamaged as error:
                _log.warning("deleting a snapshot: %s", error)
                self._snapshots.discard(self.collection, head.generation, seq)
            except OSError as error:
                _log.warning("passing over a snapshot: %s", error)
        return None

    def _restored_from(self, head: Head, seq: int, newest: int) -> IndexPair | None:
        folder = self._snapshots.verified(self._stamp(head, seq))
        if seq > newest:
            raise IndexDamaged(f"{folder}: further than the database")
        pair = self._new(head, seq)
        try:
            if pair.persistent:
                pair.restore(folder)
                self._confirm(pair)
                return pair
        except BaseException:
            pair.drop()
            raise
        pair.drop()
        return None

    def _confirm(self, pair: IndexPair) -> None:
        if not self._agrees(pair) or not pair.knows(self._log, pair.lexical.ids()):
            raise IndexDamaged(f"collection {self.collection}: a snapshot is not what the database holds")

    def _rebuilt(self, head: Head) -> IndexPair:
        seq, live = self._log.live(self.collection, head.generation)
        pair = self._new(head, seq)
        try:
            pair.add(self._log, live, self._stop)
        except BaseException:
            pair.drop()
            raise
        self._suspect = False
        return pair

    def _agrees(self, pair: IndexPair, serve: Callable[[IndexPair], None] | None = None) -> bool:
        """Whether the indexes, brought to where the database is, hold exactly what lives there."""
        self._suspect = True
        for _ in range(2):  # a chunk that was forgotten between two reads is missed once, not twice
            seq, live = self._log.live(self.collection, pair.head.generation)
            self._replay(pair, seq, serve)
            self._verify_at = time.monotonic() + VERIFY_SECONDS
            if pair.holds(live):
                pair.held = len(live)
                self._suspect = False
                break
        return not self._suspect

    def _replay(self, pair: IndexPair, to: int, serve: Callable[[IndexPair], None] | None = None) -> bool:
        """Take the changes up to `to`, serving what grows; False where a number was missing on the way.

        Numbers are a collection's, so one may belong to another generation; but one may also have been lost.
        """
        gapless = True
        while pair.seq < to:
            after = pair.seq
            read = self._log.changes(self.collection, pair.head.generation, after, CHANGES)
            changes = [change for change in read if change.seq <= to]
            gapless &= [change.seq for change in changes] == list(range(after + 1, after + 1 + max(len(changes), 1)))
            if changes:
                pair.take(changes, self._log, self._stop)
            else:
                pair.seq = to
            if serve is not None:
                serve(pair)
        return gapless

    def _new(self, head: Head, seq: int) -> IndexPair:
        folder = self._workspace / f"{self.collection}-{head.generation}-{secrets.token_hex(4)}"
        folder.mkdir(parents=True)
        vector = self._backends.new_vector_index(head.dim) if head.dim is not None else None
        try:
            return IndexPair(head, vector, self._backends.new_lexical_index(folder), folder, seq)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def _stamp(self, head: Head, seq: int) -> Stamp:
        return Stamp(self.collection, head.generation, head.fingerprint, seq)


def _other(one: Head, other: Head) -> bool:
    return (one.generation, one.fingerprint, one.dim) != (other.generation, other.fingerprint, other.dim)
