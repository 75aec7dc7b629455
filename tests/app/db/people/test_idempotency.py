from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.db.database import Database
from app.db.people.idempotency import IdempotencyStore
from app.db.people.keys import KeyStore
from app.db.types import KeyId, Reply
from tests.app.db.builders import at_once, sha

START = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.fixture
def replies(database: Database) -> IdempotencyStore:
    return IdempotencyStore(database, lambda: START)


@pytest.fixture
def key(database: Database) -> KeyId:
    return KeyStore(database).create("bot", "reader", None, sha("bot")).id


def test_the_first_works_and_the_others_get_its_reply(replies: IdempotencyStore, key: KeyId) -> None:
    assert replies.begin(key, "k", "request") is None
    assert replies.begin(key, "k", "request") == Reply("request", None, None)
    replies.finish(key, "k", 202, {"id": "doc_1"})
    assert replies.begin(key, "k", "request") == Reply("request", 202, {"id": "doc_1"})
    assert replies.begin(key, "k", "another") == Reply("request", 202, {"id": "doc_1"})
    assert replies.begin(key, "other", "request") is None


def test_of_those_who_come_at_once_one_is_first(replies: IdempotencyStore, key: KeyId) -> None:
    told = at_once(lambda _: replies.begin(key, "k", "request"), 12)
    assert told.count(None) == 1


def test_keys_of_two_askers_do_not_meet(replies: IdempotencyStore, key: KeyId) -> None:
    other = KeyStore(replies.db).create("other", "reader", None, sha("other")).id
    assert replies.begin(key, "k", "request") is None
    assert replies.begin(other, "k", "request") is None


def test_after_a_failure_the_retry_is_the_first_again(replies: IdempotencyStore, key: KeyId) -> None:
    replies.begin(key, "k", "request")
    replies.abandon(key, "k")
    assert replies.begin(key, "k", "request") is None


def test_a_finished_reply_cannot_be_abandoned(replies: IdempotencyStore, key: KeyId) -> None:
    replies.begin(key, "k", "request")
    replies.finish(key, "k", 202, {})
    replies.abandon(key, "k")
    assert replies.begin(key, "k", "request") == Reply("request", 202, {})


@pytest.mark.parametrize(
    ("finished", "minutes", "is_first"),
    [
        (False, 14, False),
        (False, 16, True),
        (True, 16, False),
        (True, 24 * 60 + 1, True),
    ],
)
def test_the_dead_and_the_old_are_forgotten(
    replies: IdempotencyStore, key: KeyId, finished: bool, minutes: int, is_first: bool
) -> None:
    replies.begin(key, "k", "request")
    if finished:
        replies.finish(key, "k", 202, {})
    later = replace(replies, clock=lambda: START + timedelta(minutes=minutes))
    assert (later.begin(key, "k", "request") is None) == is_first
