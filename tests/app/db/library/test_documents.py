from collections.abc import Callable, Mapping
from typing import get_args

import pytest
from sqlalchemy import func, select

from app.db.database import Database
from app.db.errors import Conflict, InvalidCursor
from app.db.tables import Chunk, Embedding, Job, MetadataValue, ParsedBlob, Placement, Version
from app.db.types import DocumentRecord, DocumentSort
from ingestion.errors import QueueFull, UnknownDocument
from ingestion.types import Accepted, BlobKey, DocumentId, Failure, VersionStatus
from retrieval.errors import UnknownCollection
from retrieval.types import CollectionId, Region, Scope
from tests.app.db.builders import World, at_once, parsed, publication, sha, upload, world

NOWHERE = Scope(frozenset())
BROKEN = Failure("unreadable", "it is damaged", transient=False)


def test_a_new_upload_is_a_queued_document(here: World) -> None:
    [document] = here.register(upload("alpha", name="a\x00.md", size=7, metadata={"year": 2026, "tags": ("x", "y")}))
    found = here.documents.get(document, here.scope)
    assert (found.name, found.title, found.media_type, found.size) == ("a\ufffd.md", "a\ufffd.md", "text/markdown", 7)
    assert (found.collection, found.sha256, found.blob_key) == ("default", sha("alpha"), f"1/{sha('alpha')}")
    assert (found.status, found.version, found.latest_version, found.latest_status) == ("queued", None, 1, "queued")
    assert found.metadata == {"year": 2026, "tags": ("x", "y")}
    assert (found.pages, found.chunks, found.warnings, found.error_code) == (None, None, (), None)
    assert found.job_id is not None
    assert here.jobs.get(found.job_id, here.scope).status == "queued"


def test_a_version_is_being_read_until_it_is_ready_or_failed(here: World) -> None:
    assert not here.documents.any_being_read(here.scope)
    [document] = here.register(upload("alpha"))
    assert here.documents.any_being_read(here.scope)
    assert not here.documents.any_being_read(NOWHERE)
    here.publish("text")
    assert not here.documents.any_being_read(here.scope)
    here.register(upload("beta", document=document))
    [job] = here.claim()
    assert here.documents.any_being_read(here.scope)
    here.jobs.fail(job, BROKEN)
    assert not here.documents.any_being_read(here.scope)


def test_that_there_was_a_document_is_known_after_it_is_gone(here: World) -> None:
    assert not here.documents.had_any()
    [document] = here.register(upload("alpha"))
    assert here.documents.had_any()
    here.documents.forget(document)
    assert here.documents.had_any()


def test_the_same_bytes_give_the_same_document(here: World) -> None:
    first, second = here.documents.register(here.home.id, [upload("alpha"), upload("alpha")])
    assert (first.duplicate, second) == (False, Accepted(first.document, duplicate=True))
    here.publish("text")
    assert here.documents.register(here.home.id, [upload("alpha")]) == [Accepted(first.document, duplicate=True)]
    other = here.collections.create("other", "f")
    [elsewhere] = here.documents.register(other.id, [upload("alpha")])
    assert not elsewhere.duplicate


def test_the_same_bytes_are_new_when_the_document_failed(here: World) -> None:
    [failed] = here.register(upload("alpha"))
    here.jobs.fail(here.claim()[0], BROKEN)
    [again] = here.documents.register(here.home.id, [upload("alpha")])
    assert again == Accepted(again.document, duplicate=False)
    assert again.document != failed


def test_those_who_upload_the_same_bytes_at_once_make_one_document(here: World) -> None:
    for content in ("alpha", "beta", "gamma"):  # connections are made in the first round, which spreads it out
        made = at_once(lambda _, content=content: here.documents.register(here.home.id, [upload(content)])[0], 4)
        assert len({each.document for each in made}) == 1
        assert sorted(each.duplicate for each in made) == [False, True, True, True]


def test_a_replacement_is_a_new_version_and_the_old_one_answers_until_it_is_ready(here: World) -> None:
    document = here.add("old")
    [same] = here.register(upload("new", name="new.md", document=document, metadata={"year": 2027}))
    waiting = here.documents.get(document, here.scope)
    assert same == document
    assert (waiting.version, waiting.status, waiting.latest_version, waiting.latest_status) == (1, "ready", 2, "queued")
    assert here.live() == {"old"}
    here.publish("new")
    done = here.documents.get(document, here.scope)
    assert (done.version, done.latest_version, done.sha256, done.name) == (2, 2, sha("new"), "new.md")
    assert done.metadata == {"year": 2027}
    assert here.live() == {"new"}


def test_a_replacement_counts_as_the_same_bytes_only_where_the_document_is_heading(here: World) -> None:
    [document] = here.register(upload("v1"))
    here.publish("one")

    def replace(content: str) -> bool:
        return here.documents.register(here.home.id, [upload(content, document=document)])[0].duplicate

    assert replace("v1")
    assert not replace("v2")
    assert replace("v2")
    assert not replace("v1")  # v2 is on its way: v1 must come back after it
    assert here.documents.get(document, here.scope).latest_version == 3


def test_bytes_of_a_version_that_no_longer_answers_are_new(here: World) -> None:
    [document] = here.register(upload("v1"))
    here.publish("one")
    here.register(upload("v2", document=document))
    here.publish("two")
    here.documents.restore(document, 1)
    [again] = here.documents.register(here.home.id, [upload("v2", document=document)])
    assert not again.duplicate


def test_a_missing_document_or_one_of_another_collection_cannot_be_replaced(here: World) -> None:
    other = here.collections.create("other", here.home.fingerprint)
    [foreign] = here.register(upload(), collection=other.id)
    for document in (foreign, DocumentId("doc_none")):
        with pytest.raises(UnknownDocument):
            here.register(upload(), upload(document=document))
    assert here.documents.page(here.scope, None, None, 10, None).rows == ()
    with pytest.raises(UnknownCollection):
        here.register(upload(), collection=CollectionId(99))


def test_a_full_queue_takes_all_or_nothing(database: Database) -> None:
    here = world(database, queue_max_jobs=3)
    here.register(upload("a"), upload("b"))
    here.claim(limit=1)
    with pytest.raises(QueueFull, match=r"OPENBOOK_QUEUE_MAX_JOBS \(3\).*later"):
        here.register(upload(), upload())
    assert here.documents.register(here.home.id, [upload("a"), upload("b")])[0].duplicate
    here.register(upload())
    assert here.jobs.depth()["queued"] == 2


def test_a_foreign_document_is_as_unknown_as_a_missing_one(here: World) -> None:
    document = here.add("text")
    for wanted, scope in ((document, NOWHERE), (DocumentId("doc_none"), here.scope)):
        with pytest.raises(UnknownDocument):
            here.documents.get(wanted, scope)
        with pytest.raises(UnknownDocument):
            here.documents.versions(wanted, scope, 10, None)
        with pytest.raises(UnknownDocument):
            here.documents.chunks(wanted, scope, 10, None)
    with pytest.raises(UnknownDocument):
        here.documents.forget(DocumentId("doc_none"))
    with pytest.raises(UnknownDocument):
        here.documents.restore(DocumentId("doc_none"), 1)


def test_pages_go_through_all_documents_newest_first(here: World) -> None:
    ids = here.register(*(upload(name=f"{number}.md") for number in range(5)))
    seen: list[str] = []
    cursor = None
    while True:
        page = here.documents.page(here.scope, None, None, 2, cursor)
        seen += [row.id for row in page.rows]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == ids[::-1]


def test_a_page_is_narrowed_by_scope_status_and_words(here: World) -> None:
    [first] = here.register(upload(name="100% Sure.md"))
    here.publish("text")
    [second] = here.register(upload(name="1000 nights.md"))

    def find(status: VersionStatus | None, q: str | None) -> list[DocumentId]:
        return [row.id for row in here.documents.page(here.scope, status, q, 10, None).rows]

    assert find("ready", None) == [first]
    assert find("queued", None) == [second]
    assert find(None, "100") == [second, first]
    assert find(None, "100%") == [first]
    assert find(None, "SURE") == [first]
    assert find(None, "guide") == [first]
    assert here.documents.page(NOWHERE, None, None, 10, None).rows == ()


def test_versions_tell_which_one_answers(here: World) -> None:
    [document] = here.register(upload("v1"))
    here.publish("one", "two")
    here.register(upload("v2", document=document))
    told = here.documents.versions(document, here.scope, 10, None).rows
    assert [(v.number, v.live, v.status, v.chunks, v.sha256) for v in told] == [
        (2, False, "queued", None, sha("v2")),
        (1, True, "ready", 2, sha("v1")),
    ]


def test_a_restored_version_answers_again_and_the_log_says_so(here: World) -> None:
    document = here.add("shared", "old")
    here.add("shared", "new", document=document)
    assert here.live() == {"shared", "new"}
    restored = here.documents.restore(document, 1)
    assert (restored.version, restored.latest_version) == (1, 2)
    assert here.live() == {"shared", "old"}
    _, live = here.changes.live(here.home.id, 1)
    assert here.replayed() == set(live.tolist())


def test_a_version_without_chunks_cannot_be_restored(here: World) -> None:
    document = here.add("old")
    here.register(upload(document=document))
    with pytest.raises(Conflict, match="queued"):
        here.documents.restore(document, 2)
    with pytest.raises(UnknownDocument, match="version 3"):
        here.documents.restore(document, 3)


def test_chunks_come_in_reading_order_page_by_page(here: World) -> None:
    document = here.add("a", "b", "a", "c")
    first = here.documents.chunks(document, here.scope, 3, None)
    rest = here.documents.chunks(document, here.scope, 3, first.next_cursor)
    assert [row.text for row in (*first.rows, *rest.rows)] == ["a", "b", "a", "c"]
    assert rest.next_cursor is None
    assert first.rows[0].id == first.rows[2].id
    assert (first.rows[1].headings, first.rows[1].pages, first.rows[1].tokens) == (("Chapter", "Part"), (2,), 3)
    assert first.rows[1].regions == (Region(0, 1, 2, (1.0, 2.0, 3.5, 4.25), recognised=True),)
    with pytest.raises(InvalidCursor):
        here.documents.chunks(document, here.scope, 3, "x")


def test_nothing_of_a_forgotten_document_is_left_and_all_of_the_others_is(here: World) -> None:
    [other] = here.register(upload("kept"))
    here.publish("shared", "kept")
    [document] = here.register(upload("v1"))
    [job] = here.claim()
    here.publications.save_parsed([(job, parsed())])
    here.publications.publish([publication(job, "shared", "one", metadata={"year": 1})])
    here.register(upload("v2", document=document))
    here.publish("shared", "two")
    here.register(upload("v3", document=document))
    gone = here.documents.forget(document)
    assert gone == sorted(BlobKey(f"1/{sha(content)}") for content in ("v1", "v2", "v3"))
    assert here.live() == {"shared", "kept"}
    _, live = here.changes.live(here.home.id, 1)
    assert here.replayed() == set(live.tolist())
    with here.db.read() as session:
        counts = [
            session.execute(select(func.count()).select_from(model)).scalar_one()
            for model in (Version, Placement, Chunk, Embedding, Job, MetadataValue, ParsedBlob)
        ]
    assert counts == [1, 2, 2, 2, 1, 0, 0]
    assert here.documents.get(other, here.scope).status == "ready"


def test_a_blob_that_another_document_refers_to_stays(here: World) -> None:
    [first] = here.register(upload("alpha"))
    here.jobs.fail(here.claim()[0], BROKEN)
    [second] = here.register(upload("alpha"))
    key = BlobKey(f"1/{sha('alpha')}")
    assert here.documents.forget(first) == []
    assert here.remains.referenced([key, BlobKey("1/none")]) == {key}
    assert here.documents.forget(second) == [key]
    assert here.remains.referenced([key]) == set()


def test_a_chunk_s_id_is_never_given_out_again(here: World) -> None:
    first = here.add("one")
    _, before = here.changes.live(here.home.id, 1)
    here.documents.forget(first)
    here.add("two")
    _, after = here.changes.live(here.home.id, 1)
    assert after.min() > before.max()


ORDERS: Mapping[DocumentSort, Callable[[DocumentRecord], tuple[object, ...]]] = {
    "created": lambda row: (row.id,),
    "name": lambda row: (row.name.lower(), row.id),
    "updated": lambda row: (row.updated_at, row.id),
    "size": lambda row: (row.size, row.id),
}


def test_pages_of_every_order_make_up_the_whole_list(here: World) -> None:
    names = ("b note", "A note", "c note", "B note", "a note", "a note", "d")
    ids = here.register(upload(name=names[0]))
    here.publish("text")
    ids += here.register(*(upload(name=name, size=size % 3) for size, name in enumerate(names[1:])))
    narrowings: tuple[tuple[VersionStatus | None, str | None], ...] = (
        (None, None), ("ready", None), ("queued", None), (None, "note")
    )  # fmt: skip
    for sort in get_args(DocumentSort):
        by, falling = ORDERS[sort.removeprefix("-")], sort.startswith("-")
        for (status, q), count in zip(narrowings, (7, 1, 6, 6), strict=True):
            rows = here.documents.page(here.scope, status, q, 100, None, sort).rows
            assert list(rows) == sorted(rows, key=by, reverse=falling)
            assert len(rows) == len({row.id for row in rows} & set(ids)) == count
            assert walked(here, sort, status, q) == rows


def walked(here: World, sort: DocumentSort, status: VersionStatus | None, q: str | None) -> tuple[DocumentRecord, ...]:
    """All rows, two at a time."""
    seen: tuple[DocumentRecord, ...] = ()
    cursor = None
    while True:
        page = here.documents.page(here.scope, status, q, 2, cursor, sort)
        seen += page.rows
        cursor = page.next_cursor
        if cursor is None:
            return seen


def test_a_page_goes_on_where_its_last_document_was_even_when_that_is_gone(here: World) -> None:
    ids = here.register(*(upload(name=f"{number}.md") for number in range(4)))
    first = here.documents.page(here.scope, None, None, 2, None, "name")
    here.documents.forget(ids[1])
    rest = here.documents.page(here.scope, None, None, 2, first.next_cursor, "name")
    assert [row.name for row in rest.rows] == ["2.md", "3.md"]


@pytest.mark.parametrize("cursor", ["doc_1", "W10=", "WzEsImEiXQ==", "WyJhIiwxXQ=="])
def test_a_cursor_of_another_order_is_refused(here: World, cursor: str) -> None:
    with pytest.raises(InvalidCursor, match="sorted by -name"):
        here.documents.page(here.scope, None, None, 2, cursor, "-name")
