from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from app.db.database import Database
from app.db.errors import Conflict, UnknownKey
from app.db.library.collections import CollectionStore
from app.db.people.conversations import ConversationStore
from app.db.people.keys import KeyStore
from app.db.types import KeyId
from retrieval.errors import UnknownCollection
from retrieval.types import CollectionId
from tests.app.db.builders import at_once, sha

START = datetime(2026, 11, 30, 12, tzinfo=UTC)
LATER = START + timedelta(hours=1)


@dataclass
class Watch:
    now: datetime = START

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def keys(database: Database, watch: Watch) -> KeyStore:
    return KeyStore(database, watch)


def test_a_key_is_found_by_the_hash_of_its_secret(keys: KeyStore) -> None:
    made = keys.create("bot", "reader", None, sha("secret"))
    found = keys.find(sha("secret"))
    assert found is not None
    assert found == made
    assert (found.name, found.role, found.kind, found.collections) == ("bot", "reader", "api", None)
    assert found.id == found.credential
    assert keys.find(sha("other")) is None


def test_a_limited_key_reads_its_collections_and_no_other(keys: KeyStore, database: Database) -> None:
    collections = CollectionStore(database)
    ids = [collections.create(name, "f").id for name in "abc"]
    keys.create("some", "reader", frozenset(ids[:2]), sha("some"))
    keys.create("none", "reader", frozenset(), sha("none"))
    assert [record.collections for record in keys.page(100, None).rows] == [frozenset(ids[:2]), frozenset()]
    collections.delete("a")
    collections.delete("b")
    found = keys.find(sha("some"))
    assert found is not None
    assert found.collections == frozenset()


def test_a_key_cannot_have_a_taken_secret_or_an_unknown_collection(keys: KeyStore) -> None:
    keys.create("first", "reader", None, sha("secret"))
    with pytest.raises(Conflict):
        keys.create("second", "reader", None, sha("secret"))
    with pytest.raises(UnknownCollection):
        keys.create("second", "reader", frozenset({CollectionId(99)}), sha("other"))
    assert [record.name for record in keys.page(100, None).rows] == ["first"]


def test_a_use_is_noted_once_a_minute(keys: KeyStore, watch: Watch) -> None:
    keys.create("bot", "reader", None, sha("secret"))
    noted: list[datetime | None] = []
    for seconds in (0, 30, 59, 61, 100, 200):
        watch.now = START + timedelta(seconds=seconds)
        keys.find(sha("secret"))
        noted.append(keys.page(100, None).rows[0].last_used_at)
    at = [None if moment is None else (moment - START).seconds for moment in noted]
    assert at == [0, 0, 0, 61, 61, 200]


def test_a_use_that_cannot_be_noted_is_a_use_all_the_same(sqlite_url: str) -> None:
    keys = KeyStore(Database(sqlite_url, wait_seconds=0.05))
    keys.create("bot", "reader", None, sha("secret"))
    other = Database(sqlite_url)
    with other.write():
        assert keys.find(sha("secret")) is not None
    other.dispose()
    keys.db.dispose()


def test_a_session_asks_as_its_key_until_it_ends(keys: KeyStore, watch: Watch, database: Database) -> None:
    home = CollectionStore(database).create("a", "f").id
    key = keys.create("bot", "reader", frozenset({home}), sha("secret"))
    opened = keys.open_session(key.id, sha("session"), LATER)
    found = keys.find(sha("session"))
    assert found is not None
    assert found == opened
    assert (found.id, found.kind, found.role, found.collections) == (key.id, "session", "reader", frozenset({home}))
    assert found.credential != key.id
    assert [record.kind for record in keys.page(100, None).rows] == ["api"]
    watch.now = LATER
    assert keys.find(sha("session")) is None


def test_a_closed_session_is_over_and_its_key_is_not(keys: KeyStore) -> None:
    key = keys.create("bot", "reader", None, sha("secret"))
    keys.open_session(key.id, sha("session"), LATER)
    keys.close_session(sha("session"))
    keys.close_session(sha("secret"))
    assert keys.find(sha("session")) is None
    assert keys.find(sha("secret")) is not None


def test_a_login_is_good_for_one_session_and_nothing_else(keys: KeyStore, watch: Watch) -> None:
    key = keys.create("bot", "admin", None, sha("secret"))
    keys.create_login(key.id, sha("login"), LATER)
    assert keys.find(sha("login")) is None
    session = keys.redeem_login(sha("login"), sha("session"), LATER)
    assert session is not None
    assert (session.id, session.kind) == (key.id, "session")
    assert keys.redeem_login(sha("login"), sha("second"), LATER) is None
    assert keys.redeem_login(sha("secret"), sha("second"), LATER) is None
    keys.create_login(key.id, sha("old"), START)
    assert keys.redeem_login(sha("old"), sha("second"), LATER) is None


def test_a_login_redeemed_by_two_at_once_lets_one_in(keys: KeyStore) -> None:
    key = keys.create("bot", "reader", None, sha("secret"))
    keys.create_login(key.id, sha("login"), LATER)
    sessions = at_once(lambda n: keys.redeem_login(sha("login"), sha(f"s{n}"), LATER), 4)
    assert sum(session is not None for session in sessions) == 1


def test_what_was_made_from_a_key_falls_with_it(keys: KeyStore, database: Database) -> None:
    key = keys.create("bot", "reader", None, sha("secret"))
    session = keys.open_session(key.id, sha("session"), LATER)
    keys.create_login(key.id, sha("login"), LATER)
    ConversationStore(database).create(key.id, "title")
    with pytest.raises(UnknownKey):
        keys.revoke(session.credential)
    keys.revoke(key.id)
    assert keys.find(sha("secret")) is None
    assert keys.find(sha("session")) is None
    assert keys.redeem_login(sha("login"), sha("new"), LATER) is None
    for use in (
        lambda: keys.revoke(key.id),
        lambda: keys.open_session(key.id, sha("new"), LATER),
        lambda: keys.create_login(KeyId("key_none"), sha("new"), LATER),
    ):
        with pytest.raises(UnknownKey):
            use()


def test_the_settings_admin_key_is_one_row_whatever_its_secret(keys: KeyStore) -> None:
    first = keys.ensure_admin(sha("old"))
    keys.open_session(first.id, sha("session"), LATER)
    assert keys.ensure_admin(sha("old")) == first
    assert keys.find(sha("session")) is not None
    second = keys.ensure_admin(sha("new"))
    assert (second.id, second.role, second.collections) == (first.id, "admin", None)
    assert keys.find(sha("old")) is None
    assert keys.find(sha("session")) is None
    assert len(keys.page(100, None).rows) == 1


def test_the_settings_admin_key_cannot_take_another_key_s_secret(keys: KeyStore) -> None:
    keys.create("bot", "reader", None, sha("taken"))
    with pytest.raises(Conflict):
        keys.ensure_admin(sha("taken"))
    keys.ensure_admin(sha("own"))
    with pytest.raises(Conflict):
        keys.ensure_admin(sha("taken"))
    assert keys.find(sha("own")) is not None


def test_services_that_start_at_once_agree_on_the_admin_key(keys: KeyStore) -> None:
    made = at_once(lambda _: keys.ensure_admin(sha("secret")), 4)
    assert len({record.id for record in made}) == 1
