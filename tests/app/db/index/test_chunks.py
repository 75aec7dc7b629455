import contextlib
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from app.db.database import Database
from app.db.library.documents import DocumentStore
from retrieval.duplicates import PLACES
from retrieval.errors import InvalidFilter
from retrieval.types import ChunkId, Condition, Filter, MetadataValue, Operator, Placement, Region, Scope
from tests.app.db.builders import FINGERPRINT, World, embedding, upload, world

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


def test_a_placed_chunk_is_whole(here: World) -> None:
    [document] = here.register(upload(name="guide.md", metadata={"year": 2026, "tags": ("x", "y")}))
    here.publish("one", "two")
    [found] = here.chunks.placed([_id(here, "two")], here.scope, ())
    chunk, source = found.chunk, found.source
    assert (chunk.text, chunk.headings, chunk.sentences) == ("two", ("Chapter", "Part"), ((0, 3),))
    assert (chunk.language, chunk.tokens, chunk.id) == ("en", 3, _id(here, "two"))
    assert found.placement == Placement(
        1, 1, (2,), (Region(0, 3, 2, (1.0, 2.0, 3.5, 4.25), recognised=True),), ("A-2",)
    )
    assert (source.id, source.name, source.title, source.collection) == (document, "guide.md", "Guide", "default")
    assert (source.media_type, source.metadata) == ("text/markdown", {"year": 2026, "tags": ("x", "y")})
    assert found.sentence_vectors.dtype == np.float16
    assert np.array_equal(found.sentence_vectors, embedding("two").sentence_vectors)


def test_chunks_come_in_the_order_in_which_they_were_asked_for_each_once(here: World) -> None:
    here.add("a", "b", "c", "b")
    ids = [_id(here, text) for text in "cab"]
    found = here.chunks.placed([*ids, ids[0], ChunkId(999)], here.scope, ())
    assert [placed.chunk.text for placed in found] == ["c", "a", "b"]
    assert found[2].placement.ordinal == 1


def test_what_is_not_live_or_not_in_scope_is_left_out(here: World) -> None:
    other = here.collections.create("other", FINGERPRINT)
    here.add("foreign", collection=other.id)
    replaced = here.add("replaced")
    forgotten = here.add("forgotten", "both")
    here.add("both")
    ids = [_id(here, text) for text in ("foreign", "replaced", "forgotten", "both")]
    here.add("new", document=replaced)
    here.documents.forget(forgotten)
    assert [placed.chunk.text for placed in here.chunks.placed(ids, here.scope, ())] == ["both"]
    assert here.chunks.placed(ids, Scope(frozenset()), ()) == []
    assert here.chunks.placed([], here.scope, ()) == []


def test_a_shared_chunk_is_given_in_the_oldest_document_that_passes(here: World) -> None:
    [first] = here.register(upload(metadata={"year": 1}))
    here.publish("shared")
    [second] = here.register(upload(metadata={"year": 2}))
    here.publish("own", "shared")
    ids = [_id(here, "shared")]
    sources = [
        [placed.source.id for placed in here.chunks.placed(ids, here.scope, wanted)]
        for wanted in ((), _where("metadata.year", "gte", 2), _where("metadata.year", "gt", 2))
    ]
    assert sources == [[first], [second], []]


@pytest.mark.parametrize("filter", [(), (Condition("metadata.year", "gte", 2020),)])
def test_the_path_of_every_search_reads_no_more_than_its_ids(sqlite_url: str, filter: Filter) -> None:
    here = world(Database(sqlite_url))
    here.add("text")
    asked: list[tuple[str, object]] = []

    @event.listens_for(here.db.engine, "before_cursor_execute")
    def note(  # pyright: ignore[reportUnusedFunction]
        _connection: object, _cursor: object, statement: str, parameters: object, _context: object, _many: object
    ) -> None:
        asked.append((statement, parameters))

    here.chunks.placed([_id(here, "text")], here.scope, filter)
    [(statement, parameters)] = [each for each in asked if "row_number" in each[0]]
    with here.db.read() as session:
        plan = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()  # pyright: ignore
    steps = [row[3] for row in plan]
    here.db.dispose()
    assert "SEARCH placements USING INDEX ix_placements_chunk_id (chunk_id=?)" in steps
    assert not [step for step in steps if "collection_id" in step or "key_number" in step]
    assert not [step for step in steps if step.startswith(("SCAN placements", "SCAN documents", "SCAN versions"))]


FILTERS: list[tuple[str, Operator, MetadataValue | None, str]] = [
    ("metadata.year", "eq", 2020, "a"),
    ("metadata.year", "eq", 2020.0, "a"),
    ("metadata.year", "ne", 2020, "bcd"),
    ("metadata.year", "in", (2020, 2021, "2022"), "ab"),
    ("metadata.year", "gt", 2020, "b"),
    ("metadata.year", "gte", 2020, "ab"),
    ("metadata.year", "lt", 2021, "a"),
    ("metadata.year", "lte", 2021, "ab"),
    ("metadata.year", "exists", None, "ab"),
    ("metadata.year", "exists", False, "cd"),
    ("metadata.year", "eq", "2020", ""),
    ("metadata.team", "eq", "Zoë", "a"),
    ("metadata.team", "gt", "a", "b"),
    ("metadata.team", "lt", "a", "a"),
    ("metadata.tags", "eq", "x", "ab"),
    ("metadata.tags", "ne", "y", "bcd"),
    ("metadata.tags", "in", ("y", "z"), "ab"),
    ("metadata.draft", "eq", True, "c"),
    ("metadata.draft", "eq", "true", "c"),
    ("metadata.draft", "ne", True, "abd"),
    ("metadata.größe", "gt", 1.5, "d"),
    ("metadata.none", "exists", True, ""),
    ("metadata.x' OR 1=1 --", "eq", 1, "!"),
    ("media_type", "eq", "text/markdown", "abcd"),
    ("media_type", "in", ("text/html",), ""),
    ("language", "ne", "de", "abcd"),
    ("language", "exists", True, "abcd"),
    ("created_at", "gt", "2026-11-30T12:00:00Z", "bcd"),
    ("created_at", "lte", "2026-11-30T14:30:00+02:00", "a"),
    ("created_at", "eq", "2026-11-30T13:00:00Z", "b"),
    ("created_at", "ne", "2026-11-30T13:00:00Z", "acd"),
    ("created_at", "gt", "2026-12-01", ""),
    ("document.name", "eq", "guide.md", "abcd"),
    ("document.title", "ne", "Guide", ""),
    ("effective_at", "exists", False, "abcd"),
    ("effective_at", "ne", "2026-12-01", "abcd"),
    ("section", "eq", "Part", "abcd"),
    ("section", "eq", ("Part",), "abcd"),
    ("section", "eq", ("Part", "Deeper"), ""),
    ("section", "eq", "Chapter", ""),
    ("section", "ne", "Part", ""),
    ("section", "ne", "Another", "abcd"),
    ("section", "in", ("Another", "Part"), "abcd"),
    ("section", "exists", None, "abcd"),
    ("page_label", "eq", "A-1", "abcd"),
    ("page_label", "eq", "1", ""),
    ("page_label", "ne", "A-1", ""),
    ("page_label", "in", ("ix", "A-1"), "abcd"),
]


@pytest.fixture
def library(here: World) -> World:
    """Four documents, one chunk each, an hour apart."""
    metadata: dict[str, dict[str, MetadataValue]] = {
        "a": {"year": 2020, "team": "Zoë", "tags": ("x", "y")},
        "b": {"year": 2021, "team": "zoo", "tags": ("x", "z")},
        "c": {"draft": True},
        "d": {"größe": 1.75, "draft": "no"},
    }
    for hour, (text, words) in enumerate(metadata.items()):
        DocumentStore(here.db, clock=lambda hour=hour: NOON + timedelta(hours=hour)).register(
            here.home.id, [upload(metadata=words)]
        )
        here.publish(text)
    return here


def test_every_operator_finds_what_it_says(library: World) -> None:
    """One database for all of them: they only read."""
    everything = [_id(library, text) for text in "abcd"]
    for field, op, value, expected in FILTERS:
        wanted = _where(field, op, value)
        if expected == "!":
            with pytest.raises(InvalidFilter):
                library.chunks.allowed(library.home.id, wanted)
            continue
        allowed = library.chunks.allowed(library.home.id, wanted)
        placed = library.chunks.placed(everything, library.scope, wanted)
        assert allowed.dtype == np.int64
        assert allowed.tolist() == [placed.chunk.id for placed in placed], (field, op, value)
        assert "".join(placed.chunk.text for placed in placed) == expected, (field, op, value)


def test_all_conditions_must_hold_and_document_ids_can_be_named(library: World) -> None:
    rows = library.documents.page(library.scope, None, None, 10, None).rows
    first, second = rows[-1].id, rows[-2].id
    both = Condition("document.id", "in", (first, second))
    assert len(library.chunks.allowed(library.home.id, (both,))) == 2
    assert len(library.chunks.allowed(library.home.id, (both, Condition("metadata.year", "gt", 2020)))) == 1
    assert len(library.chunks.allowed(library.home.id, ())) == 4


INVALID: list[tuple[str, str, object, str]] = [
    ("text", "eq", "x", "media_type, language, created_at, effective_at, section, page_label"),
    ("metadata.", "eq", "x", "metadata.<key>"),
    ("metadata." + "x" * 65, "eq", "x", "metadata.<key>"),
    ("metadata.a;b", "eq", "x", "metadata.<key>"),
    ("document.id", "gt", "x", "eq, ne, in and exists"),
    ("document.id", "eq", 5, "strings"),
    ("media_type", "in", "text/html", "list"),
    ("media_type", "in", ("text/html", 3), "strings"),
    ("metadata.x", "in", (), "at least one"),
    ("metadata.x", "eq", ("a",), "one string"),
    ("metadata.x", "eq", None, "one string"),
    ("section", "eq", (), "at least one"),
    ("section", "eq", ("Part", 1), "strings"),
    ("section", "gte", "Part", "eq, ne, in and exists"),
    ("page_label", "eq", 1, "strings"),
    ("page_label", "exists", None, "eq, ne and in"),
    ("metadata.x", "lt", True, "no order"),
    ("metadata.x", "exists", "yes", "true, false"),
    ("created_at", "in", ("2026-11-30T12:00:00Z",), "not in"),
    ("created_at", "gt", 2026, "RFC 3339"),
    ("created_at", "gt", "yesterday", "RFC 3339"),
    ("created_at", "gt", "2026-11", "RFC 3339"),
    ("created_at", "gt", "0001-01-01T00:00:00+14:00", "RFC 3339"),
]


def test_a_filter_that_makes_no_sense_is_refused_with_what_does(here: World) -> None:
    for field, op, value, words in INVALID:
        wanted = (Condition(field, op, value),)  # pyright: ignore[reportArgumentType]
        with pytest.raises(InvalidFilter) as caught:
            here.chunks.allowed(here.home.id, wanted)
        assert words in str(caught.value)
        with pytest.raises(InvalidFilter):
            here.chunks.placed([ChunkId(1)], here.scope, wanted)


def test_long_values_are_compared_by_their_beginning(here: World) -> None:
    long = "长" * 3000
    here.register(upload(metadata={"note": long}))
    here.publish("text")
    assert len(here.chunks.allowed(here.home.id, _where("metadata.note", "eq", long))) == 1


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=30), st.one_of(st.text(), st.integers(), st.floats(), st.booleans()))
def test_no_key_and_no_value_reaches_the_sql(here: World, key: str, value: str | float | bool) -> None:
    for op in ("eq", "ne", "exists", "gt"):
        condition = Condition(f"metadata.{key}", op, None if op == "exists" else value)
        with contextlib.suppress(InvalidFilter):
            assert here.chunks.allowed(here.home.id, (condition,)).tolist() == []


def _where(field: str, op: Operator, value: MetadataValue | None) -> Filter:
    return (Condition(field, op, value),)


def _id(here: World, text: str) -> ChunkId:
    for collection in here.collections.list():
        _, ids = here.changes.live(collection.id, 1)
        for found in here.changes.texts(ids):
            if found.text == text:
                return found.id
    raise AssertionError(text)


def test_the_other_places_of_a_shared_chunk_are_those_that_the_asker_may_read(here: World) -> None:
    other = here.collections.create("other", FINGERPRINT)
    here.add("shared", collection=other.id)
    [first] = here.register(upload(name="first.md"))
    here.publish("shared", "own")
    [second] = here.register(upload(name="second.md", metadata={"year": 2}))
    here.publish("more", "shared", "shared")
    replaced = here.add("shared")
    here.add("instead", document=replaced)
    [number] = [chunk for chunk in here.chunks.allowed(here.home.id, ()) if _text(here, chunk) == "shared"]
    ids = [ChunkId(int(number)), _id(here, "own")]

    places = here.chunks.places(ids, here.scope, ())

    assert [placed.is_shared for placed in here.chunks.placed(ids, here.scope, ())] == [True, False]
    assert {chunk: [(place.source.id, place.pages) for place in found] for chunk, found in places.items()} == {
        ids[0]: [(second, (2,)), (second, (3,))]
    }
    only_first: Filter = (Condition("document.id", "eq", first),)
    assert here.chunks.places(ids, here.scope, only_first) == {}
    assert [placed.is_shared for placed in here.chunks.placed(ids[:1], here.scope, only_first)] == [False]
    assert here.chunks.places(ids, Scope(frozenset()), ()) == {}


def test_of_very_many_places_the_first_few_are_told(here: World) -> None:
    documents = [here.add("footer", f"text {number}") for number in range(PLACES + 5)]
    [places] = here.chunks.places([_id(here, "footer")], here.scope, ()).values()
    assert [place.source.id for place in places] == documents[1 : PLACES + 1]


def _text(here: World, chunk: int) -> str:
    return here.changes.texts(np.array([chunk], dtype=np.int64))[0].text
