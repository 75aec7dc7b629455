"""While a book is cut into chunks: it can be cancelled, its lease is kept, its progress is told, and notes go by."""

import threading
import time
from collections.abc import Sequence
from dataclasses import replace

import pytest

from ingestion.types import WorkerId
from retrieval.embedders.hashing import HashingEmbedder
from tests.builders import Known
from tests.ingestion.conftest import Library
from tests.ingestion.test_worker import PATIENCE, statuses, upload, wait_for, working
from tests.ingestion.test_worker_faults import job_of

SENTENCES = 60
LEASE_SECONDS = 3.0
BOOK = "\n\n".join(f"Sentence number {n} of the book tells how it goes on." for n in range(SENTENCES))


class Counter(HashingEmbedder):
    """Stops at the twentieth sentence of a book until it may go on, and then takes its time."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = threading.Event()
        self.go_on = threading.Event()
        self.counted = 0

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        if any("of the book" in text for text in texts):
            self.counted += len(texts)
            if self.counted == 20:
                self.reached.set()
                self.go_on.wait(PATIENCE)
            if self.reached.is_set():
                time.sleep(0.1)
        return super().count_tokens(texts)


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A document of sixty sentences is a book, looked after at each sentence."""
    monkeypatch.setattr("ingestion.worker._PAPER_BYTES", 1024)
    monkeypatch.setattr("ingestion.pace._AT_ONCE", 1)


def test_a_book_that_is_cancelled_while_it_is_cut_is_cut_no_further(library: Library) -> None:
    [book] = upload(library, BOOK)
    embedder = Counter()

    with working(library, pipeline=replace(library.pipeline, embedders=Known(embedder)), lease_seconds=60.0):
        assert embedder.reached.wait(PATIENCE)
        library.jobs.cancel(job_of(library, book).id, library.scope)
        embedder.go_on.set()
        wait_for(lambda: library.jobs.depth()["cancelled"] == 1 and _rests(embedder))
        assert embedder.counted < SENTENCES
        library.jobs.retry(job_of(library, book).id, library.scope)
        wait_for(lambda: statuses(library) == {"ready"})


def test_a_book_that_is_cut_for_long_keeps_its_lease_and_shows_how_far_it_is(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingestion.pipeline._REPORT_SECONDS", 0.0)
    [book] = upload(library, BOOK)
    embedder = Counter()

    with working(library, pipeline=replace(library.pipeline, embedders=Known(embedder)), lease_seconds=LEASE_SECONDS):
        assert embedder.reached.wait(PATIENCE)
        shown = job_of(library, book)
        assert (shown.status, shown.stage, shown.done, shown.total) == ("running", "publish", None, None)
        assert 0.2 < shown.progress < 0.25
        time.sleep(1.3 * LEASE_SECONDS)
        assert library.jobs.claim(WorkerId("another"), 1, 1 << 30) == []
        embedder.go_on.set()
        wait_for(lambda: job_of(library, book).progress > shown.progress)

    assert job_of(library, book).attempts == 1


def test_a_note_is_through_while_a_book_is_cut(library: Library) -> None:
    [book] = upload(library, BOOK)
    embedder = Counter()

    with working(library, pipeline=replace(library.pipeline, embedders=Known(embedder))):
        assert embedder.reached.wait(PATIENCE)
        [note] = upload(library, "A note.")
        wait_for(lambda: job_of(library, note).status == "succeeded")
        assert job_of(library, book).status == "running"
        embedder.go_on.set()

    assert statuses(library) == {"ready", "queued"}  # the book's lease was given back


def _rests(embedder: Counter) -> bool:
    """Whether no sentence was counted for as long as some would take."""
    before = embedder.counted
    time.sleep(0.5)
    return embedder.counted == before
