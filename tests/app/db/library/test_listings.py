"""That no page of a list sorts what is not on it."""

import pytest

from app.db.database import Database
from app.db.library.listings import ids, in_order
from app.db.types import DocumentSort
from retrieval.types import CollectionId, Scope

IN_ORDER: list[tuple[DocumentSort, str]] = [
    ("created", "ix_documents_collection_id_id"),
    ("name", "ix_documents_collection_by_name"),
    ("updated", "ix_documents_collection_id_updated_at_id"),
]


@pytest.mark.parametrize(("sort", "index"), IN_ORDER)
def test_a_page_of_one_collection_is_read_off_an_index_in_its_order(
    sqlite_url: str, sort: DocumentSort, index: str
) -> None:
    database = Database(sqlite_url)
    page = in_order(ids(Scope(frozenset({CollectionId(1)})), None, None, sort), sort, 50, None)
    statement = page.compile(database.engine, compile_kwargs={"literal_binds": True})
    with database.read() as session:
        plan = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}").all()
    database.dispose()
    [step] = [row[3].replace("COVERING ", "") for row in plan]
    assert step == f"SEARCH documents USING INDEX {index} (collection_id=?)"
