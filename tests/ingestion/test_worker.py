"""The worker takes uploads all the way, drops what was cancelled, outlives faults, and stops in order."""

import io
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from app.db.errors import DatabaseUnavailable
from app.db.library.collections import CollectionStore
from ingestion.intake import IncomingFile
from ingestion.sandbox.sandbox import Sandbox
from ingestion.types import Accepted, DocumentId, WorkerId
from ingestion.worker import Worker
from retrieval.embedders.hashing import HashingEmbedder
from retrieval.errors import ModelUnavailable
from tests.builders import Known
from tests.ingestion.conftest import LEASE_SECONDS, Library

PATIENCE = 60.0


class Held(HashingEmbedder):
    """Says when it is at work, and goes on once it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.at_work = threading.Event()
        self.go_on = threading.Event()

    def embed_passages(self, passages: Any) -> Any:
        self.at_work.set()
        self.go_on.wait(PATIENCE)
        return super().embed_passages(passages)


@contextmanager
def working(library: Library, **parts: Any) -> Generator[Worker]:
    lease_seconds = parts.get("lease_seconds", LEASE_SECONDS)
    worker = Worker(
        WorkerId("tested"),
        parts.get("jobs", replace(library.jobs, lease_seconds=lease_seconds)),
        parts.get("pipeline", library.pipeline),
        library.sweeper,
        lease_seconds,
    )
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        yield worker
    finally:
        worker.stop()
        thread.join(PATIENCE)
    assert not thread.is_alive()


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def upload(library: Library, *texts: str) -> list[DocumentId]:
    files = [IncomingFile(f"{number}.txt", io.BytesIO(text.encode()), {}) for number, text in enumerate(texts)]
    outcomes = library.intake.accept_all(files, library.collection)
    return [outcome.document for outcome in outcomes if isinstance(outcome, Accepted)]


def statuses(library: Library) -> set[str]:
    return {document.status for document in library.documents.page(library.scope, None, None, 100, None).rows}


def test_uploads_become_ready(library: Library) -> None:
    ids = upload(library, *(f"Fact number {n}." for n in range(40)))

    with working(library):
        wait_for(lambda: statuses(library) == {"ready"})

    assert library.jobs.depth()["succeeded"] == len(ids)


def test_a_file_that_cannot_be_read_fails_alone(library: Library) -> None:
    good, bad = upload(library, "A fact.", "Another fact.")
    library.blobs.delete(library.documents.get(bad, library.scope).blob_key)

    with working(library):
        wait_for(lambda: statuses(library) == {"ready", "failed"})

    assert library.documents.get(good, library.scope).status == "ready"
    failed = library.documents.get(bad, library.scope)
    assert failed.error_code == "blob_missing"


def test_what_a_stopped_worker_had_claimed_is_due_again(library: Library) -> None:
    upload(library, "A fact.")
    library.jobs.claim(WorkerId("tested"), 1, 1 << 20)
    library.jobs.release(WorkerId("tested"))

    with working(library):
        wait_for(lambda: statuses(library) == {"ready"})


def test_a_lost_database_is_waited_out(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    upload(library, "A fact.")
    failures = iter([DatabaseUnavailable("gone"), DatabaseUnavailable("still gone")])
    monkeypatch.setattr("ingestion.worker._BACK_OFF_SECONDS", 0.05)

    class Flaky:
        def __getattr__(self, name: str) -> Any:
            return getattr(library.jobs, name)

        def claim(self, *arguments: Any) -> Any:
            for failure in failures:
                raise failure
            return library.jobs.claim(*arguments)

    with working(library, jobs=Flaky()):
        wait_for(lambda: statuses(library) == {"ready"})


def test_a_model_that_is_away_is_tried_again(library: Library) -> None:
    upload(library, "A fact.")
    failures = iter([ModelUnavailable("away")])

    class Flaky(HashingEmbedder):
        def embed_passages(self, passages: Any) -> Any:
            for failure in failures:
                raise failure
            return super().embed_passages(passages)

    with working(library, pipeline=replace(library.pipeline, embedders=Known(Flaky()))):
        wait_for(lambda: statuses(library) == {"ready"})


def test_a_model_that_is_away_holds_up_nothing_that_another_embeds(library: Library) -> None:
    other = CollectionStore(library.documents.db).ensure("other", "hashing:16").id
    waiting, going = replace(library, collection=other), library
    upload(waiting, "A fact for the model that is away.")
    upload(going, "A fact.")
    calls: list[int] = []

    class Away(HashingEmbedder):
        def embed_passages(self, passages: Any) -> Any:
            calls.append(len(passages))
            raise ModelUnavailable("away")

    with working(library, pipeline=replace(library.pipeline, embedders=Known(Away(16), HashingEmbedder()))):
        wait_for(lambda: statuses(going) == {"ready"})
        wait_for(lambda: len(calls) > 1)
        upload(going, "Another fact.")
        wait_for(lambda: statuses(going) == {"ready"})

    assert statuses(waiting) <= {"queued", "processing"}
    done = [row.job_id for row in going.documents.page(going.scope, None, None, 10, None).rows]
    assert [library.jobs.get(job, going.scope).attempts for job in done if job is not None] == [1, 1]


def test_a_deleted_document_is_dropped_in_mid_work(library: Library) -> None:
    (document,) = upload(library, "A fact.")
    model = Held()

    with working(library, pipeline=replace(library.pipeline, embedders=Known(model))):
        assert model.at_work.wait(PATIENCE)
        library.pipeline.forget(document)
        model.go_on.set()
        wait_for(lambda: library.stored() == 0)

    assert library.documents.page(library.scope, None, None, 10, None).rows == ()


def test_a_job_tried_again_in_mid_work_keeps_its_lease(library: Library) -> None:
    (document,) = upload(library, "A fact.")
    job = library.documents.get(document, library.scope).job_id
    assert job is not None
    model = Held()

    with working(library, pipeline=replace(library.pipeline, embedders=Known(model))):
        assert model.at_work.wait(PATIENCE)
        library.jobs.cancel(job, library.scope)
        library.jobs.retry(job, library.scope)
        wait_for(lambda: library.jobs.get(job, library.scope).stage == "publish")
        wait_for(lambda: library.jobs.get(job, library.scope).attempts == 2)
        model.go_on.set()
        wait_for(lambda: statuses(library) == {"ready"})

    assert library.jobs.get(job, library.scope).attempts == 2


def test_a_stop_ends_a_long_parse_and_gives_the_leases_back(
    library: Library, monkeypatch: pytest.MonkeyPatch, poisoned: Sandbox
) -> None:
    upload(library, "hang")

    with working(library, pipeline=replace(library.pipeline, sandbox=poisoned)) as worker:
        wait_for(lambda: statuses(library) == {"processing"})
        began = time.monotonic()
        worker.stop()

    assert time.monotonic() - began < 3
    assert statuses(library) == {"queued"}


def test_the_next_file_is_read_while_the_one_before_is_embedded(library: Library) -> None:
    upload(library, "A fact.")
    model = Held()

    with working(library, pipeline=replace(library.pipeline, embedders=Known(model))):
        assert model.at_work.wait(PATIENCE)
        [document] = upload(library, "Another fact.")
        job = library.documents.get(document, library.scope).job_id
        assert job is not None
        wait_for(lambda: library.jobs.get(job, library.scope).stage == "publish")
        assert statuses(library) == {"processing"}
        model.go_on.set()
        wait_for(lambda: statuses(library) == {"ready"})


def test_no_more_is_read_ahead_than_the_next_pieces(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    upload(library, *(f"Fact number {n}." for n in range(9)))
    monkeypatch.setattr("ingestion.worker._READING", 1)
    monkeypatch.setattr("ingestion.worker._READY_CHUNKS", 2)
    model = Held()

    with working(library, pipeline=replace(library.pipeline, embedders=Known(model))):
        assert model.at_work.wait(PATIENCE)
        wait_for(lambda: library.jobs.depth()["running"] == 3)
        time.sleep(0.3)
        assert library.jobs.depth()["running"] == 3
        model.go_on.set()
        wait_for(lambda: statuses(library) == {"ready"})
