import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, func, select, update

from app.db import tables
from app.db.database import Database
from ingestion.types import DocumentId, Job, WorkerId
from retrieval.types import Change, CollectionId
from tests.app.db.builders import (
    FINGERPRINT,
    MANY_BYTES,
    World,
    embedding,
    keep,
    parsed,
    publication,
    sha,
    upload,
    world,
)


def test_a_publication_makes_its_document_ready(here: World) -> None:
    [document] = here.register(upload("alpha", metadata={"year": 2026}))
    here.publish("one", "two", metadata={"year": 1999, "author": "Ada\x00"})
    found = here.documents.get(document, here.scope)
    assert (found.status, found.version, found.title, found.language) == ("ready", 1, "Guide", "en")
    assert (found.pages, found.chunks, found.warnings) == (2, 2, ())
    assert found.metadata == {"year": 2026, "author": "Ada\x00"}
    assert found.job_id is not None
    job = here.jobs.get(found.job_id, here.scope)
    assert (job.status, job.progress) == ("succeeded", 1.0)
    assert here.live() == {"one", "two"}


def test_warnings_make_it_partial(here: World) -> None:
    [document] = here.register(upload())
    [job] = here.claim()
    here.publications.publish([publication(job, "text", warnings=("page 3 could not be read",))])
    found = here.documents.get(document, here.scope)
    assert (found.status, found.warnings) == ("partial", ("page 3 could not be read",))


def test_counts_tell_what_the_steps_did_and_which_chunks_were_known(here: World) -> None:
    here.add("shared footer", "kept", "old")
    document = here.add("shared footer", "mine", "mine")
    assert here.documents.get(document, here.scope).counts == {"duplicate_chunks": 2}
    here.register(upload(document=document), upload())
    first, second = here.claim()
    here.publications.publish(
        [
            publication(first, "shared footer", "mine", "new", counts={"chunks_en": 3, "navigation": 0}),
            publication(second, "new", "kept", "its own"),
        ]
    )
    assert here.documents.get(document, here.scope).counts == {"chunks_en": 3, "unchanged_chunks": 2}
    assert here.documents.get(second.document, here.scope).counts == {"duplicate_chunks": 2}


def test_a_file_without_text_fails_and_the_version_before_goes_on(here: World) -> None:
    document = here.add("old")
    here.register(upload(document=document))
    here.publish(metadata={"year": 1})
    found = here.documents.get(document, here.scope)
    assert (found.version, found.status, found.latest_status) == (1, "ready", "failed")
    assert here.documents.versions(document, here.scope, 10, None).rows[0].error_code == "no_text"
    assert here.live() == {"old"}


def test_publishing_twice_is_impossible(here: World) -> None:
    here.register(upload())
    [job] = here.claim()
    assert here.publications.publish([publication(job, "text")]) == {job.id}
    assert here.publications.publish([publication(job, "text")]) == set()
    assert len(_changes(here)) == 1


def test_a_lost_fence_leaves_only_its_own_publication_out(here: World) -> None:
    here.register(upload(), upload(), upload())
    jobs = here.claim()
    here.jobs.cancel(jobs[1].id, here.scope)
    held = here.publications.publish([publication(job, f"text {job.id}") for job in jobs])
    assert held == {jobs[0].id, jobs[2].id}
    assert here.live() == {f"text {jobs[0].id}", f"text {jobs[2].id}"}


def test_each_version_has_one_change_with_what_came_and_what_ceased(here: World) -> None:
    here.add("shared", "a")
    document = here.add("shared", "b", "c")
    here.add("c", "d", document=document)
    ids = _ids(here)
    changes = [(c.seq, set(c.added.tolist()), set(c.removed.tolist())) for c in _changes(here)]
    assert changes == [
        (1, {ids["shared"], ids["a"]}, set()),
        (2, {ids["b"], ids["c"]}, set()),
        (3, {ids["d"]}, {ids["b"]}),
    ]


def test_documents_of_one_group_share_chunks_and_come_alive_once(here: World) -> None:
    here.register(upload(), upload())
    jobs = here.claim()
    here.publications.publish([publication(jobs[0], "x", "y"), publication(jobs[1], "y", "z")])
    ids = _ids(here)
    assert [set(c.added.tolist()) for c in _changes(here)] == [{ids["x"], ids["y"]}, {ids["z"]}]
    assert _count(here.db, tables.Embedding) == _count(here.db, tables.Chunk) == 3


def test_a_version_that_is_late_does_not_replace_a_newer_one(here: World) -> None:
    document = here.add("first")
    here.register(upload(document=document), upload(document=document))
    second, third = sorted(here.claim(), key=lambda job: job.version)
    here.publications.publish([publication(third, "third")])
    assert here.publications.publish([publication(second, "second")]) == {second.id}
    assert here.documents.get(document, here.scope).version == 3
    assert here.live() == {"third"}
    assert here.documents.restore(document, 2).version == 2
    assert here.live() == {"second"}


def test_versions_of_one_document_in_one_group_leave_the_newest_alive(here: World) -> None:
    document = here.add("first")
    here.register(upload(document=document), upload(document=document))
    jobs = here.claim()
    here.publications.publish([publication(job, f"version {job.version}") for job in jobs])
    assert here.live() == {f"version {max(job.version for job in jobs)}"}
    assert here.replayed() == set(here.changes.live(here.home.id, 1)[1].tolist())


def test_one_call_publishes_into_several_collections(here: World) -> None:
    other = here.collections.create("other", FINGERPRINT)
    here.register(upload(), collection=other.id)
    here.register(upload())
    jobs = here.claim()
    assert len(here.publications.publish([publication(job, "same") for job in jobs])) == 2
    assert here.live() == here.live(other.id) == {"same"}
    assert here.replayed().isdisjoint(here.replayed(other.id))


def test_what_is_embedded_already_needs_no_vectors(here: World) -> None:
    here.add("known")
    keys = [sha("known"), sha("new")]
    assert here.publications.embedded(here.home.id, FINGERPRINT, keys) == {sha("known")}
    assert here.publications.embedded(here.home.id, "another", keys) == set()
    here.register(upload())
    [job] = here.claim()
    assert here.publications.publish([publication(job, "known", "new", embedded=["new"])]) == {job.id}
    assert _count(here.db, tables.Embedding) == 2


def test_a_piece_that_is_kept_needs_no_vectors_later(here: World) -> None:
    here.register(upload())
    [job] = here.claim()
    assert keep(here, job, "one")
    assert _ids(here).keys() == {"one"}
    assert here.live() == set()
    assert here.publications.embedded(here.home.id, FINGERPRINT, [sha("one")]) == {sha("one")}
    shown = here.jobs.get(job.id, here.scope)
    assert (shown.progress, shown.done, shown.total) == (0.5, 1, 2)
    assert here.publications.publish([publication(job, "one", "two", embedded=["two"])]) == {job.id}
    assert _count(here.db, tables.Embedding) == _count(here.db, tables.Chunk) == 2
    assert here.live() == {"one", "two"}


def test_a_book_whose_pieces_are_kept_is_published_without_writing_its_texts_again(here: World) -> None:
    here.register(upload())
    [job] = here.claim()
    assert keep(here, job, "one", "two")
    written: list[str] = []

    @event.listens_for(here.db.engine, "before_cursor_execute")
    def write_down(_c: object, _cursor: object, statement: str, *_: object) -> None:  # pyright: ignore[reportUnusedFunction]
        written.append(statement)

    assert here.publications.publish([publication(job, "one", "two", embedded=[])]) == {job.id}
    assert [each for each in written if each.startswith("INSERT INTO placements")]
    assert not [each for each in written if each.startswith(("INSERT INTO chunks", "INSERT INTO embeddings"))]
    assert here.live() == {"one", "two"}


def test_a_publication_that_lacks_nothing_queues_nothing_again(here: World) -> None:
    here.register(upload())
    [job] = here.claim()
    written: list[str] = []

    @event.listens_for(here.db.engine, "before_cursor_execute")
    def write_down(_c: object, _cursor: object, statement: str, *_: object) -> None:  # pyright: ignore[reportUnusedFunction]
        written.append(statement)

    assert here.publications.publish([publication(job, "one")]) == {job.id}
    assert len([each for each in written if each.startswith("UPDATE jobs")]) == 1


def test_a_piece_that_stands_elsewhere_already_is_the_same_chunk(here: World) -> None:
    here.add("one")
    before = _ids(here)
    here.register(upload())
    [job] = here.claim()
    assert keep(here, job, "one", "two")
    assert _ids(here)["one"] == before["one"]
    assert here.live() == {"one"}


def test_a_piece_of_a_lost_fence_is_not_kept(here: World) -> None:
    here.register(upload())
    [job] = here.claim()
    here.jobs.cancel(job.id, here.scope)
    assert not keep(here, job, "a")
    assert _count(here.db, tables.Embedding) == _count(here.db, tables.Chunk) == 0


def test_pieces_outlive_the_deletion_of_others_and_not_their_own(here: World) -> None:
    other = here.add("shared")
    [document] = here.register(upload())
    [job] = here.claim()
    assert keep(here, job, "a")
    here.documents.forget(other)
    assert here.publications.embedded(here.home.id, FINGERPRINT, [sha("a")]) == {sha("a")}
    assert _ids(here).keys() == {"a"}
    here.documents.forget(document)
    assert _count(here.db, tables.Embedding) == _count(here.db, tables.Chunk) == 0


def test_a_kept_piece_that_another_documents_deletion_took_along_is_made_again(here: World) -> None:
    first, [second] = here.add("shared"), here.register(upload())
    [job] = here.claim()
    assert keep(here, job, "shared", "own")
    here.documents.forget(first)
    assert _ids(here).keys() == {"own"}
    assert here.publications.publish([publication(job, "shared", "own", embedded=[])]) == set()
    assert here.documents.get(second, here.scope).status == "queued"
    here.publish("shared", "own")
    assert here.live() == {"shared", "own"}


def test_vectors_that_were_forgotten_meanwhile_send_the_job_back(here: World) -> None:
    first = here.add("known")
    [document] = here.register(upload())
    [job] = here.claim()
    here.documents.forget(first)
    assert here.publications.publish([publication(job, "known", embedded=[])]) == set()
    assert here.jobs.get(job.id, here.scope).status == "queued"
    assert here.documents.get(document, here.scope).status == "queued"
    assert here.live() == set()


@pytest.mark.parametrize("change", [{"generation": 2}, {"fingerprint": "another"}])
def test_a_publication_for_another_index_is_queued_again(here: World, change: dict[str, object]) -> None:
    here.register(upload())
    [job] = here.claim()
    with here.db.write() as session:
        session.execute(update(tables.Collection).values(change))
    assert here.publications.publish([publication(job, "text")]) == set()
    told = here.jobs.get(job.id, here.scope)
    assert (told.status, told.error_code) == ("queued", "stale")


def test_vectors_of_another_length_than_the_embedders_fail_and_say_why(here: World) -> None:
    here.add("known")
    here.register(upload("alpha"))
    [job] = here.claim()
    short = replace(embedding("text"), vector=embedding("text").vector[:4])

    assert here.publications.publish([replace(publication(job, "text"), embeddings={sha("text"): short})]) == set()

    told = here.jobs.get(job.id, here.scope)
    assert (told.status, told.error_code) == ("failed", "model_changed")
    assert here.live() == {"known"}


def test_a_parsed_file_is_kept_for_the_next_attempt_and_for_the_same_bytes(here: World) -> None:
    here.register(upload("alpha"))
    [job] = here.claim()
    assert here.publications.parsed(job) is None
    assert here.publications.save_parsed([(job, parsed("Title"))]) == {job.id}
    assert here.publications.parsed(job) == parsed("Title")
    with here.db.write() as session:
        session.execute(update(tables.Job).values(lease_until=1.0))
    assert here.claim()[0].stage == "publish"
    assert replace(here.publications, parser="parser-2").parsed(job) is None


def test_a_damaged_parsed_file_is_as_good_as_none(here: World) -> None:
    here.register(upload("alpha"))
    [job] = here.claim()
    here.publications.save_parsed([(job, parsed())])
    with here.db.write() as session:
        session.execute(update(tables.ParsedBlob).values(content=b"garbage"))
    assert here.publications.parsed(job) is None


@pytest.mark.postgres
def test_a_follower_misses_no_change_of_concurrent_publishers(postgresql_url: str) -> None:
    database = Database(postgresql_url)
    here = world(database)
    here.register(*(upload() for _ in range(60)))
    done = threading.Event()

    def publish(number: int) -> None:
        while jobs := here.jobs.claim(WorkerId(f"worker-{number}"), 2, MANY_BYTES):
            here.publications.publish([publication(job, "shared", f"text {job.id}") for job in jobs])

    def follow() -> list[Change]:
        seen: list[Change] = []
        while True:
            last = done.is_set()
            seen += here.changes.changes(here.home.id, 1, seen[-1].seq if seen else 0, 7)
            if last and len(seen) == 60:
                return seen
            assert not last or len(seen) < 60

    with ThreadPoolExecutor(5) as pool:
        follower = pool.submit(follow)
        for publisher in [pool.submit(publish, number) for number in range(4)]:
            publisher.result(60)
        done.set()
        seen = follower.result(60)
    assert [change.seq for change in seen] == list(range(1, 61))
    added = [chunk for change in seen for chunk in change.added.tolist()]
    assert len(added) == len(set(added)) == 61
    assert sorted(added) == here.changes.live(here.home.id, 1)[1].tolist()
    database.dispose()


@pytest.mark.postgres
def test_replacing_and_forgetting_at_once_leaves_no_ghost(postgresql_url: str) -> None:
    """Two transactions that each see a chunk held by the other must not leave it in the log for ever."""
    database = Database(postgresql_url)
    here = world(database)
    for _ in range(6):
        first, second = here.add("shared"), here.add("shared")
        here.register(upload(document=first))
        [job] = here.claim()
        barrier = threading.Barrier(2)

        def replace_first(job: Job = job, barrier: threading.Barrier = barrier) -> None:
            barrier.wait(10)
            here.publications.publish([publication(job, "other")])

        def forget(id: DocumentId = second, barrier: threading.Barrier = barrier) -> None:
            barrier.wait(10)
            here.documents.forget(id)

        with ThreadPoolExecutor(2) as pool:
            for task in [pool.submit(replace_first), pool.submit(forget)]:
                task.result(30)
        assert here.live() == {"other"}
        assert here.replayed() == set(here.changes.live(here.home.id, 1)[1].tolist())
        here.documents.forget(first)
    assert here.replayed() == set()
    database.dispose()


@pytest.mark.postgres
def test_publishers_forgetters_claimers_and_heartbeats_never_wait_in_a_circle(postgresql_url: str) -> None:
    database = Database(postgresql_url)
    here = world(database)
    others = [here.collections.create(f"c{number}", FINGERPRINT).id for number in range(2)]
    homes: list[CollectionId] = [here.home.id, *others]
    for turn in range(12):
        here.register(*(upload() for _ in range(4)), collection=homes[turn % 3])

    def work(number: int) -> None:
        worker = WorkerId(f"worker-{number}")
        while jobs := here.jobs.claim(worker, 6, MANY_BYTES):
            here.jobs.heartbeat(worker, [job.id for job in reversed(jobs)])
            here.publications.save_parsed([(job, parsed()) for job in reversed(jobs)])
            if number % 2:
                here.documents.forget(jobs[0].document)
            here.publications.publish([publication(job, "shared", f"text {job.id}") for job in reversed(jobs)])

    with ThreadPoolExecutor(4) as pool:
        for task in [pool.submit(work, number) for number in range(4)]:
            task.result(60)
    for home in homes:
        assert here.replayed(home) == set(here.changes.live(home, 1)[1].tolist())
    assert here.jobs.depth()["running"] == 0
    database.dispose()


Operation = tuple[str, int, frozenset[str]]
OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(["register", "publish", "publish", "publish all", "replace", "forget", "restore", "fail"]),
        st.integers(0, 5),
        st.frozensets(st.sampled_from("abcdef"), min_size=1, max_size=4),
    ),
    max_size=16,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(OPERATIONS)
def test_replaying_any_history_gives_what_is_live_on_sqlite(sqlite_url: str, operations: list[Operation]) -> None:
    _replay(sqlite_url, operations)


@pytest.mark.postgres
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(OPERATIONS)
def test_replaying_any_history_gives_what_is_live_on_postgresql(
    postgresql_url: str, operations: list[Operation]
) -> None:
    _replay(postgresql_url, operations)


def _replay(url: str, operations: list[Operation]) -> None:
    database = Database(url)
    world(database).collections.delete("default")  # of the example before
    here = world(database)
    documents: list[DocumentId] = []
    for kind, number, texts in operations:
        _operate(here, documents, kind, number, sorted(texts))
        seq, live = here.changes.live(here.home.id, 1)
        assert here.replayed() == set(live.tolist())
        assert seq == len(_changes(here))
        assert here.live() == _served(here)
    assert _count(here.db, tables.Chunk) == len(_placed(here))
    database.dispose()


def _operate(here: World, documents: list[DocumentId], kind: str, number: int, texts: list[str]) -> None:
    pick = documents[number % len(documents)] if documents else None
    match kind:
        case "register":
            documents += here.register(upload())
        case "publish" | "publish all" | "fail":
            jobs = here.claim(limit=1 if kind == "publish" else 100)
            made = [publication(job, *(texts if kind != "fail" else ())) for job in jobs]
            assert here.publications.publish(made) == {job.id for job in jobs}
        case "replace" if pick:
            here.register(upload(document=pick))
        case "forget" if pick:
            documents.remove(pick)
            here.documents.forget(pick)
        case "restore" if pick:
            versions = here.documents.versions(pick, here.scope, 1000, None).rows
            ready = [version.number for version in versions if version.status == "ready"]
            if ready:
                here.documents.restore(pick, ready[number % len(ready)])
        case _:
            pass


def _served(here: World) -> set[str]:
    """The texts of every document's serving version, asked for one by one."""
    rows = here.documents.page(here.scope, None, None, 100, None).rows
    return {chunk.text for row in rows for chunk in here.documents.chunks(row.id, here.scope, 100, None).rows}


def _placed(here: World) -> set[int]:
    with here.db.read() as session:
        return set(session.scalars(select(tables.Placement.chunk_id)))


def _changes(here: World) -> list[Change]:
    return here.changes.changes(here.home.id, 1, 0, 1000)


def _ids(here: World) -> dict[str, int]:
    with here.db.read() as session:
        return {text: chunk for text, chunk in session.execute(select(tables.Chunk.text, tables.Chunk.id))}  # noqa: C416


def _count(db: Database, model: type[tables.Base]) -> int:
    with db.read() as session:
        return session.execute(select(func.count()).select_from(model)).scalar_one()
