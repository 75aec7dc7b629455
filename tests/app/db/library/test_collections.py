import pytest
from sqlalchemy import func, select

from app.db.errors import Conflict, InvalidCursor
from app.db.tables import Base
from ingestion.types import BlobKey
from retrieval.errors import UnknownCollection
from retrieval.types import Scope
from tests.app.db.builders import World, at_once, sha, upload


def test_a_collection_is_found_by_its_name_with_its_documents_counted(here: World) -> None:
    here.register(upload(), upload())
    found = here.collections.by_name("default")
    assert found is not None
    assert (found.name, found.generation, found.fingerprint, found.documents) == ("default", 1, "hashing-8", 2)
    assert here.collections.by_name("other") is None


def test_ensure_keeps_what_is_there_and_create_refuses_it(here: World) -> None:
    assert here.collections.ensure("default", "another") == here.home
    with pytest.raises(Conflict, match="default"):
        here.collections.create("default", "another")


def test_those_who_ensure_at_once_get_the_same_collection(here: World) -> None:
    made = at_once(lambda _: here.collections.ensure("new", "f"), 8)
    assert len({record.id for record in made}) == 1


def test_a_list_holds_only_what_may_be_seen_by_name(here: World) -> None:
    other = here.collections.create("a", "f")
    assert here.collections.list() == [other, here.home]
    assert here.collections.list(frozenset({other.id})) == [other]
    assert here.collections.list(frozenset()) == []


def test_pages_of_collections_go_by_name_through_those_that_may_be_seen(here: World) -> None:
    made = {name: here.collections.create(name, "f") for name in ("b", "Z", "ä", "a", "财务")}
    only = frozenset(record.id for record in made.values())
    first = here.collections.page(only, 2, None)
    second = here.collections.page(only, 2, first.next_cursor)
    third = here.collections.page(only, 2, second.next_cursor)
    names = [[record.name for record in page.rows] for page in (first, second, third)]
    assert names == [["Z", "a"], ["b", "ä"], ["财务"]]
    assert third.next_cursor is None
    with pytest.raises(InvalidCursor):
        here.collections.page(None, 2, "x-x")


def test_collections_agree_on_an_adapter_or_have_none(here: World) -> None:
    def adapter_of(*names: str) -> str | None:
        ids = here.collections.ids()
        return here.collections.adapter_of(Scope(frozenset(ids[name] for name in names)))

    for name in ("a", "b"):
        here.collections.create(name, "f")
    assert here.collections.adapt("a", "legal").adapter == "legal"
    assert (adapter_of(), adapter_of("b"), adapter_of("a"), adapter_of("a", "b")) == (None, None, "legal", None)
    here.collections.adapt("b", "legal")
    assert adapter_of("a", "b") == "legal"
    here.collections.adapt("b", "medical")
    assert adapter_of("a", "b") is None
    assert here.collections.adapt("a", None).adapter is None
    with pytest.raises(UnknownCollection):
        here.collections.adapt("nowhere", "legal")


def test_a_deleted_collection_takes_everything_with_it_and_no_other(here: World) -> None:
    other = here.collections.create("other", here.home.fingerprint)
    kept = here.add("kept", collection=other.id)
    here.register(upload("alpha"))
    here.publish("alpha", metadata={"year": 2026})
    assert here.collections.delete("default") == [BlobKey(f"1/{sha('alpha')}")]
    assert here.live(other.id) == {"kept"}
    assert [record.name for record in here.collections.list()] == ["other"]
    with here.db.read() as session:
        counts = {
            table.name: session.execute(select(func.count()).select_from(table)).scalar_one()
            for table in Base.metadata.sorted_tables
        }
    one = {"collections", "documents", "versions", "jobs", "chunks", "embeddings", "placements", "changes"}
    one |= {"dropped_blobs", "embedders"}
    assert {name for name, number in counts.items() if number} == one
    assert {counts[name] for name in one} == {1}
    assert kept
    with pytest.raises(UnknownCollection):
        here.collections.delete("default")


def test_the_id_of_a_deleted_collection_is_never_given_out_again(here: World) -> None:
    other = here.collections.create("other", "f")
    here.collections.delete("other")
    assert here.collections.create("other", "f").id > other.id
