import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from generation.prompts.texts import ABSTENTION
from tests.app.running import Running, events, running
from tests.stubs.vllm import Script, VllmStub, prompt_of

QUESTION = "At what temperature does gallium melt, and when was it discovered?"
TEXT = "Gallium melts at 29.8 degrees Celsius. It was discovered in 1875."
SCHEMA = {
    "type": "object",
    "properties": {"degrees": {"type": "number"}, "year": {"type": "integer", "description": "of the discovery"}},
    "required": ["degrees", "year"],
}
VALUE = {"degrees": 29.8, "year": 1875}
FORM = {"type": "json_schema", "json_schema": {"name": "gallium", "schema": SCHEMA, "strict": True}}


def reply(value: Any, *labels: int) -> Script:
    whole = json.dumps({"passages": list(labels), "value": value})
    return Script(tokens=(whole[:20], whole[20:]))


@pytest.fixture(scope="module")
def stub() -> Iterator[VllmStub]:
    with VllmStub() as started:
        yield started


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path, stub: VllmStub) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("data")
    with running(folder, sqlite_template, generator_url=stub.base_url, generator_model="stub-model") as started:
        started.upload("gallium.txt", TEXT)
        started.read_all()
        yield started


@pytest.fixture
def asker(service: Running) -> Iterator[httpx.Client]:
    with service.client(service.new_key()) as client:
        yield client


def asked(schema: Any = SCHEMA, **options: Any) -> dict[str, Any]:
    return {"question": QUESTION, "options": {"json_schema": schema, **options}}


def chat(form: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"model": "openbook", "messages": [{"role": "user", "content": QUESTION}], "response_format": form, **more}


def test_an_answer_comes_in_the_form_that_was_asked_for_and_cites(asker: httpx.Client, stub: VllmStub) -> None:
    stub.script = reply(VALUE, 1)
    body = asker.post("/v1/answers", json=asked()).json()
    assert body["structured"] == VALUE
    assert body["structured_values"] == [
        {"path": "/degrees", "labels": [1], "support": 1.0, "doubts": []},
        {"path": "/year", "labels": [1], "support": 1.0, "doubts": []},
    ]
    assert body["answer"] == "degrees: 29.8 [1]\nyear: 1875 [1]"
    assert [each["quote"] in TEXT for each in body["citations"]] == [True] * 2
    assert (body["degraded"], body["support"]) == ([], 1.0)


def test_the_model_is_held_to_the_schema_and_told_of_it(asker: httpx.Client, stub: VllmStub) -> None:
    stub.script = reply(VALUE, 1)
    asker.post("/v1/answers", json=asked())
    body = stub.seen.bodies[-1]
    assert body["response_format"]["type"] == "json_schema"
    wanted = body["response_format"]["json_schema"]["schema"]["properties"]["value"]
    assert wanted == {"anyOf": [SCHEMA, {"type": "null"}]}
    assert "of the discovery" in prompt_of(body)
    asker.post("/v1/answers", json={"question": QUESTION})
    assert "response_format" not in stub.seen.bodies[-1]


def test_a_value_that_the_documents_do_not_have_is_named(asker: httpx.Client, stub: VllmStub) -> None:
    stub.script = reply({"degrees": 31.2, "year": 1875}, 1)
    body = asker.post("/v1/answers", json=asked()).json()
    assert body["structured"]["degrees"] == 31.2
    assert [each["doubts"] for each in body["structured_values"]] == [["number"], []]
    assert [each["doubts"] for each in body["sentences"]] == [["number"], []]


def test_a_reply_that_breaks_the_schema_leaves_extracts_and_says_so(asker: httpx.Client, stub: VllmStub) -> None:
    stub.script = reply({"degrees": "warm"}, 1)
    body = asker.post("/v1/answers", json=asked()).json()
    assert (body["structured"], body["structured_values"]) == (None, [])
    assert (body["generator"], body["degraded"]) == ("extractive", ["generator", "structured"])
    assert body["citations"]


def test_a_model_that_finds_nothing_abstains(asker: httpx.Client, stub: VllmStub) -> None:
    stub.script = reply(None)
    body = asker.post("/v1/answers", json=asked()).json()
    assert (body["abstained"], body["structured"], body["answer"]) == (True, None, ABSTENTION["en"])
    assert body["degraded"] == []


def test_a_stream_tells_the_values_once_all_are_checked(asker: httpx.Client, stub: VllmStub) -> None:
    stub.script = reply(VALUE, 1)
    told = events(asker.post("/v1/answers", json=asked() | {"stream": True}))
    assert [name for name, _ in told] == ["context", "delta", "answer"]
    assert told[1][1]["text"] == told[2][1]["answer"]


@pytest.mark.parametrize(
    ("schema", "place"),
    [
        ({"$ref": "https://evil.example"}, "$ref"),
        ({"type": "string", "pattern": "(a+)+"}, "pattern"),
        ({"type": "nothing"}, "type"),
    ],
)
def test_a_schema_that_cannot_be_used_is_refused_by_its_place(asker: httpx.Client, schema: Any, place: str) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    for path, body in (("/v1/answers", asked(schema)), ("/v1/chat/completions", chat(form))):
        refused = asker.post(path, json=body)
        assert (refused.status_code, refused.json()["type"]) == (422, "urn:openbook:problem:invalid_schema")
        assert place in refused.json()["detail"]


def test_extracts_alone_fit_no_schema(asker: httpx.Client) -> None:
    refused = asker.post("/v1/answers", json=asked(generator="extractive"))
    assert (refused.status_code, refused.json()["type"]) == (422, "urn:openbook:problem:generator_needed")
    assert "OPENBOOK_GENERATOR_URL" in refused.json()["detail"]


@pytest.mark.parametrize("form", [FORM, {"type": "json_object"}])
def test_a_completion_is_the_value_alone(asker: httpx.Client, stub: VllmStub, form: dict[str, Any]) -> None:
    stub.script = reply(VALUE, 1)
    message = asker.post("/v1/chat/completions", json=chat(form)).json()["choices"][0]["message"]
    assert json.loads(message["content"]) == VALUE
    assert {each["openbook"]["label"] for each in message["annotations"]} == {1}
    streamed = asker.post("/v1/chat/completions", json=chat(form, stream=True)).text
    chunks = [json.loads(line[6:]) for line in streamed.splitlines() if line.startswith("data: {")]
    said = "".join(each["choices"][0]["delta"].get("content") or "" for each in chunks)
    assert json.loads(said) == VALUE


def test_a_completion_that_abstains_is_a_refusal(asker: httpx.Client, stub: VllmStub) -> None:
    stub.script = reply(None)
    message = asker.post("/v1/chat/completions", json=chat(FORM)).json()["choices"][0]["message"]
    assert (message["content"], message["refusal"]) == (None, ABSTENTION["en"])


def test_a_completion_that_breaks_the_schema_is_an_error(asker: httpx.Client, stub: VllmStub) -> None:
    stub.script = reply({"degrees": "warm"}, 1)
    failed = asker.post("/v1/chat/completions", json=chat(FORM))
    assert (failed.status_code, failed.json()["type"]) == (503, "urn:openbook:problem:invalid_output")
    assert "retry-after" in failed.headers
    assert '"error"' in asker.post("/v1/chat/completions", json=chat(FORM, stream=True)).text


def test_words_are_still_the_default_of_a_completion(asker: httpx.Client, stub: VllmStub) -> None:
    stub.script = Script(tokens=("Gallium melts at 29.8 degrees Celsius [1].",))
    message = asker.post("/v1/chat/completions", json=chat({"type": "text"})).json()["choices"][0]["message"]
    assert message["content"] == "Gallium melts at 29.8 degrees Celsius [1]."
