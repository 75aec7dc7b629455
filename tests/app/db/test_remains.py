"""What nothing refers to any more goes, whatever happens meanwhile; what anything refers to stays."""

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import delete, event, func, select, update

from app.db import remains, tables
from app.db.database import Database
from app.db.errors import Conflict
from app.db.people.idempotency import IdempotencyStore
from app.db.people.keys import KeyStore
from app.db.tables import Base
from ingestion.errors import UnknownDocument
from ingestion.types import DocumentId, Failure, JobId
from retrieval.errors import IndexDamaged
from retrieval.lexical_indexes.rank_bm25 import RankBM25Index
from retrieval.replica import Replica
from retrieval.tokenizer import terms
from retrieval.vector_indexes.faiss import FaissIndex
from tests.app.db.builders import FINGERPRINT, World, at_once, keep, parsed, publication, sha, upload, world

LATER = timedelta(days=8)
BROKEN = Failure("unreadable", "it is damaged", transient=False)


def always() -> bool:
    return True


def swept(here: World, keep: int = 2, after: timedelta = timedelta(0)) -> dict[str, int]:
    store = replace(here.remains, keep_versions=keep, clock=lambda: datetime.now(UTC) + after)
    return dict(store.sweep(always))


def put(here: World, document: DocumentId, *texts: str) -> None:
    here.register(upload(document=document))
    here.publish(*texts)


def rows(here: World, *kinds: type[Base]) -> list[int]:
    with here.db.read() as session:
        return [session.execute(select(func.count()).select_from(kind)).scalar_one() for kind in kinds]


def numbers(here: World, document: DocumentId) -> list[int]:
    return [version.number for version in here.documents.versions(document, here.scope, 100, None).rows]


def with_five_versions(here: World) -> DocumentId:
    document = here.add("shared", "text 1")
    for number in range(2, 6):
        put(here, document, "shared", f"text {number}")
    return document


def test_old_versions_go_with_all_that_only_they_held(here: World) -> None:
    document = with_five_versions(here)
    other = here.add("text 1")
    assert swept(here) == {"versions": 3, "placements": 6}
    assert numbers(here, document) == [5, 4]
    assert numbers(here, other) == [1]
    assert here.live() == {"shared", "text 5", "text 1"}
    assert rows(here, tables.Version, tables.Placement, tables.Chunk, tables.Embedding, tables.Job) == [3, 5, 4, 4, 3]
    assert rows(here, tables.DroppedBlob) == [3]
    assert swept(here) == {}


def test_the_live_the_newest_and_those_being_worked_on_are_never_swept(here: World) -> None:
    document = with_five_versions(here)
    here.documents.restore(document, 1)
    put(here, document, "text 6")
    here.documents.restore(document, 1)
    here.register(upload(document=document), upload(document=document))
    [job, *_] = here.claim(limit=1)
    swept(here, keep=1)
    assert numbers(here, document) == [8, 7, 6, 1]
    assert here.live() == {"shared", "text 1"}
    assert here.publications.publish([publication(job, "text 7")]) == {job.id}
    swept(here, keep=1)
    assert numbers(here, document) == [8, 7]


def test_failures_do_not_push_out_what_can_be_restored(here: World) -> None:
    document = with_five_versions(here)
    for _ in range(4):
        here.register(upload(document=document))
        here.jobs.fail(here.claim()[0], BROKEN)
    assert swept(here) == {"versions": 5, "placements": 6}
    assert numbers(here, document) == [9, 8, 5, 4]
    assert here.documents.restore(document, 4).version == 4


def test_a_failed_version_that_is_tried_again_stays(here: World) -> None:
    document = here.add("text")
    first, *_ = [_fail(here, document) for _ in range(3)]
    here.jobs.retry(first, here.scope)
    swept(here, keep=1)
    assert numbers(here, document) == [4, 2, 1]


def _fail(here: World, document: DocumentId) -> JobId:
    here.register(upload(document=document))
    [job] = here.claim()
    here.jobs.fail(job, BROKEN)
    return job.id


def test_a_swept_version_can_neither_be_seen_nor_restored(here: World) -> None:
    document = with_five_versions(here)
    # as a crash leaves it: retired, and half of its placements gone
    with here.db.write() as session:
        session.execute(update(tables.Version).where(tables.Version.number <= 3).values(retired_at=datetime.now(UTC)))
        oldest = select(func.min(tables.Version.id)).scalar_subquery()
        session.execute(
            delete(tables.Placement).where(tables.Placement.ordinal == 0, tables.Placement.version_id == oldest)
        )
    assert numbers(here, document) == [5, 4]
    with pytest.raises(UnknownDocument, match="version 1"):
        here.documents.restore(document, 1)
    assert swept(here, keep=10) == {"placements": 5}
    assert rows(here, tables.Version, tables.Chunk) == [2, 3]


def test_transactions_are_small_and_a_sweep_goes_on_where_one_was_cut_off(
    here: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remains, "ROWS", 2)
    document = here.add(*(f"old {number}" for number in range(7)))
    put(here, document, "new")
    store = replace(here.remains, keep_versions=1)
    placements = [8]

    def some_transactions() -> Callable[[], bool]:
        asked = iter([True] * 5)

        def goes_on() -> bool:
            placements.extend(rows(here, tables.Placement))
            return next(asked, False)

        return goes_on

    for _ in range(10):
        store.sweep(some_transactions())
    assert rows(here, tables.Version, tables.Placement, tables.Chunk, tables.Embedding) == [1, 1, 1, 1]
    assert here.live() == {"new"}
    assert {before - after for before, after in pairwise(placements)} == {0, 1, 2}


def test_sweepers_and_publishers_at_once_lose_nothing_and_leave_nothing(here: World) -> None:
    documents = [here.add(f"document {number}", "shared", "old") for number in range(4)]

    def work(number: int) -> None:
        if number % 3 == 0:
            replace(here.remains, keep_versions=1).sweep(always)
            return
        document = documents[number % 4]
        here.register(upload(document=document))
        for job in here.claim(limit=1):
            # "old" comes and goes: chunks and vectors are found while they are being swept
            here.publications.publish([publication(job, *(["shared", "old"] if number % 2 else ["shared"]))])

    at_once(work, 30)
    while jobs := here.claim():
        here.publications.publish([publication(job, "shared", f"last {job.document}") for job in jobs])
    swept(here, keep=1)
    versions, placements, chunks, embeddings = rows(
        here, tables.Version, tables.Placement, tables.Chunk, tables.Embedding
    )
    _, live = here.changes.live(here.home.id, 1)
    assert chunks == embeddings == live.size
    assert here.replayed() == set(live.tolist())
    assert versions == 4
    assert placements >= 4


def test_chunks_without_a_place_and_placements_of_other_generations_are_swept(here: World) -> None:
    document = here.add("stays", "goes")
    with here.db.write() as session:
        chunk = session.scalars(select(tables.Chunk.id).where(tables.Chunk.text == "goes")).one()
        session.execute(
            update(tables.Placement).where(tables.Placement.chunk_id == chunk).values(generation=3, ordinal=9)
        )
    being_made = tables.Reindex(
        collection_id=here.home.id,
        generation=3,
        fingerprint=FINGERPRINT,
        pipeline="p",
        planned_to="",
        started_at=datetime.now(UTC),
    )
    with here.db.write() as session:
        session.add(being_made)
    assert swept(here) == {}
    with here.db.write() as session:
        session.execute(delete(tables.Reindex))
    assert swept(here) == {"placements of other generations": 1}
    assert here.live() == {"stays"}
    with here.db.write() as session:
        session.execute(delete(tables.Placement))
    assert swept(here) == {"chunks": 1}
    assert rows(here, tables.Chunk, tables.Embedding) == [0, 0]
    assert numbers(here, document) == [1]


def test_pieces_of_an_ended_job_are_swept_in_time_and_used_ones_never(here: World) -> None:
    here.register(upload(), upload())
    done, cancelled = here.claim()
    for job, text in ((done, "used"), (cancelled, "unused")):
        assert keep(here, job, text)
    here.publications.publish([publication(done, "used", embedded=[])])
    assert swept(here, after=LATER) == {}
    here.jobs.cancel(cancelled.id, here.scope)
    assert swept(here) == {}
    assert rows(here, tables.Chunk, tables.Embedding) == [2, 2]
    assert swept(here, after=timedelta(hours=25)) == {"chunks": 1}
    assert rows(here, tables.Chunk, tables.Embedding) == [1, 1]
    assert here.live() == {"used"}


def test_parsed_files_of_other_parsers_or_of_nobody_are_swept(here: World) -> None:
    here.register(upload("alpha"), upload("beta"))
    for job in here.claim():
        here.publications.save_parsed([(job, parsed())])
        replace(here.publications, parser="parser-0").save_parsed([(job, parsed())])
    with here.db.write() as session:
        session.execute(
            update(tables.ParsedBlob).where(tables.ParsedBlob.sha256 == sha("beta")).values(sha256=sha("gone"))
        )
    assert swept(here) == {"parsed files": 3}
    with here.db.read() as session:
        left = session.execute(select(tables.ParsedBlob.sha256, tables.ParsedBlob.parser)).all()
    assert [tuple(row) for row in left] == [(sha("alpha"), "parser-1")]


def test_looking_for_parsed_files_of_nobody_starts_at_the_files(tmp_path: Path) -> None:
    db = Database(f"sqlite:///{tmp_path / 'openbook.db'}")  # PostgreSQL has statistics
    db.migrate()
    here, plans = world(db), list[str]()
    here.add("text")

    @event.listens_for(db.engine, "before_cursor_execute")
    def explain(_c: object, cursor: sqlite3.Cursor, statement: str, parameters: object, *_: object) -> None:  # pyright: ignore[reportUnusedFunction]
        if statement.startswith("SELECT parsed_blobs."):
            rows = cursor.connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)  # pyright: ignore
            plans.extend(row[3] for row in rows)

    swept(here)
    assert any(plan.startswith("SEARCH versions USING INDEX ix_versions_sha256") for plan in plans), plans
    db.dispose()


def test_jobs_replies_and_credentials_that_are_over_are_swept(here: World) -> None:
    document = here.add("text")
    keys, replies = KeyStore(here.db), IdempotencyStore(here.db)
    key = keys.create("bot", "reader", None, sha("secret")).id
    keys.open_session(key, sha("session"), datetime.now(UTC) + timedelta(hours=1))
    replies.begin(key, "retry", "request")
    with here.db.write() as session:
        [job] = session.scalars(select(tables.Job)).all()
        uploaded = job.id
        session.add(tables.Job(**{**_values(job), "id": "job_reindex", "generation": 2}))
    assert swept(here) == {"jobs": 1}
    assert here.documents.get(document, here.scope).job_id == uploaded
    assert swept(here, after=timedelta(hours=25)) == {"replies": 1, "credentials": 1}
    assert rows(here, tables.Key, tables.Idempotency) == [1, 0]


def _values(row: Base) -> dict[str, object]:
    return {column.key: getattr(row, column.key) for column in type(row).__table__.columns}


def test_the_log_keeps_what_is_young_and_its_last_rows(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(7):
        here.add(f"text {number}")
    monkeypatch.setattr(remains, "LOG_ROWS", 4)
    assert swept(here) == {}
    assert swept(here, after=LATER) == {"changes": 3}
    assert [change.seq for change in here.changes.changes(here.home.id, 1, 3, 100)] == [4, 5, 6, 7]
    for after in (0, 2):
        with pytest.raises(IndexDamaged, match="kept from 4 on"):
            here.changes.changes(here.home.id, 1, after, 100)
    monkeypatch.setattr(remains, "LOG_ROWS", 0)
    assert swept(here, after=LATER) == {"changes": 4}
    assert here.changes.changes(here.home.id, 1, 7, 100) == []
    with pytest.raises(IndexDamaged):
        here.changes.changes(here.home.id, 1, 6, 100)
    here.add("text 8")
    assert [change.seq for change in here.changes.changes(here.home.id, 1, 7, 100)] == [8]


@pytest.mark.parametrize("is_closed", [False, True], ids=["asleep", "from its snapshot"])
def test_an_index_that_slept_while_the_log_was_cut_is_rebuilt(
    is_closed: bool, here: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened() -> Replica:
        return Replica(here.changes, tmp_path, FaissIndex, lambda _: RankBM25Index(terms), 20, 1000)

    monkeypatch.setattr(remains, "LOG_ROWS", 1)
    gone = here.add("first", "gone")
    replica = opened()
    assert len(replica.indexes(here.home.id).lexical.ids()) == 2
    if is_closed:
        replica.close()
    put(here, gone, "first", "second")
    for number in range(3):
        here.add(f"text {number}")
    assert swept(here, after=LATER)["changes"] == 4
    if is_closed:
        replica = opened()
    _, live = here.changes.live(here.home.id, 1)
    assert replica.indexes(here.home.id).lexical.ids().tolist() == live.tolist()
    replica.close()


def test_a_restored_version_is_as_safe_from_the_sweep_as_any_live_one(database: Database) -> None:
    here = world(database, keep_versions=2)
    document = with_five_versions(here)
    here.documents.restore(document, 2)
    here.remains.sweep(always)
    assert numbers(here, document) == [5, 4, 2]
    with pytest.raises(UnknownDocument):
        here.documents.restore(document, 3)
    assert here.documents.restore(document, 5).version == 5
    here.remains.sweep(always)
    assert numbers(here, document) == [5, 4]
    [again] = here.documents.register(here.home.id, [upload("text 2", document=document)])
    assert not again.duplicate
    with pytest.raises(Conflict):
        here.documents.restore(document, 6)


def test_no_step_is_begun_once_the_worker_stops(here: World) -> None:
    with_five_versions(here)
    asked: list[int] = []

    def goes_on() -> bool:
        asked.append(1)
        return False

    stop: Callable[[], bool] = goes_on
    assert replace(here.remains, keep_versions=1).sweep(stop) == {}
    assert rows(here, tables.Version) == [5]
