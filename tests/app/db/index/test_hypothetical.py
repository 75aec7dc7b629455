"""Hypothetical questions: asked once per text, by one at a time, told to who follows the log, gone with the text."""

from app.db import tables
from app.db.index.hypothetical import HypotheticalStore
from retrieval.types import ChunkId
from tests.app.db.builders import World, sha
from tests.app.db.test_remains import put, rows, swept

FIRST = ChunkId(0)


def store(here: World, lease_seconds: float = 60.0) -> HypotheticalStore:
    return HypotheticalStore(here.db, lease_seconds)


def claimed(here: World, lease_seconds: float = 60.0, limit: int = 100) -> list[str]:
    """The texts that somebody who asks next is given."""
    asking = store(here, lease_seconds)
    chunks = asking.lacking(here.home.id, FIRST, limit)
    return [chunk.text for chunk in asking.claim(here.home.id, chunks)]


def said(here: World) -> dict[str, tuple[str, ...]]:
    """The questions of each text that is live, as indexes are given them."""
    _, ids = here.changes.live(here.home.id, 1)
    return {text.text: text.questions for text in here.changes.texts(ids)}


def test_a_text_is_given_to_one_who_asks_and_to_nobody_else_meanwhile(here: World) -> None:
    here.add("a", "b", "c")
    asking = store(here)
    both = asking.lacking(here.home.id, FIRST, 2)

    [a, b] = asking.claim(here.home.id, both)

    assert (a.key, a.text, a.headings, a.language) == (sha("a"), "a", ("Chapter", "Part"), "en")
    assert b.text == "b"
    assert asking.claim(here.home.id, both) == []
    assert claimed(here) == ["c"]
    assert asking.lacking(here.home.id, FIRST, 100) == []
    assert not asking.has_lapsed(here.home.id)


def test_who_falls_silent_loses_the_text_to_the_next(here: World) -> None:
    here.add("a", "b")
    assert claimed(here, lease_seconds=-1.0) == ["a", "b"]
    assert store(here).has_lapsed(here.home.id)
    assert claimed(here) == ["a", "b"]
    assert claimed(here) == []


def test_what_is_said_reaches_those_who_follow_the_log(here: World) -> None:
    here.add("a", "b")
    claimed(here)
    seq = here.changes.head(here.home.id).seq
    _, live = here.changes.live(here.home.id, 1)

    store(here).keep(here.home.id, {sha("a"): ["What is a?", "Why\x00 a?"], sha("b"): []})

    assert said(here) == {"a": ("What is a?", "Why\ufffd a?"), "b": ()}
    [change] = here.changes.changes(here.home.id, 1, seq, 10)
    assert (len(change.added), len(change.removed)) == (1, 0)
    assert here.replayed() == set(live.tolist())
    assert claimed(here) == []


def test_the_first_to_say_it_is_believed(here: World) -> None:
    here.add("a")
    claimed(here, lease_seconds=-1.0)
    claimed(here)

    for question in ("first?", "second?"):
        store(here).keep(here.home.id, {sha("a"): [question]})

    assert said(here) == {"a": ("first?",)}


def test_a_text_that_stays_is_not_asked_about_again(here: World) -> None:
    document = here.add("a", "b")
    claimed(here)
    store(here).keep(here.home.id, {sha("a"): ["What is a?"], sha("b"): ["What is b?"]})

    put(here, document, "a", "c")

    assert claimed(here) == ["c"]
    assert said(here) == {"a": ("What is a?",), "c": ()}


def test_questions_go_with_the_last_place_of_their_text(here: World) -> None:
    document, other = here.add("a", "b"), here.add("b")
    claimed(here)
    store(here).keep(here.home.id, {sha("a"): ["What is a?"], sha("b"): ["What is b?"]})

    here.documents.forget(document)
    assert rows(here, tables.HypotheticalQuestions) == [1]
    assert said(here) == {"b": ("What is b?",)}

    put(here, other, "c")
    swept(here, keep=1)
    assert rows(here, tables.HypotheticalQuestions) == [0]


def test_what_is_said_of_a_text_that_went_meanwhile_is_dropped(here: World) -> None:
    document = here.add("a")
    claimed(here)
    here.documents.forget(document)
    seq = here.changes.head(here.home.id).seq

    store(here).keep(here.home.id, {sha("a"): ["What is a?"]})

    assert rows(here, tables.HypotheticalQuestions) == [0]
    assert here.changes.head(here.home.id).seq == seq
    assert here.replayed() == set()


def test_what_is_said_of_an_older_version_s_text_brings_it_into_no_index(here: World) -> None:
    document = here.add("a")
    claimed(here)
    put(here, document, "b")

    store(here).keep(here.home.id, {sha("a"): ["What is a?"]})

    assert said(here) == {"b": ()}
    assert here.replayed() == set(here.changes.live(here.home.id, 1)[1].tolist())


def test_a_text_that_is_put_off_waits(here: World) -> None:
    here.add("a")
    claimed(here)
    store(here).put_off(here.home.id, [sha("a")], 60.0)
    assert claimed(here) == []
    store(here).put_off(here.home.id, [sha("a")], -1.0)
    assert claimed(here) == ["a"]


def test_a_deleted_collection_takes_its_questions_along(here: World) -> None:
    here.add("a")
    claimed(here)

    here.collections.delete("default")
    store(here).keep(here.home.id, {sha("a"): ["What is a?"]})

    assert rows(here, tables.HypotheticalQuestions) == [0]
