from collections.abc import Iterator

import httpx
import pytest

from tests.app.running import Running

CONVERSATIONS = "/v1/conversations"


@pytest.fixture
def own(service: Running) -> Iterator[httpx.Client]:
    with service.client(service.new_key()) as client:
        yield client


def test_a_conversation_keeps_its_questions_and_answers_in_order(own: httpx.Client) -> None:
    made = own.post(CONVERSATIONS, json={"title": "Metals"})
    assert (made.status_code, made.json()["title"]) == (201, "Metals")
    conversation = made.json()["id"]
    given = [
        own.post("/v1/answers", json={"question": question, "conversation_id": conversation}).json()
        for question in ("At what temperature does gallium melt?", "Who discovered it?")
    ]
    whole = own.get(f"{CONVERSATIONS}/{conversation}").json()
    assert [{name: message["answer"][name] for name in given[0]} for message in whole["messages"]] == given
    assert [message["id"] for message in whole["messages"]] == [answer["id"] for answer in given]
    assert whole["updated_at"] > whole["created_at"]


def test_a_message_tells_where_it_was_asked_and_what_was_read(own: httpx.Client) -> None:
    conversation = own.post(CONVERSATIONS).json()["id"]
    within = {"all": [{"field": "document.name", "op": "eq", "value": "gallium.md"}]}
    question = {"question": "At what temperature does gallium melt?", "collections": ["default"], "filter": within}
    given = own.post("/v1/answers", json={**question, "conversation_id": conversation}).raise_for_status().json()
    [message] = own.get(f"{CONVERSATIONS}/{conversation}").json()["messages"]
    assert message["answer"]["asked"] == {"collections": ["default"], "filter": within}
    read = message["answer"]["context"]
    cited = {(citation["label"], citation["chunk_id"]) for citation in given["citations"]}
    assert cited <= {(passage["label"], passage["chunk_id"]) for passage in read["passages"]}
    assert read["beside_the_point"] == []


def test_a_conversation_needs_no_words_to_begin(own: httpx.Client) -> None:
    made = own.post(CONVERSATIONS)
    assert (made.status_code, made.json()["title"]) == (201, "")


def test_conversations_are_listed_by_page_and_deleted(own: httpx.Client) -> None:
    ids = [own.post(CONVERSATIONS, json={"title": str(number)}).json()["id"] for number in range(3)]
    first = own.get(CONVERSATIONS, params={"limit": 2}).json()
    rest = own.get(CONVERSATIONS, params={"limit": 2, "cursor": first["next_cursor"]}).json()
    assert {each["id"] for each in first["items"] + rest["items"]} == set(ids)
    assert rest["next_cursor"] is None
    assert own.delete(f"{CONVERSATIONS}/{ids[0]}").status_code == 204
    assert own.get(f"{CONVERSATIONS}/{ids[0]}").status_code == 404
    assert own.delete(f"{CONVERSATIONS}/{ids[0]}").status_code == 404


def test_nobody_asks_in_anothers_conversation(own: httpx.Client, admin: httpx.Client) -> None:
    conversation = own.post(CONVERSATIONS, json={}).json()["id"]
    body = {"question": "At what temperature does gallium melt?", "conversation_id": conversation}
    for stream in (False, True):
        reply = admin.post("/v1/answers", json={**body, "stream": stream})
        assert (reply.status_code, reply.headers["content-type"]) == (404, "application/problem+json")
    assert own.get(f"{CONVERSATIONS}/{conversation}").json()["messages"] == []


def test_a_session_sees_its_keys_conversations(service: Running) -> None:
    secret = service.new_key()
    with service.client(secret) as client, service.client() as browser:
        conversation = client.post(CONVERSATIONS, json={"title": "shared"}).json()["id"]
        browser.post("/v1/session", json={"key": secret})
        assert browser.get(f"{CONVERSATIONS}/{conversation}").json()["title"] == "shared"


@pytest.mark.parametrize("body", [{"title": "a" * 201}, {"title": 1}, {"id": "con_1"}, {"title": "a\0"}])
def test_a_conversation_out_of_bounds_is_refused(body: dict[str, object], own: httpx.Client) -> None:
    assert own.post(CONVERSATIONS, json=body).status_code == 422


def test_a_conversation_is_renamed_by_its_owner_alone(own: httpx.Client, admin: httpx.Client) -> None:
    conversation = own.post(CONVERSATIONS, json={"title": "Metals"}).json()["id"]
    renamed = own.patch(f"{CONVERSATIONS}/{conversation}", json={"title": "Gallium"})
    assert (renamed.status_code, renamed.json()["title"]) == (200, "Gallium")
    assert admin.patch(f"{CONVERSATIONS}/{conversation}", json={"title": "Mine"}).status_code == 404
    assert own.patch(f"{CONVERSATIONS}/{conversation}", json={"title": ""}).status_code == 422
    assert own.get(f"{CONVERSATIONS}/{conversation}").json()["title"] == "Gallium"


def test_conversations_are_found_by_title_and_question(own: httpx.Client) -> None:
    for title, question in (("Metals", "At what temperature does gallium melt?"), ("100% sure", "Who discovered it?")):
        conversation = own.post(CONVERSATIONS, json={"title": title}).json()["id"]
        own.post("/v1/answers", json={"question": question, "conversation_id": conversation}).raise_for_status()
    found = {
        words: [item["title"] for item in own.get(CONVERSATIONS, params={"q": words}).json()["items"]]
        for words in ("METAL", "gallium", "discovered", "100%", "%", "nothing")
    }
    assert found == {
        "METAL": ["Metals"],
        "gallium": ["Metals"],
        "discovered": ["100% sure"],
        "100%": ["100% sure"],
        "%": ["100% sure"],
        "nothing": [],
    }


def test_messages_carry_their_answers_as_trees(own: httpx.Client) -> None:
    conversation = own.post(CONVERSATIONS).json()["id"]
    body = {"question": "At what temperature does gallium melt?", "conversation_id": conversation}
    own.post("/v1/answers", json=body).raise_for_status()
    (message,) = own.get(f"{CONVERSATIONS}/{conversation}").json()["messages"]
    leaves = [leaf for block in message["rendered"] for leaf in block["children"]]
    labels = {citation["label"] for citation in message["answer"]["citations"]}
    assert {leaf["label"] for leaf in leaves if leaf["kind"] == "citation"} == labels != set()
