import pytest

from app.db.errors import Conflict, InvalidCursor
from app.db.types import ChunkChange
from ingestion.errors import UnknownDocument
from ingestion.types import DocumentId
from retrieval.types import Scope
from tests.app.db.builders import World, upload

ALL: tuple[ChunkChange, ...] = ("added", "removed", "kept")


def two_versions(here: World) -> DocumentId:
    document = here.add("intro", "old", "middle", "footer", "moved", "end")
    here.add("intro", "new", "newer", "middle", "moved", "footer", "end", document=document)
    return document


def told(here: World, document: DocumentId, *wanted: ChunkChange, limit: int = 100) -> list[tuple[str, str, int]]:
    """Every difference from the first version to the second, walked a page at a time."""
    seen: list[tuple[str, str, int]] = []
    cursor = None
    while True:
        found = here.documents.compare(document, here.scope, (1, 2), wanted or ALL, limit, cursor)
        assert (found.added, found.removed, found.kept) == (3, 2, 4)
        seen += [(each.change, each.chunk.text, each.chunk.ordinal) for each in found.chunks.rows]
        cursor = found.chunks.next_cursor
        if cursor is None:
            return seen
        assert len(found.chunks.rows) == limit


def test_two_versions_differ_in_reading_order(here: World) -> None:
    document = two_versions(here)
    whole = told(here, document)
    assert whole == [
        ("kept", "intro", 0),
        ("removed", "old", 1),
        ("added", "new", 1),
        ("added", "newer", 2),
        ("kept", "middle", 3),
        ("removed", "footer", 3),
        ("kept", "moved", 4),
        ("added", "footer", 5),
        ("kept", "end", 6),
    ]
    assert told(here, document, limit=2) == whole
    assert told(here, document, "added", "removed", limit=3) == [each for each in whole if each[0] != "kept"]


def test_a_version_is_the_same_as_itself_and_backwards_what_was_added_was_removed(here: World) -> None:
    document = two_versions(here)
    same = here.documents.compare(document, here.scope, (2, 2), ("added", "removed"), 10, None)
    back = here.documents.compare(document, here.scope, (2, 1), ALL, 10, None)
    assert (same.added, same.removed, same.kept, same.chunks.rows) == (0, 0, 7, ())
    assert (back.added, back.removed, back.kept) == (2, 3, 4)


def test_chunks_that_stand_again_and_again_stay_where_they_are(here: World) -> None:
    document = here.add("note", "a", "note", "note", "b", "note")
    here.add("a", "note", "note", "b", "more", "note", document=document)
    found = here.documents.compare(document, here.scope, (1, 2), ALL, 10, None)
    assert [(each.change, each.chunk.text) for each in found.chunks.rows] == [
        ("removed", "note"),
        ("kept", "a"),
        ("kept", "note"),
        ("kept", "note"),
        ("kept", "b"),
        ("added", "more"),
        ("kept", "note"),
    ]


def test_a_book_of_one_line_is_compared(here: World) -> None:
    document = here.add("first", *["line"] * 2_000)
    here.add(*["line"] * 2_000, "last", document=document)
    found = here.documents.compare(document, here.scope, (1, 2), ("added",), 10, None)
    assert (found.added, found.removed, found.kept) == (1, 1, 2_000)


def test_what_is_not_there_or_has_no_chunks_cannot_be_compared(here: World) -> None:
    document = two_versions(here)
    here.register(upload(document=document))
    for numbers, scope in (((1, 4), here.scope), ((1, 2), Scope(frozenset()))):
        with pytest.raises(UnknownDocument):
            here.documents.compare(document, scope, numbers, ALL, 10, None)
    with pytest.raises(Conflict, match="version 3 is queued"):
        here.documents.compare(document, here.scope, (1, 3), ALL, 10, None)
    with pytest.raises(InvalidCursor):
        here.documents.compare(document, here.scope, (1, 2), ALL, 10, "x")
