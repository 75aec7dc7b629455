"""What goes wrong around a worker: outages, poison, cancels, crashes in the middle of a large document."""

import io
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from app.db.errors import DatabaseUnavailable, StorageFull
from app.db.types import JobRecord
from ingestion.intake import IncomingFile
from ingestion.sandbox.sandbox import Sandbox
from ingestion.types import DocumentId
from retrieval.embedders.hashing import HashingEmbedder
from retrieval.errors import InputRefused, ModelUnavailable
from retrieval.types import PassageEmbedding, PassageInput
from tests.builders import Known
from tests.ingestion.conftest import Library
from tests.ingestion.test_worker import statuses, upload, wait_for, working

BOOK = "\n\n".join(f"# Chapter {n}\n\nChapter {n} says that {n} times {n} is {n * n}." for n in range(30))
PIECE = 4


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses and back-offs of tests, not of years."""
    monkeypatch.setattr("ingestion.outages._PAUSE_SECONDS", 0.05)
    monkeypatch.setattr("ingestion.outages._PAUSE_MOST_SECONDS", 0.1)
    monkeypatch.setattr("ingestion.worker._BACK_OFF_SECONDS", 0.05)
    monkeypatch.setattr("app.db.queue.attempts.BACKOFF_SECONDS", 0.02)


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """A document of thirty chunks is a large one."""
    monkeypatch.setattr("ingestion.pipeline.PIECE", PIECE)
    monkeypatch.setattr("ingestion.bench.PIECE", PIECE)


@pytest.fixture(scope="module")
def sleepy() -> Iterator[Sandbox]:
    """Children that do what the file says, and are given a minute for it."""
    opened = Sandbox(2, 60.0, 256 << 20, 4 << 20, "tests.ingestion.poison_child")
    yield opened
    opened.close()


class Embedder(HashingEmbedder):
    """Raises these errors first, one a call; then counts the chunks, and takes its time."""

    def __init__(self, *errors: Exception, seconds: float = 0.0) -> None:
        super().__init__()
        self.errors = list(errors)
        self.seconds = seconds
        self.embedded = 0

    def embed_passages(self, passages: Sequence[PassageInput]) -> list[PassageEmbedding]:
        if self.errors:
            raise self.errors.pop(0)
        self.embedded += len(passages)
        time.sleep(self.seconds)
        return super().embed_passages(passages)


class Flaky:
    """A port that raises these errors first, at this method."""

    def __init__(self, port: object, method: str, *errors: Exception) -> None:
        self._port, self._method, self._errors = port, method, list(errors)

    def __getattr__(self, name: str) -> Any:
        if name == self._method and self._errors:
            return self._fail
        return getattr(self._port, name)

    def _fail(self, *_arguments: object) -> None:
        raise self._errors.pop(0)


def upload_book(library: Library) -> DocumentId:
    """Thirty chapters of a chunk each."""
    return library.intake.accept(IncomingFile("book.md", io.BytesIO(BOOK.encode()), {}), library.collection).document


def job_of(library: Library, document: DocumentId) -> JobRecord:
    job = library.documents.get(document, library.scope).job_id
    assert job is not None
    return library.jobs.get(job, library.scope)


@pytest.mark.usefixtures("small_pieces")
def test_a_note_goes_in_between_the_pieces_of_a_book(library: Library) -> None:
    book = upload_book(library)
    embedder = Embedder(seconds=0.1)

    with working(library, pipeline=replace(library.pipeline, embedders=Known(embedder))):
        wait_for(lambda: embedder.embedded >= PIECE)
        [note] = upload(library, "A note.")
        wait_for(lambda: job_of(library, note).status == "succeeded")
        shown = job_of(library, book)
        assert (shown.status, shown.total) == ("running", 30)
        wait_for(lambda: statuses(library) == {"ready"})


@pytest.mark.usefixtures("small_pieces")
def test_the_progress_of_a_book_never_goes_back(library: Library) -> None:
    book = upload_book(library)
    seen: list[JobRecord] = []

    def looked() -> bool:
        seen.append(job_of(library, book))
        return seen[-1].status == "succeeded"

    with working(library, pipeline=replace(library.pipeline, embedders=Known(Embedder(seconds=0.05)))):
        wait_for(looked)

    assert [job.progress for job in seen] == sorted(job.progress for job in seen)
    assert {job.done for job in seen} >= {8, 16, 24, 30}
    assert (seen[-1].progress, seen[-1].done, seen[-1].total) == (1.0, 30, 30)


@pytest.mark.usefixtures("small_pieces")
def test_a_crash_in_the_middle_of_a_book_embeds_one_piece_again(library: Library) -> None:
    book = upload_book(library)

    class Crashing(Embedder):
        def embed_passages(self, passages: Sequence[PassageInput]) -> list[PassageEmbedding]:
            embedded = super().embed_passages(passages)
            if self.embedded == 16:
                self.embedded += 100  # once
                raise ZeroDivisionError
            return embedded

    embedder = Crashing()
    with working(library, pipeline=replace(library.pipeline, embedders=Known(embedder))):
        wait_for(lambda: statuses(library) == {"ready"})

    assert embedder.embedded - 100 == 30 + PIECE
    assert job_of(library, book).attempts == 2


@pytest.mark.usefixtures("small_pieces")
def test_a_book_that_is_cancelled_is_embedded_no_further(library: Library) -> None:
    book = upload_book(library)
    embedder = Embedder(seconds=0.1)

    with working(library, pipeline=replace(library.pipeline, embedders=Known(embedder)), lease_seconds=60.0):
        wait_for(lambda: embedder.embedded >= PIECE)
        library.jobs.cancel(job_of(library, book).id, library.scope)
        time.sleep(1.5)
        embedded = embedder.embedded
        time.sleep(0.3)
        assert embedder.embedded == embedded < 30
        library.jobs.retry(job_of(library, book).id, library.scope)
        wait_for(lambda: statuses(library) == {"ready"})

    assert embedder.embedded <= 30 + 2 * PIECE


def test_a_cancelled_parse_ends_within_two_seconds(library: Library, sleepy: Sandbox) -> None:
    [document] = upload(library, "sleep 50")

    with working(library, pipeline=replace(library.pipeline, sandbox=sleepy), lease_seconds=60.0):
        wait_for(lambda: job_of(library, document).status == "running")
        time.sleep(0.3)
        library.jobs.cancel(job_of(library, document).id, library.scope)
        began = time.monotonic()
        places = [sleepy._quick_places.acquire(timeout=5) for _ in range(2)]  # pyright: ignore[reportPrivateUsage]
        took = time.monotonic() - began
        for _ in places:
            sleepy._quick_places.release()  # pyright: ignore[reportPrivateUsage]

    assert places == [True, True]
    assert took < 2


def test_an_embedder_that_is_away_for_long_costs_no_attempt_and_is_told(library: Library) -> None:
    [document] = upload(library, "A fact.")
    told: set[tuple[str | None, str]] = set()

    def looked() -> bool:
        job = job_of(library, document)
        told.add((job.error_code, job.stage))
        return job.status == "succeeded"

    embedder = Embedder(*(ModelUnavailable("away") for _ in range(7)))
    with working(library, pipeline=replace(library.pipeline, embedders=Known(embedder))):
        wait_for(looked)

    assert ("model_unavailable", "publish") in told


@pytest.mark.parametrize("method", ["save_parsed", "save_piece", "embedded", "publish"])
@pytest.mark.usefixtures("small_pieces")
def test_a_full_disk_costs_no_attempt(library: Library, method: str) -> None:
    document = upload_book(library)
    versions: Any = Flaky(library.pipeline.versions, method, *(StorageFull("full") for _ in range(5)))

    with working(library, pipeline=replace(library.pipeline, versions=versions)):
        wait_for(lambda: statuses(library) == {"ready"})

    assert job_of(library, document).attempts == 6


def test_a_database_that_cannot_even_be_told_is_told_later(library: Library) -> None:
    [document] = upload(library, "A fact.")
    away = [DatabaseUnavailable("away") for _ in range(4)]
    versions: Any = Flaky(library.pipeline.versions, "publish", away[0])
    jobs: Any = Flaky(library.jobs, "postpone", *away[1:])

    with working(library, jobs=jobs, pipeline=replace(library.pipeline, versions=versions), lease_seconds=60.0):
        wait_for(lambda: statuses(library) == {"ready"})

    assert job_of(library, document).attempts == 2


def test_a_text_that_the_embedder_refuses_fails_its_document_alone(library: Library) -> None:
    good, bad, fine = upload(library, "A fact.", "A poisoned fact.", "Another fact.")

    class Choosy(HashingEmbedder):
        def embed_passages(self, passages: Sequence[PassageInput]) -> list[PassageEmbedding]:
            if any("poisoned" in passage.text for passage in passages):
                raise InputRefused("not these")
            return super().embed_passages(passages)

    with working(library, pipeline=replace(library.pipeline, embedders=Known(Choosy()))):
        wait_for(lambda: statuses(library) == {"ready", "failed"})

    assert [job_of(library, each).status for each in (good, fine)] == ["succeeded", "succeeded"]
    failed = job_of(library, bad)
    assert (failed.status, failed.attempts, failed.error_code) == ("failed", 3, "input_refused")


def test_poison_fails_with_its_reason(library: Library, poisoned: Sandbox) -> None:
    orders = {"abort": (3, "parser_crashed"), "hang": (1, "parse_limit"), "eat": (1, "parse_limit")}
    poison = dict(zip(orders, upload(library, *orders), strict=True))
    good = upload(library, *(f"echo fact {n}" for n in range(40)))

    with working(library, pipeline=replace(library.pipeline, sandbox=poisoned), lease_seconds=60.0):
        wait_for(lambda: statuses(library) == {"ready", "failed"})

    for order, (attempts, code) in orders.items():
        job = job_of(library, poison[order])
        assert (order, job.status, job.attempts, job.error_code) == (order, "failed", attempts, code)
    assert {job_of(library, each).status for each in good} == {"succeeded"}


def test_all_others_are_through_while_poison_is_still_worked_on(
    library: Library, sleepy: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More hang than there are children, and they came first; that costs the others a quick try's time and no more."""
    monkeypatch.setattr("ingestion.worker._QUICK_SECONDS", 2.0)
    hanging = upload(library, *(f"sleep {seconds}" for seconds in (51, 52, 53)))
    good = upload(library, *(f"echo fact {n}" for n in range(40)))

    with working(library, pipeline=replace(library.pipeline, sandbox=sleepy), lease_seconds=60.0):
        wait_for(lambda: library.jobs.depth()["succeeded"] == len(good))
        assert {(job_of(library, each).status, job_of(library, each).attempts) for each in hanging} == {("running", 1)}


def test_an_error_of_our_own_ends_the_attempt_and_says_so(library: Library, caplog: pytest.LogCaptureFixture) -> None:
    [document] = upload(library, "A fact.")

    class Broken(HashingEmbedder):
        def count_tokens(self, texts: Sequence[str]) -> list[int]:
            raise ZeroDivisionError

    with working(library, pipeline=replace(library.pipeline, embedders=Known(Broken()))):
        wait_for(lambda: statuses(library) == {"failed"})

    failed = job_of(library, document)
    assert (failed.attempts, failed.error_code) == (3, "unexpected")
    assert "ZeroDivisionError" in (failed.error_message or "")
    assert "an unexpected error" in caplog.text
