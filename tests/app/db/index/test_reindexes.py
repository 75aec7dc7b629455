"""A collection's next generation, made beside the one that answers."""

from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.db import remains, tables
from app.db.clock import utc_now
from app.db.errors import Conflict, UnknownReindex
from app.db.index.embedders import EmbedderStore
from app.db.index.reindexes import ReindexStore
from app.db.remains import RemainsStore
from ingestion.types import DocumentId, Failure, Job
from retrieval.errors import UnknownCollection
from retrieval.types import ChunkId
from tests.app.db.builders import FINGERPRINT, World, publication, upload

OTHER = "hashing-16"
BROKEN = Failure("unreadable", "this file is damaged", transient=False)


@dataclass(frozen=True, slots=True)
class Indexing:
    """A world with what re-indexes it."""

    world: World
    reindexes: ReindexStore

    @property
    def name(self) -> str:
        return self.world.home.name

    def begin(self) -> None:
        self.reindexes.begin(self.name, OTHER)
        assert self.reindexes.advance()

    def work(self, *failing: DocumentId) -> list[Job]:
        """Do all jobs that wait; a document's text is its name, and says which embedder saw it."""
        jobs = self.world.claim()
        for job in jobs:
            if job.document in failing:
                self.world.jobs.fail(job, BROKEN)
            else:
                self.world.publications.publish([publication(job, f"{job.document} by {job.fingerprint}")])
        return jobs

    def add(self) -> DocumentId:
        [document] = self.world.register(upload())
        self.work()
        return document

    def live(self) -> set[str]:
        """The texts of the generation that answers."""
        head = self.world.changes.head(self.world.home.id)
        _, ids = self.world.changes.live(self.world.home.id, head.generation)
        return {text.text for text in self.world.changes.texts(ids)}

    def generation(self) -> tuple[int, str]:
        head = self.world.changes.head(self.world.home.id)
        return head.generation, head.fingerprint


@pytest.fixture
def indexing(here: World) -> Indexing:
    EmbedderStore(here.db).remember(OTHER, OTHER, None)
    return Indexing(here, ReindexStore(here.db, "parser 1"))


def test_the_old_generation_answers_until_the_new_one_is_whole(indexing: Indexing) -> None:
    one, two = indexing.add(), indexing.add()
    old = {f"{one} by {FINGERPRINT}", f"{two} by {FINGERPRINT}"}
    indexing.begin()
    jobs = indexing.world.claim()
    assert {(job.document, job.generation, job.fingerprint) for job in jobs} == {(one, 2, OTHER), (two, 2, OTHER)}
    indexing.world.publications.publish([publication(jobs[0], f"{jobs[0].document} by {OTHER}")])
    assert not indexing.reindexes.advance()
    assert (indexing.live(), indexing.generation()) == (old, (1, FINGERPRINT))
    assert (indexing.reindexes.get(indexing.name).done, indexing.reindexes.get(indexing.name).documents) == (1, 2)

    indexing.world.publications.publish([publication(jobs[1], f"{jobs[1].document} by {OTHER}")])
    assert (indexing.live(), indexing.generation()) == (old, (1, FINGERPRINT))
    assert indexing.reindexes.advance()

    assert (indexing.live(), indexing.generation()) == ({f"{one} by {OTHER}", f"{two} by {OTHER}"}, (2, OTHER))
    with pytest.raises(UnknownReindex):
        indexing.reindexes.get(indexing.name)
    assert not indexing.reindexes.advance()
    record = indexing.world.collections.by_name(indexing.name)
    assert record is not None
    assert record.pipeline == "parser 1"


def test_a_version_counts_what_is_found_when_its_file_is_read_again(indexing: Indexing) -> None:
    [document] = indexing.world.register(upload())
    [job] = indexing.world.claim()
    before = {"image_only_pages": 1, "chunks_en": 2, "embedded_chunks": 2}
    indexing.world.publications.publish([publication(job, "one", "two", counts=before, warnings=("not read",))])
    indexing.begin()
    [job] = indexing.world.claim()
    now = {"image_only_pages": 1, "ocr_pages": 1, "chunks_en": 3, "embedded_chunks": 1}
    indexing.world.publications.publish([publication(job, "one", "two", "three", counts=now, warnings=("by OCR",))])
    assert indexing.reindexes.advance()
    shown = indexing.world.documents.get(document, indexing.world.scope)
    assert (shown.warnings, shown.counts) == (("by OCR",), now)


def test_a_re_index_shows_on_no_document_and_takes_no_place_in_the_queue_of_uploads(indexing: Indexing) -> None:
    document = indexing.add()
    before = indexing.world.documents.get(document, indexing.world.scope)
    indexing.begin()
    queued = indexing.world.documents.get(document, indexing.world.scope)
    [job] = indexing.world.claim()
    claimed = indexing.world.documents.get(document, indexing.world.scope)
    indexing.world.jobs.fail(job, BROKEN)
    failed = indexing.world.documents.get(document, indexing.world.scope)

    assert before == queued == claimed == failed
    full = replace(indexing.world.documents, queue_max_jobs=1)
    indexing.reindexes.begin(indexing.name, OTHER)
    assert indexing.reindexes.advance()
    assert full.register(indexing.world.home.id, [upload("more")])


def test_what_is_uploaded_or_replaced_meanwhile_answers_at_once_and_gets_into_the_new_generation_too(
    indexing: Indexing,
) -> None:
    one, two = indexing.add(), indexing.add()
    indexing.begin()
    indexing.work()
    indexing.world.register(upload(document=one))
    [three] = indexing.world.register(upload())
    indexing.work()
    assert indexing.live() == {f"{each} by {FINGERPRINT}" for each in (one, two, three)}

    asked: list[DocumentId] = []
    while indexing.generation() == (1, FINGERPRINT):
        assert indexing.reindexes.advance()
        asked += [job.document for job in indexing.work()]
    assert sorted(asked) == sorted([one, three])

    assert indexing.live() == {f"{each} by {OTHER}" for each in (one, two, three)}
    shown = [indexing.world.documents.get(each, indexing.world.scope) for each in (one, two, three)]
    assert [(each.version, each.chunks, each.status) for each in shown] == [
        (2, 1, "ready"),
        (1, 1, "ready"),
        (1, 1, "ready"),
    ]


def test_a_document_that_is_deleted_meanwhile_holds_nothing_up(indexing: Indexing) -> None:
    one, two = indexing.add(), indexing.add()
    indexing.begin()
    jobs = indexing.world.claim()
    indexing.world.documents.forget(one)

    for job in jobs:
        indexing.world.publications.publish([publication(job, f"{job.document} by {OTHER}")])
    assert indexing.reindexes.advance()

    assert (indexing.live(), indexing.generation()) == ({f"{two} by {OTHER}"}, (2, OTHER))


def test_an_upload_that_was_begun_before_the_switch_goes_live_after_it(indexing: Indexing) -> None:
    one = indexing.add()
    indexing.begin()
    indexing.work()
    [two] = indexing.world.register(upload())
    [early] = indexing.world.claim()
    assert indexing.reindexes.advance()

    assert indexing.world.publications.publish([publication(early, "too late")]) == set()
    with indexing.world.db.write() as session:
        session.execute(tables.Job.__table__.update().values(run_after=0.0))  # type: ignore[attr-defined]
    indexing.work()

    assert indexing.live() == {f"{one} by {OTHER}", f"{two} by {OTHER}"}


def test_a_document_that_fails_stops_it_and_is_tried_again_when_it_is_begun_again(indexing: Indexing) -> None:
    one, two = indexing.add(), indexing.add()
    indexing.begin()
    indexing.work(one)
    assert not indexing.reindexes.advance()
    told = indexing.reindexes.get(indexing.name)
    assert (told.status, told.done, told.failed, told.documents) == ("stopped", 1, 1, 2)
    assert [(each.id, each.code, each.message) for each in told.failures] == [(one, BROKEN.code, BROKEN.message)]
    assert indexing.generation() == (1, FINGERPRINT)

    indexing.begin()
    assert {job.document for job in indexing.work()} == {one}
    assert indexing.reindexes.advance()

    assert indexing.live() == {f"{one} by {OTHER}", f"{two} by {OTHER}"}


def test_a_stopped_one_can_be_made_to_answer_without_what_failed(indexing: Indexing) -> None:
    one, two = indexing.add(), indexing.add()
    indexing.begin()
    with pytest.raises(Conflict, match="is running"):
        indexing.reindexes.switch_without_failed(indexing.name)
    indexing.work(one)

    indexing.reindexes.switch_without_failed(indexing.name)

    assert (indexing.live(), indexing.generation()) == ({f"{two} by {OTHER}"}, (2, OTHER))
    failed = indexing.world.documents.get(one, indexing.world.scope)
    assert (failed.status, failed.error_code, failed.version) == ("failed", BROKEN.code, None)
    assert failed.job_id is not None
    indexing.world.jobs.retry(failed.job_id, indexing.world.scope)
    indexing.work()
    assert indexing.live() == {f"{one} by {OTHER}", f"{two} by {OTHER}"}


def test_a_cancelled_one_writes_nothing_more_and_goes_on_where_it_was_when_it_is_begun_again(
    indexing: Indexing,
) -> None:
    one, two = indexing.add(), indexing.add()
    indexing.begin()
    jobs = {job.document: job for job in indexing.world.claim()}
    indexing.world.publications.publish([publication(jobs[one], f"{one} by {OTHER}")])

    assert indexing.reindexes.cancel(indexing.name).status == "cancelled"

    assert indexing.world.publications.publish([publication(jobs[two], "lost")]) == set()
    assert not indexing.reindexes.advance()
    assert (indexing.world.claim(), indexing.generation()) == ([], (1, FINGERPRINT))
    indexing.begin()
    assert [job.document for job in indexing.work()] == [two]
    assert indexing.reindexes.advance()
    assert indexing.live() == {f"{one} by {OTHER}", f"{two} by {OTHER}"}


def test_with_another_embedder_it_begins_anew(indexing: Indexing) -> None:
    document = indexing.add()
    indexing.begin()
    [before] = indexing.world.claim()

    indexing.reindexes.begin(indexing.name, "third")
    assert indexing.reindexes.advance()

    assert indexing.world.publications.publish([publication(before, "of the second")]) == set()
    [job] = indexing.world.claim()
    assert (job.document, job.generation, job.fingerprint) == (document, 3, "third")


def test_what_was_cancelled_long_ago_is_forgotten(indexing: Indexing) -> None:
    indexing.add()
    indexing.begin()
    indexing.reindexes.cancel(indexing.name)

    later = replace(indexing.reindexes, clock=lambda: utc_now() + timedelta(hours=2))

    assert not later.advance()
    with pytest.raises(UnknownReindex):
        indexing.reindexes.get(indexing.name)


def test_what_a_forgotten_one_left_behind_is_no_part_of_the_next_one(indexing: Indexing) -> None:
    document = indexing.add()
    indexing.begin()
    indexing.work()
    indexing.reindexes.cancel(indexing.name)
    replace(indexing.reindexes, clock=lambda: utc_now() + timedelta(hours=2)).advance()

    indexing.reindexes.begin(indexing.name, "third")
    indexing.reindexes.advance()
    indexing.work()
    assert indexing.reindexes.advance()

    assert indexing.generation()[1] == "third"
    assert indexing.live() == {f"{document} by third"}


def test_hits_of_the_index_before_are_still_read_after_the_switch(indexing: Indexing) -> None:
    document = indexing.add()
    _, ids = indexing.world.changes.live(indexing.world.home.id, 1)
    before = indexing.world.chunks.placed([ChunkId(int(ids[0]))], indexing.world.scope, ())
    indexing.begin()
    indexing.work()
    assert indexing.reindexes.advance()

    after = indexing.world.chunks.placed([ChunkId(int(ids[0]))], indexing.world.scope, ())

    assert [one.chunk.text for one in after] == [one.chunk.text for one in before] == [f"{document} by {FINGERPRINT}"]


def test_a_version_of_an_earlier_index_is_restored_by_reading_its_original_again(indexing: Indexing) -> None:
    documents, scope = indexing.world.documents, indexing.world.scope
    [document] = indexing.world.register(upload("v1", name="first.md", metadata={"year": 2025}))
    indexing.work()
    indexing.world.register(upload("v2", name="second.md", document=document, metadata={"year": 2026}))
    indexing.work()
    indexing.begin()
    indexing.work()
    assert indexing.reindexes.advance()

    for _ in range(2):  # asking again asks for nothing more
        asked = documents.restore(document, 1)
        assert (asked.version, asked.latest_version, asked.latest_status) == (2, 3, "queued")
    [job] = indexing.work()
    restored = documents.get(document, scope)

    first = documents.versions(document, scope, 9, None).rows[-1]
    assert (first.number, job.blob.key, job.fingerprint) == (1, first.blob_key, OTHER)
    assert (restored.version, restored.status, restored.name) == (3, "ready", "first.md")
    assert restored.metadata == {"year": 2025}
    assert indexing.live() == {f"{document} by {OTHER}"}
    documents.forget(document)  # with one original for two versions


def test_a_version_that_failed_is_not_read_again(indexing: Indexing) -> None:
    document = indexing.add()
    indexing.world.register(upload(document=document))
    indexing.work(document)
    with pytest.raises(Conflict, match="version 2 is failed"):
        indexing.world.documents.restore(document, 2)


def test_a_worker_has_only_so_many_of_its_jobs_in_hand(indexing: Indexing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.db.queue.claims.BESIDE", 2)
    for _ in range(3):
        indexing.add()
    indexing.begin()
    indexing.world.register(upload("now"))

    first, then = indexing.world.claim(), indexing.world.claim()

    assert sorted(job.generation for job in first) == [1, 2, 2]
    assert then == []


def test_an_empty_collection_switches_at_once_and_an_unknown_one_is_unknown(indexing: Indexing) -> None:
    indexing.reindexes.begin(indexing.name, OTHER)
    assert indexing.reindexes.advance()
    assert indexing.generation() == (2, OTHER)
    with pytest.raises(UnknownCollection):
        indexing.reindexes.begin("nowhere", OTHER)


def test_nothing_is_left_of_its_jobs(indexing: Indexing) -> None:
    indexing.add()
    indexing.begin()
    indexing.work()
    assert indexing.reindexes.advance()
    with indexing.world.db.read() as session:
        assert session.scalar(select(func.count()).where(tables.Job.generation != tables.UPLOADED)) == 0


def test_the_generation_before_is_swept_once_every_process_has_had_time_to_leave_it(indexing: Indexing) -> None:
    indexing.add()
    _, ids = indexing.world.changes.live(indexing.world.home.id, 1)
    before = [ChunkId(int(ids[0]))]
    indexing.begin()
    indexing.work()
    assert indexing.reindexes.advance()
    store = RemainsStore(indexing.world.db, "parser-1")

    store.sweep(lambda: True)
    assert indexing.world.chunks.placed(before, indexing.world.scope, ())
    replace(store, clock=lambda: utc_now() + timedelta(hours=2)).sweep(lambda: True)

    assert indexing.world.chunks.placed(before, indexing.world.scope, ()) == []
    with indexing.world.db.read() as session:
        fingerprints = session.scalars(select(tables.Embedding.fingerprint)).all()
        assert (fingerprints, session.scalars(select(tables.Chunk.generation)).all()) == ([OTHER], [2])
    assert len(indexing.live()) == 1


def test_a_switch_while_it_is_swept_leaves_the_generation_before(
    indexing: Indexing, monkeypatch: pytest.MonkeyPatch
) -> None:
    indexing.add()
    _, ids = indexing.world.changes.live(indexing.world.home.id, 1)
    indexing.begin()
    indexing.work()
    read = remains.kept_generations

    def switched(session: Session, collection: int) -> set[int]:
        if indexing.generation() == (1, FINGERPRINT):
            assert indexing.reindexes.advance()
        return read(session, collection)

    monkeypatch.setattr(remains, "kept_generations", switched)
    RemainsStore(indexing.world.db, "parser-1").sweep(lambda: True)

    assert indexing.generation() == (2, OTHER)
    assert indexing.world.chunks.placed([ChunkId(int(ids[0]))], indexing.world.scope, ())
