"""What a worker has parsed and not yet published, and whose turn it is."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain

from ingestion.pipeline import PIECE, Parsed, Work, works
from ingestion.types import Job, JobId

_BULK_BYTES = 24 << 20  # of parsed JSON, which takes several times as much once it is cut


@dataclass(slots=True, eq=False)
class Bench:
    """Small documents are taken together, as many as make one piece; a large one gets a turn per piece.

    Turns alternate: a note goes in between the pieces of a book, and no stream of notes holds the book up for ever.
    Several threads may take turns; a book is in one hand at a time, and so are notes while they do not fill a piece, so
    that a text which stands in two of them is embedded once.
    """

    _small: list[Parsed] = field(default_factory=list[Parsed])
    _chunks: int = 0
    """Of those."""
    _large: list[Work] = field(default_factory=list[Work])
    _sizes: dict[JobId, int] = field(default_factory=dict[JobId, int])
    _in_hand: list[Work] = field(default_factory=list[Work])
    _turn: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def reserve(self, job: Job, size: int) -> bool:
        """Whether so many bytes of parsed JSON fit beside what is here; one document alone always does."""
        with self._changed:
            used = sum(self._sizes.values())
            fits = used == 0 or used + size <= _BULK_BYTES
            if fits:
                self._sizes[job.id] = size
            return fits

    def add(self, parsed: Parsed) -> None:
        """Put a document on the bench."""
        with self._changed:
            if len(parsed.drafts) > PIECE:
                self._large.append(Work([parsed]))
            else:
                self._small.append(parsed)
                self._chunks += len(parsed.drafts)
            if self._notes_wait() or self._books():  # else who waits would wake for nothing, once for every note
                self._changed.notify_all()

    def next(self, timeout: float) -> Work | None:
        """Whose turn it is, until it is put back or removed; None when nothing came in time."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._notes_wait() or self._books(), timeout):
                return None
            self._turn += 1
            books = self._books()
            if self._notes_wait() and (not books or self._turn % 2):
                work = next(works(self._small))
                del self._small[: len(work.parsed)]
                self._chunks -= work.chunks
            else:
                work = min(books, key=lambda work: work.left) if self._turn % 4 == 0 else books[0]
            self._in_hand.append(work)
            return work

    def put_back(self, work: Work) -> None:
        """It waits for its next turn."""
        with self._changed:
            self._in_hand.remove(work)
            self._changed.notify_all()

    def split(self, work: Work) -> None:
        """Each document of the work, which is in hand no longer, gets a turn of its own."""
        with self._changed:
            self._large.extend(Work([parsed]) for parsed in work.parsed)
            self._changed.notify_all()

    def remove(self, work: Work) -> None:
        """It needs no more turns."""
        with self._changed:
            self._in_hand.remove(work)
            if work in self._large:
                self._large.remove(work)
            self._changed.notify_all()

    def leave(self, jobs: Iterable[Job]) -> None:
        """These are done with."""
        with self._changed:
            for job in jobs:
                self._sizes.pop(job.id, None)

    def clear(self, fingerprint: str | None = None) -> list[Job]:
        """Take away all that waits, or what waits for that embedder; gives whose it was."""

        def stays(parsed: Parsed) -> bool:
            return fingerprint is not None and parsed.job.fingerprint != fingerprint

        with self._changed:
            waiting = [*self._small, *chain.from_iterable(work.parsed for work in self._books())]
            self._small = [one for one in self._small if stays(one)]
            self._chunks = sum(len(one.drafts) for one in self._small)
            self._large = [work for work in self._large if work in self._in_hand or all(map(stays, work.parsed))]
            return [one.job for one in waiting if not stays(one)]

    def holds(self, job: Job) -> bool:
        """Whether the job's document is on the bench, or was when its turn came."""
        return not self.without([job])

    def without(self, jobs: Iterable[Job]) -> list[Job]:
        """Those of the jobs whose documents are not on the bench."""
        with self._changed:
            return [job for job in jobs if job.id not in self._sizes]

    def small(self) -> int:
        """Chunks that wait in small documents."""
        with self._changed:
            return self._chunks

    def large(self) -> int:
        """How many large documents wait."""
        with self._changed:
            return len(self._large)

    def _books(self) -> list[Work]:
        """The large ones that are in nobody's hand."""
        return [work for work in self._large if work not in self._in_hand]

    def _notes_wait(self) -> bool:
        """Whether small ones may be taken."""
        others = any(work not in self._large for work in self._in_hand)
        return bool(self._small) and (not others or self._chunks >= PIECE)
