import pytest

from app.db.database import Database
from app.db.errors import UnknownAnswer, UnknownConversation
from app.db.ids import new_id
from app.db.people.conversations import ConversationStore
from app.db.people.keys import KeyStore
from app.db.types import AnswerId, KeyId
from tests.app.db.builders import sha


@pytest.fixture
def conversations(database: Database) -> ConversationStore:
    return ConversationStore(database)


@pytest.fixture
def me(database: Database) -> KeyId:
    return KeyStore(database).create("me", "reader", None, sha("me")).id


@pytest.fixture
def you(database: Database) -> KeyId:
    return KeyStore(database).create("you", "reader", None, sha("you")).id


def test_messages_come_in_order_with_their_whole_answers(conversations: ConversationStore, me: KeyId) -> None:
    talk = conversations.create(me, "Query\x00 parameters")
    assert talk.title == "Query\ufffd parameters"
    bodies = [{"text": f"answer {n}", "citations": [{"label": 1}], "nul": "\x00"} for n in range(3)]
    for number, body in enumerate(bodies):
        conversations.add_message(me, talk.id, _answer(), f"question {number}", body)
    head, messages = conversations.get(me, talk.id)
    assert (head.id, head.created_at) == (talk.id, talk.created_at)
    assert head.updated_at == messages[-1].created_at
    assert [(m.question, m.answer, m.rating) for m in messages] == [
        (f"question {number}", body, None) for number, body in enumerate(bodies)
    ]


def test_pages_hold_one_asker_s_conversations_newest_first(
    conversations: ConversationStore, me: KeyId, you: KeyId
) -> None:
    mine = [conversations.create(me, str(number)) for number in range(3)]
    conversations.create(you, "yours")
    first = conversations.page(me, 2, None)
    rest = conversations.page(me, 2, first.next_cursor)
    assert [*first.rows, *rest.rows] == mine[::-1]
    assert rest.next_cursor is None


def test_another_s_conversation_is_unknown_for_everything(
    conversations: ConversationStore, me: KeyId, you: KeyId
) -> None:
    talk = conversations.create(you, "yours")
    answer = conversations.add_message(you, talk.id, _answer(), "q", {}).id
    for use in (
        lambda: conversations.get(me, talk.id),
        lambda: conversations.delete(me, talk.id),
        lambda: conversations.add_message(me, talk.id, _answer(), "q", {}),
    ):
        with pytest.raises(UnknownConversation):
            use()
    with pytest.raises(UnknownAnswer):
        conversations.rate(me, answer, 1, None)
    assert len(conversations.get(you, talk.id)[1]) == 1


@pytest.mark.parametrize(
    ("given", "question", "title"),
    [
        ("", "How long\n is it?", "How long is it?"),
        ("", "long " * 30, f"{'long ' * 15}long…"),
        ("Mine", "How long is it?", "Mine"),
    ],
)
def test_a_conversation_without_a_title_is_named_by_its_first_question(
    conversations: ConversationStore, me: KeyId, given: str, question: str, title: str
) -> None:
    made = conversations.create(me, given)
    for asked in (question, "And then?"):
        conversations.add_message(me, made.id, _answer(), asked, {})
    assert conversations.get(me, made.id)[0].title == title


def test_a_deleted_conversation_takes_its_messages_with_it(conversations: ConversationStore, me: KeyId) -> None:
    talk = conversations.create(me, "title")
    answer = conversations.add_message(me, talk.id, _answer(), "q", {}).id
    conversations.rate(me, answer, -1, "no")
    conversations.delete(me, talk.id)
    with pytest.raises(UnknownConversation):
        conversations.get(me, talk.id)
    with pytest.raises(UnknownAnswer):
        conversations.rate(me, answer, 1, None)


def test_the_last_rating_counts(conversations: ConversationStore, me: KeyId) -> None:
    talk = conversations.create(me, "title")
    answer = conversations.add_message(me, talk.id, _answer(), "q", {}).id
    conversations.rate(me, answer, 1, "good")
    conversations.rate(me, answer, -1, None)
    assert conversations.get(me, talk.id)[1][0].rating == -1


def test_the_same_rating_again_keeps_its_comment(conversations: ConversationStore, me: KeyId) -> None:
    answer = conversations.add_message(me, None, _answer(), "q", {}).id
    told: list[str | None] = []
    for rating, comment in ((1, "good"), (1, None), (1, "better"), (-1, None)):
        conversations.rate(me, answer, rating, comment)
        told.append(conversations.rated(1, None).rows[0].comment)
    assert told == ["good", "good", "better", None]


def test_a_question_on_its_own_can_be_rated(conversations: ConversationStore, me: KeyId) -> None:
    answer = conversations.add_message(me, None, _answer(), "q", {"text": "a"})
    assert answer.conversation_id is None
    conversations.rate(me, answer.id, 1, None)
    assert conversations.page(me, 10, None).rows == ()


def _answer() -> AnswerId:
    return AnswerId(new_id("ans"))
