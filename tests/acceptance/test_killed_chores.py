"""SIGKILL of the worker over what it does beside the jobs: what is swept stays swept, what was asked is asked once."""

import io
import time
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from app.db.tables import DroppedBlob, HypotheticalQuestions
from app.wiring import Services
from ingestion.intake import IncomingFile
from ingestion.sweep import Sweep
from ingestion.types import Accepted, DocumentId
from retrieval.types import Scope
from tests.acceptance.killed_worker import Death
from tests.acceptance.workers import (
    PATIENCE_SECONDS,
    assert_killed,
    assert_whole,
    read_all,
    services_of,
    settings_of,
    upload_notes,
    worker,
    worker_here,
)
from tests.stubs.vllm import MODEL, Script, VllmStub

pytestmark = pytest.mark.timeout(300)

NOTES = 9
NOWHERE = "http://127.0.0.1:9/v1"


@pytest.mark.parametrize(
    ("point", "moment", "commit"),
    [
        ("remains.sweep", "inside", 1),
        ("remains.sweep", "inside", NOTES + 1),  # all old versions are retired, and none is emptied
        ("remains.sweep", "inside", 2 * NOTES),
        ("remains.sweep", "after", 1),
        ("remains.settle", "before", 1),
        ("remains.settle", "inside", 1),
        ("remains.settle", "after", 1),
    ],
    ids=str,
)
def test_what_a_killed_sweep_leaves_the_next_one_takes(
    database_url: str, tmp_path: Path, point: str, moment: str, commit: int
) -> None:
    environment = settings_of(database_url, tmp_path)
    keeps_one = {**environment, "OPENBOOK_KEEP_VERSIONS": "1"}
    with services_of(environment) as services:
        collection = services.collections.ensure("default", services.embedder.fingerprint).id
        documents: list[DocumentId | None] = [None] * NOTES
        for number in range(2):
            files = [
                IncomingFile(
                    f"{place}.txt", io.BytesIO(f"Version {number} of note {place}.".encode()), {}, None, document
                )
                for place, document in enumerate(documents)
            ]
            accepted = services.intake.accept_all(files, collection)
            documents = [each.document for each in accepted if isinstance(each, Accepted)]
            read_all(services)
    with worker(keeps_one, Death(point, moment, 1, commit=commit)) as killed:
        assert_killed(killed)
    with services_of(keeps_one) as services:
        sweep = Sweep(services.remains, services.blobs)
        sweep.run()
        assert sweep.run() == {}
        with services.db.read() as session:
            assert session.scalar(select(func.count()).select_from(DroppedBlob)) == 0
        assert_whole(services, NOTES, NOTES, publications=2 * NOTES)


@pytest.mark.parametrize(
    ("point", "moment", "times_asked"),
    [
        ("questions.claim", "inside", 1),
        ("questions.claim", "after", 1),
        ("questions.put_off", "inside", 1),
        ("questions.put_off", "after", 1),
        ("questions.keep", "inside", 2),
        ("questions.keep", "after", 1),
    ],
    ids=str,
)
def test_the_questions_that_a_killed_worker_did_not_keep_are_asked_again(
    database_url: str, tmp_path: Path, point: str, moment: str, times_asked: int
) -> None:
    with VllmStub(Script(tokens=("1. What is a zyxquor?",))) as model:
        environment = {
            **settings_of(database_url, tmp_path),
            "OPENBOOK_GENERATOR_URL": model.base_url,
            "OPENBOOK_GENERATOR_MODEL": MODEL,
            "OPENBOOK_QUESTIONS_PER_CHUNK": "1",
        }
        mute = {**environment, "OPENBOOK_GENERATOR_URL": NOWHERE}
        with services_of(environment) as services:
            chunks = upload_notes(services, NOTES)
            read_all(services)
            with worker(mute if point == "questions.put_off" else environment, Death(point, moment, 1)) as killed:
                assert_killed(killed)
            _let_leases_run_out(services)
            with worker_here(services):
                _wait_until_asked(services, chunks)
            assert model.seen.requests == times_asked * chunks
            assert_whole(services, NOTES + 1, chunks, publications=NOTES + 2)  # all the questions are one change
            home = Scope(frozenset(services.collections.ids().values()))
            assert len(services.retriever.search("zyxquor", home, chunks, mode="lexical").hits) == chunks


def _let_leases_run_out(services: Services) -> None:
    """Those of the questions, which are as long as a model may take."""
    with services.db.write() as session:
        session.execute(update(HypotheticalQuestions).values(lease_until=0.0))


def _wait_until_asked(services: Services, chunks: int) -> None:
    asked = select(func.count()).where(HypotheticalQuestions.texts.is_not(None))
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        with services.db.read() as session:
            if session.scalar(asked) == chunks:
                return
        assert time.monotonic() < deadline, "not all chunks were asked about"
        time.sleep(0.05)
