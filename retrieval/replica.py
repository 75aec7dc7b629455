"""This process's copy of the collections' indexes, following the database's change log.

A search gets indexes that have come as far as the log had when it asked. They are caught up on threads of their own;
whoever has waited long enough searches what is there meanwhile, a little old but never wrong: hits are read from the
database.
"""

import logging
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from pathlib import Path
from threading import Event, Lock

from retrieval.errors import IndexDamaged, NoRoomForIndex, SearchUnavailable, UnknownCollection
from retrieval.follower import CHANGES, Backends, CollectionIndexes, Follower
from retrieval.index_pair import INDEX_FAILURES, NO_ROOM
from retrieval.live_folder import LiveFolder
from retrieval.ports import ChangeLog, LexicalIndex, VectorIndex
from retrieval.snapshots import Snapshots
from retrieval.types import CollectionId, Head

THREADS = 4  # that catch up; searches run on threads of their own
OPEN_SECONDS = 30.0  # that a search waits for an index that it cannot do without

_log = logging.getLogger(__name__)


class Replica:
    """Indexes per collection, opened when first asked for and closed when long unused.

    `<folder>/snapshots` may be shared by the processes of a machine; `<folder>/live` holds a folder for each of them.
    """

    def __init__(
        self,
        log: ChangeLog,
        folder: Path,
        new_vector_index: Callable[[int], VectorIndex],
        new_lexical_index: Callable[[Path], LexicalIndex],
        wait_seconds: float,
        idle_seconds: float,
    ) -> None:
        self._log = log
        self._folder = folder
        self._backends = Backends(new_vector_index, new_lexical_index)
        self._wait_seconds = wait_seconds
        self._idle_seconds = idle_seconds
        self._snapshots = Snapshots(folder / "snapshots")
        self._live: LiveFolder | None = None
        self._lock = Lock()
        self._stop = Event()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="replica")
        self._followers: dict[CollectionId, Follower] = {}
        self._used: dict[CollectionId, float] = {}
        self._clean: dict[CollectionId, int] = {}
        """Up to which change nothing was removed since the newest snapshot of a collection that is not open."""
        self._advances: dict[CollectionId, Future[None]] = {}

    def indexes(self, collection: CollectionId) -> CollectionIndexes:
        """The collection's indexes, caught up or, after a bounded wait, as far as they have come.

        Raises UnknownCollection, what the log raises, and SearchUnavailable while there is nothing to search yet.
        """
        with self._lock:
            self._used[collection] = time.monotonic()
        try:
            head = self._log.head(collection)
            follower = self._follower(collection)
            if not self._covers(follower, head):
                self._catch_up(follower, head)
        except UnknownCollection:
            self._forget(collection)
            raise
        if follower.current is None:
            raise SearchUnavailable(f"collection {collection}: its index is being built; try again")
        return follower.current

    def seqs(self) -> dict[CollectionId, int]:
        """How far along the change log the indexes have come that are open in this process."""
        with self._lock:
            followers = list(self._followers.items())
        return {collection: follower.current.seq for collection, follower in followers if follower.current is not None}

    def bytes_on_disk(self, collection: CollectionId) -> int:
        """What the snapshots of a collection's indexes take."""
        return self._snapshots.size(collection)

    def discard(self, collection: CollectionId) -> None:
        """Let go of a collection's indexes as they are: the next search opens them anew."""
        with self._lock:
            follower = self._followers.pop(collection, None)
            self._submit(follower.drop if follower else None)

    def close(self) -> None:
        """Stop following, write down what changed, and remove the working folder."""
        with self._lock:
            if self._stop.is_set():
                return
            self._stop.set()
        self._threads.shutdown(wait=True, cancel_futures=True)
        for follower in self._followers.values():
            follower.close()
        if self._live is not None:
            self._live.remove()

    def _follower(self, collection: CollectionId) -> Follower:
        with self._lock:
            if self._stop.is_set():
                raise SearchUnavailable("the search is shutting down")
            if self._live is None:
                self._live = self._new_live_folder()
            if collection not in self._followers:
                self._followers[collection] = Follower(
                    collection, self._log, self._backends, self._snapshots, self._live.path, self._stop
                )
            return self._followers[collection]

    def tidy(self) -> None:
        """Close what is idle, forget what is gone, and bring up to date whatever holds what was removed since.

        To be called every minute or so; without it, indexes and files are brought up to date by searches alone.
        """
        with self._lock:
            now = time.monotonic()
            idle = [one for one, used in self._used.items() if now - used > self._idle_seconds]
            for one in idle:
                del self._used[one]
                follower = self._followers.pop(one, None)
                self._submit(follower.close if follower else None)
            known = self._snapshots.collections() | self._used.keys()
        for collection in known - set(idle):
            try:
                self._bring_up_to_date(collection)
            except UnknownCollection:
                self._forget(collection)

    def _bring_up_to_date(self, collection: CollectionId) -> None:
        head = self._log.head(collection)
        with self._lock:
            is_open = collection in self._followers
        if not is_open and self._is_clean(collection, head):
            return
        follower = self._follower(collection)
        with self._lock:
            self._used.setdefault(collection, time.monotonic())
        if self._covers(follower, head):
            self._submit(follower.snapshot if follower.snapshot_due() else None)
        else:
            self._advancing(follower)

    def _is_clean(self, collection: CollectionId, head: Head) -> bool:
        """Whether nothing was removed since the newest snapshot; older ones go, which may hold more."""
        self._snapshots.discard_older(collection, head.generation)
        seqs = self._snapshots.seqs(collection, head.generation)
        if not seqs:
            return True
        seq = max(seqs[0], self._clean.get(collection, 0))
        while seq < head.seq:
            try:
                changes = self._log.changes(collection, head.generation, seq, CHANGES)
            except IndexDamaged:  # the log begins later: whoever opens the snapshot rebuilds
                return False
            if any(change.removed.size for change in changes):
                return False
            seq = changes[-1].seq if changes else head.seq
        self._clean[collection] = seq
        for older in seqs[1:]:
            self._snapshots.discard(collection, head.generation, older)
        return True

    def _forget(self, collection: CollectionId) -> None:
        with self._lock:
            self._used.pop(collection, None)
            follower = self._followers.pop(collection, None)
        if follower is not None:
            follower.forget()
        else:
            self._snapshots.discard_all(collection)

    def _new_live_folder(self) -> LiveFolder:
        try:
            return LiveFolder.create(self._folder / "live")
        except OSError as error:
            raise SearchUnavailable(f"no place for indexes: {error.strerror}") from error

    def _covers(self, follower: Follower, head: Head) -> bool:
        current = follower.current
        if current is None or current.generation != head.generation or current.seq < head.seq:
            return False
        # Further than the head: another thread has been faster, or the database was put back to an earlier state.
        return current.seq == head.seq or self._log.head(follower.collection).seq >= current.seq

    def _catch_up(self, follower: Follower, head: Head) -> None:
        """Wait until the indexes have come to `head`, but no longer than the asker has patience."""
        patience = self._wait_seconds if follower.current else max(self._wait_seconds, OPEN_SECONDS)
        deadline = time.monotonic() + patience
        for _ in range(2):  # a run that was under way may have missed what we saw; the next one cannot
            advance = self._advancing(follower)
            done, _ = wait([advance], max(0.0, deadline - time.monotonic()))
            if not done:
                return
            try:
                advance.result()
            except CancelledError as error:
                raise SearchUnavailable("the search is shutting down") from error
            except INDEX_FAILURES as error:
                if follower.current is None:
                    raise _unopened(follower.collection, error) from error
                return  # what is there still answers; a warning has said what is wrong
            if self._covers(follower, head):
                return

    def _advancing(self, follower: Follower) -> Future[None]:
        """The one run that is catching up with this collection's log, begun if there is none."""
        with self._lock:
            if self._stop.is_set():
                raise SearchUnavailable("the search is shutting down")
            running = self._advances.get(follower.collection)
            if running is None:
                running = self._advances[follower.collection] = self._threads.submit(self._advance, follower)
            return running

    def _advance(self, follower: Follower) -> None:
        try:
            follower.advance()
        except Exception as error:
            _log.warning("collection %s: catching up failed: %s", follower.collection, _told(error))
            raise
        finally:
            with self._lock:
                self._advances.pop(follower.collection, None)
                self._submit(follower.snapshot if follower.snapshot_due() else None)

    def _submit(self, task: Callable[[], None] | None) -> None:
        """Have a thread do something later; nothing more is begun once the end has."""
        if task is not None and not self._stop.is_set():
            self._threads.submit(task).add_done_callback(_warn)


def _warn(done: Future[None]) -> None:
    """Nobody waits for these."""
    error = None if done.cancelled() else done.exception()
    if error is not None:
        _log.warning("tidying indexes failed: %s", _told(error))


def _unopened(collection: CollectionId, error: Exception) -> SearchUnavailable:
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        return NoRoomForIndex("the disk is full, and an index needs some room to be opened: free some, then ask again")
    return SearchUnavailable(f"collection {collection}: its index cannot be opened")


def _told(error: BaseException) -> str:
    """What a log may hold: an error of the database may quote a document, so of that the name alone."""
    return str(error) if isinstance(error, OSError | IndexDamaged) else type(error).__name__
