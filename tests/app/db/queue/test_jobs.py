import threading
import time
from dataclasses import replace

import pytest
from sqlalchemy import select, update

from app.db import tables
from app.db.database import Database
from app.db.errors import Conflict, UnknownJob
from app.db.sql import epoch
from ingestion.errors import QueueFull
from ingestion.types import Failure, JobId, Progress, WorkerId
from retrieval.types import Scope
from tests.app.db.builders import MANY_BYTES, WORKER, World, at_once, parsed, publication, sha, upload, world

OTHER = WorkerId("worker-2")
SLOW = Failure("parser_crashed", "the parser died", transient=True)
BROKEN = Failure("unreadable", "the file is damaged", transient=False)
MIB = 1 << 20


def test_a_claimed_job_says_all_that_there_is_to_do(here: World) -> None:
    [document] = here.register(upload("alpha", name="a.md", size=9, metadata={"tags": ("x",)}))
    [job] = here.claim()
    assert (job.worker, job.attempt, job.stage, job.document) == (WORKER, 1, "parse", document)
    assert (job.collection, job.generation, job.name, job.media_type) == (here.home.id, 1, "a.md", "text/markdown")
    assert (job.blob.sha256, job.blob.size, dict(job.metadata)) == (sha("alpha"), 9, {"tags": ("x",)})
    assert here.documents.get(document, here.scope).status == "processing"
    assert here.claim() == []


def test_the_oldest_goes_first_then_small_ones_then_age(here: World) -> None:
    sizes = [100 * MIB, 500, 10 * MIB, 900, 11 * MIB, 70_000]
    ids = here.register(*(upload(size=size) for size in sizes))
    order = [ids.index(job.document) for job in here.claim()]
    assert order == [0, 1, 3, 5, 2, 4]


def test_a_note_that_comes_alone_goes_before_those_that_came_together(
    here: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.register(*(upload() for _ in range(40)))
    here.claim(1)  # the oldest of all has its turn in any case
    monkeypatch.setattr("app.db.library.registration._TOGETHER_SECONDS", 0.0)  # as if it came an hour later
    [alone] = here.register(upload())
    assert alone in [job.document for job in here.claim(9)]


def test_what_somebody_sends_does_not_wait_for_the_thousand_that_another_has_sent(here: World) -> None:
    for _ in range(25):  # requests of forty files each, as the page makes them
        here.register(*(replace(upload(), uploader="key_busy") for _ in range(40)))
    books = here.register(*(replace(upload(size=30 * MIB), uploader="key_busy") for _ in range(4)))
    [note] = here.register(replace(upload(), uploader="key_other"))
    folder = here.register(*(replace(upload(), uploader="key_third") for _ in range(60)))

    claimed = [job.document for job in here.claim(128)]
    assert note in claimed[:12]  # beside the oldest, and the first few of the others
    assert len(set(folder) & set(claimed[:64])) >= 28
    assert set(folder) <= set(claimed)
    assert not set(books) & set(claimed)


def test_an_upload_in_many_requests_has_the_turns_of_one_in_a_single_request(here: World) -> None:
    for _ in range(40):
        here.register(replace(upload(), uploader="key_watching"))
    at_once = here.register(*(replace(upload(), uploader="key_page") for _ in range(40)))

    half = [job.document for job in here.claim(40)]
    assert 16 <= len(set(at_once) & set(half)) <= 24


def test_an_endless_stream_of_notes_leaves_a_book_its_turn(here: World) -> None:
    [book] = here.register(upload(size=90 * MIB))
    for _ in range(3):
        here.register(*(upload() for _ in range(8)))
    assert here.claim(2)[0].document == book


def test_a_claim_takes_no_file_that_is_too_large_for_it(here: World) -> None:
    _, note = here.register(upload(size=5000), upload(size=100))
    assert [job.document for job in here.jobs.claim(WORKER, 10, MANY_BYTES, largest=4999)] == [note]


def test_a_claim_stops_before_too_many_bytes_but_takes_one_at_least(here: World) -> None:
    here.register(*(upload(size=600) for _ in range(3)))
    assert len(here.jobs.claim(WORKER, 10, 1200)) == 2
    assert len(here.jobs.claim(WORKER, 10, 100)) == 1


def test_no_job_is_claimed_twice_however_many_ask_at_once(here: World) -> None:
    here.register(*(upload() for _ in range(40)))
    barrier = threading.Barrier(4)

    def work(number: int) -> list[JobId]:
        barrier.wait(10)
        mine: list[JobId] = []
        while jobs := here.jobs.claim(WorkerId(f"worker-{number}"), 3, MANY_BYTES):
            mine += [job.id for job in jobs]
        return mine

    claimed = [job for mine in at_once(work, 4) for job in mine]
    assert len(claimed) == len(set(claimed)) == 40


def test_a_lost_lease_makes_the_job_due_again_and_fences_the_loser_out(here: World) -> None:
    [document] = here.register(upload())
    [lost] = here.claim()
    _let_leases_run_out(here.db)
    [again] = here.claim(worker=OTHER)
    assert (again.id, again.attempt) == (lost.id, 2)
    assert here.jobs.heartbeat(WORKER, [lost.id]) == set()
    assert here.publications.save_parsed([(lost, parsed())]) == set()
    assert here.publications.publish([publication(lost, "of the loser")]) == set()
    here.jobs.fail(lost, BROKEN)
    here.jobs.report(lost, "parse", Progress(0.9, 9, 10))
    assert here.jobs.get(lost.id, here.scope).progress == 0
    assert here.publications.publish([publication(again, "of the winner")]) == {again.id}
    assert here.live() == {"of the winner"}
    assert here.documents.get(document, here.scope).status == "ready"


def test_the_same_worker_under_an_older_attempt_is_fenced_out_too(here: World) -> None:
    here.register(upload())
    [lost] = here.claim()
    _let_leases_run_out(here.db)
    [again] = here.claim()
    assert here.publications.publish([publication(lost, "late")]) == set()
    assert here.publications.publish([publication(again, "right")]) == {again.id}


def test_a_lease_runs_by_the_database_s_clock(here: World) -> None:
    here.register(upload())
    [job] = here.claim()
    with here.db.read() as session:
        left = session.scalar(select(tables.Job.lease_until - epoch()))
    assert left is not None
    assert 0 < left <= 60
    assert here.claim(worker=OTHER) == []
    with here.db.write() as session:
        session.execute(update(tables.Job).values(lease_until=epoch() - 0.5))
    assert [each.id for each in here.claim(worker=OTHER)] == [job.id]


def test_a_heartbeat_renews_a_lease_and_names_what_is_still_held(here: World) -> None:
    here.register(upload(), upload())
    kept, cancelled = here.claim()
    here.jobs.cancel(cancelled.id, here.scope)
    _let_leases_run_out(here.db)  # late, but nobody has taken the job yet
    assert here.jobs.heartbeat(WORKER, [kept.id, cancelled.id, JobId("job_none")]) == {kept.id}
    assert here.jobs.heartbeat(OTHER, [kept.id]) == set()
    assert here.claim(worker=OTHER) == []


def test_crashes_use_attempts_up_and_then_the_job_fails_with_a_reason(database: Database) -> None:
    here = world(database, max_attempts=2)
    [document] = here.register(upload())
    for attempt in (1, 2):
        assert [job.attempt for job in here.claim()] == [attempt]
        _let_leases_run_out(database)
    assert here.claim() == []
    failed = here.documents.get(document, here.scope)
    assert (failed.status, failed.error_code) == ("failed", "gave_up")
    assert failed.error_message is not None
    assert "2 attempts" in failed.error_message
    assert failed.job_id is not None
    assert here.jobs.get(failed.job_id, here.scope).status == "failed"


def test_a_transient_failure_is_tried_again_later_and_at_last_fails(database: Database) -> None:
    here = world(database, max_attempts=2)
    [document] = here.register(upload())
    [job] = here.claim()
    here.jobs.fail(job, SLOW)
    assert here.claim() == []
    waiting = here.jobs.get(job.id, here.scope)
    assert (waiting.status, waiting.error_code, waiting.attempts) == ("queued", "parser_crashed", 1)
    assert here.documents.get(document, here.scope).status == "queued"
    _let_backoffs_run_out(database)
    [again] = here.claim()
    here.jobs.fail(again, SLOW)
    failed = here.documents.get(document, here.scope)
    assert (failed.status, failed.error_code, failed.error_message) == ("failed", "parser_crashed", "the parser died")


def test_each_failure_waits_longer_than_the_one_before(database: Database) -> None:
    here = world(database, max_attempts=9)
    here.register(upload())
    waits: list[float] = []
    for _ in range(6):
        [job] = here.claim()
        here.jobs.fail(job, SLOW)
        with database.read() as session:
            waits.append(session.get_one(tables.Job, job.id).run_after - time.time())
        _let_backoffs_run_out(database)
    assert [round(wait) for wait in waits] == pytest.approx([2, 8, 32, 128, 300, 300], abs=2)


def test_a_permanent_failure_is_final(here: World) -> None:
    [document] = here.register(upload())
    [job] = here.claim()
    here.jobs.fail(job, BROKEN)
    failed = here.documents.get(document, here.scope)
    assert (failed.status, failed.error_code, failed.error_message) == ("failed", "unreadable", "the file is damaged")
    _let_backoffs_run_out(here.db)
    assert here.claim() == []


@pytest.mark.parametrize("claimed", [False, True])
def test_a_cancelled_job_is_over_at_once(here: World, claimed: bool) -> None:
    [document] = here.register(upload())
    own = here.documents.get(document, here.scope).job_id
    assert own is not None
    jobs = here.claim() if claimed else []
    assert here.jobs.cancel(own, here.scope).status == "cancelled"
    found = here.documents.get(document, here.scope)
    assert (found.status, found.error_code) == ("failed", "cancelled")
    assert here.publications.publish([publication(job, "late") for job in jobs]) == set()
    assert here.live() == set()
    assert here.claim() == []
    with pytest.raises(Conflict, match="cancelled"):
        here.jobs.cancel(own, here.scope)


def test_a_retried_job_gets_all_its_attempts_under_new_fences(database: Database) -> None:
    here = world(database, max_attempts=2)
    here.register(upload())
    [job] = here.claim()
    here.jobs.cancel(job.id, here.scope)
    retried = here.jobs.retry(job.id, here.scope)
    assert (retried.status, retried.error_code) == ("queued", None)
    [again] = here.claim()
    assert again.attempt == 2
    assert here.publications.publish([publication(job, "of the cancelled attempt")]) == set()
    _let_leases_run_out(database)
    assert [job.attempt for job in here.claim()] == [3]
    _let_leases_run_out(database)
    assert here.claim() == []
    with pytest.raises(Conflict, match="queued"):
        here.jobs.retry(here.jobs.retry(job.id, here.scope).id, here.scope)


def test_what_a_worker_gives_back_costs_no_attempt(database: Database) -> None:
    here = world(database, max_attempts=1)
    [document] = here.register(upload())
    [job] = here.claim()
    assert here.jobs.release(OTHER) == 0
    assert here.jobs.release(WORKER) == 1
    assert here.documents.get(document, here.scope).status == "queued"
    assert here.jobs.heartbeat(WORKER, [job.id]) == set()
    [again] = here.claim()
    assert here.publications.publish([publication(job, "late")]) == set()
    assert here.publications.publish([publication(again, "text")]) == {job.id}


def test_a_dead_worker_s_jobs_are_due_at_once(here: World) -> None:
    here.register(upload())
    [job] = here.claim()
    assert here.jobs.expire(OTHER) == 0
    assert here.jobs.expire(WORKER) == 1
    assert [each.attempt for each in here.claim(worker=OTHER)] == [job.attempt + 1]


def test_progress_is_shown_between_nought_and_one(here: World) -> None:
    here.register(upload())
    [job] = here.claim()
    for share, done, shown in ((-1, 0, 0.0), (0.5, 3, 0.5), (0.4, 2, 0.5), (7, 6, 1.0)):
        here.jobs.report(job, "parse", Progress(share, done, 6))
        told = here.jobs.get(job.id, here.scope)
        assert (told.progress, told.done, told.total) == (shown, done, 6)


def test_pages_are_shown_as_pages_when_a_job_reads_its_file_again(here: World) -> None:
    here.register(upload())
    [job] = here.claim()
    here.publications.save_parsed([(job, b"{}")])
    here.jobs.fail(job, Failure("no_text", "only images", transient=False))
    here.jobs.retry(job.id, here.scope)
    [again] = here.claim()
    assert here.jobs.get(job.id, here.scope).stage == "publish"
    here.jobs.report(again, "parse", Progress(0.1, 1, 2))
    told = here.jobs.get(job.id, here.scope)
    assert (told.stage, told.done, told.total) == ("parse", 1, 2)


def test_a_foreign_job_is_as_unknown_as_a_missing_one(here: World) -> None:
    here.register(upload())
    [job] = here.claim()
    nowhere = Scope(frozenset())
    for document, scope in ((job.id, nowhere), (JobId("job_none"), here.scope)):
        for method in (here.jobs.get, here.jobs.cancel, here.jobs.retry):
            with pytest.raises(UnknownJob):
                method(document, scope)


def test_depth_counts_every_status(here: World) -> None:
    here.register(*(upload() for _ in range(4)))
    first, second, third = here.claim(limit=3)
    here.publications.publish([publication(first, "text")])
    here.jobs.fail(second, BROKEN)
    assert here.jobs.depth() == {"queued": 1, "running": 1, "succeeded": 1, "failed": 1, "cancelled": 0}
    here.jobs.cancel(third.id, here.scope)
    assert here.jobs.depth()["cancelled"] == 1


def test_a_forgotten_document_s_job_is_dropped(here: World) -> None:
    [document] = here.register(upload())
    [job] = here.claim()
    here.documents.forget(document)
    assert here.jobs.heartbeat(WORKER, [job.id]) == set()
    assert here.publications.publish([publication(job, "late")]) == set()
    assert here.live() == set()


def _let_leases_run_out(db: Database) -> None:
    with db.write() as session:
        session.execute(update(tables.Job).where(tables.Job.status == "running").values(lease_until=1.0))


def _let_backoffs_run_out(db: Database) -> None:
    with db.write() as session:
        session.execute(update(tables.Job).values(run_after=1.0))


def test_a_last_attempt_takes_no_neighbour_along(database: Database) -> None:
    here = world(database, max_attempts=2)
    here.register(*(upload() for _ in range(3)))
    assert len(here.claim()) == 3
    _let_leases_run_out(database)

    [killer] = here.claim()
    assert here.claim() == []
    _let_leases_run_out(database)

    [second] = here.claim()
    assert here.jobs.get(killer.id, here.scope).status == "failed"
    assert here.publications.publish([publication(second, "two")]) == {second.id}
    [third] = here.claim()
    assert here.publications.publish([publication(third, "three")]) == {third.id}


def test_a_last_attempt_waits_until_its_worker_s_hands_are_empty(database: Database) -> None:
    here = world(database, max_attempts=2)
    here.register(upload(size=1000))
    [first] = here.claim()
    _let_leases_run_out(database)
    here.register(upload(size=999))
    [second] = here.jobs.claim(OTHER, 1, MANY_BYTES, largest=999)

    assert here.claim(worker=OTHER) == []
    assert here.publications.publish([publication(second, "text")]) == {second.id}
    assert [job.id for job in here.claim(worker=OTHER)] == [first.id]


def test_a_last_attempt_after_a_child_s_crash_goes_with_the_others(database: Database) -> None:
    here = world(database, max_attempts=2)
    here.register(upload())
    [first] = here.claim()
    here.jobs.fail(first, SLOW)
    here.register(upload())
    _let_backoffs_run_out(database)
    assert len(here.claim()) == 2


def test_an_outage_costs_no_attempt_and_is_told(database: Database) -> None:
    here = world(database, max_attempts=1)
    [document] = here.register(upload())
    for _ in range(3):
        [job] = here.claim()
        here.jobs.postpone([job], Failure("storage_full", "the disk is full", transient=True), 60.0)
        waiting = here.jobs.get(job.id, here.scope)
        assert (waiting.status, waiting.error_code, waiting.stage) == ("queued", "storage_full", "parse")
        assert here.documents.get(document, here.scope).status == "queued"
        assert here.claim() == []
        _let_backoffs_run_out(database)
    [job] = here.claim()
    assert here.publications.publish([publication(job, "text")]) == {job.id}
    assert here.jobs.get(job.id, here.scope).error_code is None


def test_a_job_that_waited_out_a_thousand_pauses_can_still_fail(here: World) -> None:
    [document] = here.register(upload())
    with here.db.write() as session:
        session.execute(update(tables.Job).values(attempts=1000, max_attempts=1003))
    [job] = here.claim()
    here.jobs.fail(job, SLOW)
    _let_backoffs_run_out(here.db)
    [job] = here.claim()
    here.jobs.fail(job, BROKEN)
    assert here.documents.get(document, here.scope).error_code == "unreadable"


def test_what_no_database_can_hold_is_replaced_in_a_failure_s_message(here: World) -> None:
    one, two = here.register(upload(), upload())
    first, second = here.claim()
    here.jobs.postpone([first], Failure("outage", "no \0 answer \ud800", transient=True), 0.0)
    here.jobs.fail(second, Failure("unreadable", "byte \0 in \ud800", transient=False))
    jobs = [here.jobs.get(job.id, here.scope).error_message for job in (first, second)]
    assert jobs == ["no \ufffd answer \ufffd", "byte \ufffd in \ufffd"]
    assert here.documents.get(one, here.scope).error_message is None
    assert here.documents.get(two, here.scope).error_message == "byte \ufffd in \ufffd"


def test_a_lost_fence_cannot_be_postponed(here: World) -> None:
    here.register(upload())
    [lost] = here.claim()
    _let_leases_run_out(here.db)
    [again] = here.claim(worker=OTHER)
    here.jobs.postpone([lost], SLOW, 0.0)
    assert here.jobs.held(OTHER, [again.id]) == {again.id}
    assert here.jobs.held(WORKER, [lost.id]) == set()


def test_the_queue_is_bounded_by_bytes_too(database: Database) -> None:
    here = world(database)
    documents = replace(here.documents, queue_max_bytes=1000)
    documents.register(here.home.id, [upload(size=5000)])  # one alone always may
    with pytest.raises(QueueFull, match="OPENBOOK_QUEUE_MAX_MEBIBYTES"):
        documents.register(here.home.id, [upload(size=1)])
    [job] = here.claim()
    here.publications.publish([publication(job, "text")])
    documents.register(here.home.id, [upload(size=600)])
    with pytest.raises(QueueFull):
        documents.register(here.home.id, [upload(size=600)])
