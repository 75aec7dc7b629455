import numpy as np
import pytest

from retrieval.errors import UnknownCollection
from retrieval.types import CollectionId, Head
from tests.app.db.builders import DIM, FINGERPRINT, World, embedding


def test_the_head_rises_with_every_change(here: World) -> None:
    assert here.changes.head(here.home.id) == Head(1, FINGERPRINT, 0, None)
    here.documents.forget(here.add("a"))
    assert here.changes.head(here.home.id) == Head(1, FINGERPRINT, 2, DIM)


def test_changes_come_oldest_first_a_few_at_a_time(here: World) -> None:
    for text in "abcde":
        here.add(text)

    def read(after: int, limit: int) -> list[int]:
        return [change.seq for change in here.changes.changes(here.home.id, 1, after, limit)]

    assert read(0, 2) == [1, 2]
    assert read(2, 2) == [3, 4]
    assert read(4, 2) == [5]
    assert read(5, 2) == []
    assert here.changes.changes(here.home.id, 2, 0, 10) == []
    [first, *_] = here.changes.changes(here.home.id, 1, 0, 1)
    assert (first.added.dtype, first.removed.dtype, first.added.size, first.removed.size) == (np.int64, np.int64, 1, 0)


def test_live_ids_are_sorted_and_go_with_their_seq(here: World) -> None:
    here.add("b", "a")
    here.add("a", "c")
    seq, ids = here.changes.live(here.home.id, 1)
    assert seq == 2
    assert (ids.dtype, ids.size, bool(np.all(np.diff(ids) > 0))) == (np.int64, 3, True)
    assert here.changes.live(here.home.id, 2)[1].size == 0


def test_texts_and_vectors_are_those_that_still_exist(here: World) -> None:
    here.add("a", "b")
    _, ids = here.changes.live(here.home.id, 1)
    texts = {text.id: text for text in here.changes.texts(np.append(ids, 999))}
    found, matrix = here.changes.vectors(np.append(ids, 999))
    assert sorted(texts) == sorted(found.tolist()) == ids.tolist()
    assert (matrix.dtype, matrix.shape) == (np.float32, (2, DIM))
    for chunk, vector in zip(found.tolist(), matrix, strict=True):
        assert texts[chunk].headings == ("Chapter", "Part")
        assert np.allclose(vector, embedding(texts[chunk].text).vector, atol=1e-3)
    nothing, empty = here.changes.vectors(np.array([999]))
    assert (nothing.size, empty.shape[0]) == (0, 0)


def test_an_unknown_collection_is_an_error_not_an_empty_log(here: World) -> None:
    unknown = CollectionId(99)
    for read in (
        lambda: here.changes.head(unknown),
        lambda: here.changes.changes(unknown, 1, 0, 10),
        lambda: here.changes.live(unknown, 1),
    ):
        with pytest.raises(UnknownCollection):
            read()
