import pytest
from sqlalchemy import delete, func, select, update

from app.db.database import Database
from app.db.people.audit import AuditStore
from app.db.tables import Audit
from app.db.types import KeyId
from tests.app.db.builders import at_once


@pytest.fixture
def audit(database: Database) -> AuditStore:
    return AuditStore(database)


def test_an_untouched_log_is_whole(audit: AuditStore) -> None:
    assert audit.verify()
    for number in range(3):
        audit.record("document.delete", "ok", key_id=KeyId("key_1"), target=f"doc_{number}", address="::1")
    audit.record("session.open", "denied")
    assert audit.verify()


@pytest.mark.parametrize("column", ["action", "result", "target", "key_id", "address", "request_id", "hash"])
def test_an_edited_row_breaks_the_chain(audit: AuditStore, column: str) -> None:
    _record_three(audit)
    with audit.db.write() as session:
        session.execute(update(Audit).where(Audit.id == _middle(audit)).values({column: "other"}))
    assert not audit.verify()


def test_a_deleted_row_breaks_the_chain(audit: AuditStore) -> None:
    _record_three(audit)
    with audit.db.write() as session:
        session.execute(delete(Audit).where(Audit.id == _middle(audit)))
    assert not audit.verify()


def test_those_who_record_at_once_make_one_chain(audit: AuditStore) -> None:
    at_once(lambda number: audit.record("test", "ok", target=str(number)), 24)
    assert audit.verify()
    with audit.db.read() as session:
        assert session.execute(select(func.count()).select_from(Audit)).scalar_one() == 24


def test_what_is_too_long_or_cannot_be_stored_is_recorded_as_far_as_it_can(audit: AuditStore) -> None:
    audit.record("a" * 100, "r" * 100, target="\x00" + "t" * 1000, address="x" * 100, request_id="\ud800")
    assert audit.verify()
    with audit.db.read() as session:
        row = session.scalars(select(Audit)).one()
        assert (len(row.action), len(row.result), row.target) == (64, 32, "\ufffd" + "t" * 254)


def _record_three(audit: AuditStore) -> None:
    for number in range(3):
        audit.record("test", "ok", key_id=KeyId("k"), target=str(number), address="::1", request_id="r")


def _middle(audit: AuditStore) -> int:
    with audit.db.read() as session:
        return session.scalars(select(Audit.id).order_by(Audit.id)).all()[1]
