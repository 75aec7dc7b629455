import pytest

from app.db.database import Database
from app.db.errors import UnknownEvaluation
from app.db.quality.evaluations import EvaluationStore


def test_evaluations_are_listed_newest_first_by_page(database: Database) -> None:
    store = EvaluationStore(database)
    records = [store.add({"dataset": name}) for name in "abc"]

    first = store.page(2, None)
    rest = store.page(2, first.next_cursor)

    assert (*first.rows, *rest.rows) == tuple(reversed(records))
    assert rest.next_cursor is None
    assert store.get(records[0].id) == records[0]


def test_an_evaluation_that_is_not_there_is_named(database: Database) -> None:
    with pytest.raises(UnknownEvaluation, match="eva_none"):
        EvaluationStore(database).get("eva_none")


def test_the_oldest_make_room_for_the_newest(database: Database) -> None:
    store = EvaluationStore(database, kept=2)
    records = [store.add({"dataset": name}) for name in "abc"]

    assert store.page(10, None).rows == (records[2], records[1])
