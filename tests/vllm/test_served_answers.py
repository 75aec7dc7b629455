"""Answers of a real model through the service."""

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import httpx
import openai
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionMessageParam

from tests import leavers
from tests.app.running import Running, events, eventually
from tests.vllm.server import ADAPTERS, MODEL, SEQUENCES, VllmServer
from tests.vllm.tiny_model import SENTENCE

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(900)]
QUESTION = "At how many degrees does gallium melt?"
SAID = "".join(SENTENCE[:-1])
CUT = ["length"]
"""What is told of an answer of this model, which says its sentence again until `max_tokens` cuts it."""
HITS = "openbook_generator_prefix_cache_hits_total"


def asked(max_tokens: int = 2 * len(SENTENCE), **more: Any) -> dict[str, Any]:
    return {"question": QUESTION, "options": {"max_tokens": max_tokens}, **more}


def client(service: Running) -> httpx.Client:
    return httpx.Client(
        base_url=service.url, headers={"Authorization": f"Bearer {service.admin_secret}"}, timeout=600, trust_env=False
    )


def figures(service: Running) -> dict[str, float]:
    with client(service) as asker:
        lines = [line for line in asker.get("/metrics").text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_an_answer_streams_sentence_by_sentence_with_its_citation(vllm: VllmServer, service: Running) -> None:
    with client(service) as asker, asker.stream("POST", "/v1/answers", json=asked(stream=True)) as reply:
        told = events(reply)
    assert [name for name, _ in told] == ["context", "delta", "delta", "answer"]
    answer = told[-1][1]
    assert (answer["generator"], answer["degraded"], answer["abstained"]) == (MODEL, CUT, False)
    assert answer["answer"] == f"{SAID}\n{SAID}"
    assert answer["citations"][0]["quote"] == "Gallium melts at thirty degrees Celsius."
    assert answer["usage"]["completion_tokens"] == 2 * len(SENTENCE)
    assert answer["usage"]["prompt_tokens"] > 100


def test_a_clients_own_schema_is_kept_and_its_value_is_cited(vllm: VllmServer, service: Running) -> None:
    schema = {
        "type": "object",
        "properties": {"melts at degrees": {"enum": [30]}},
        "required": ["melts at degrees"],
        "additionalProperties": False,
    }
    body = asked(400)
    body["options"]["json_schema"] = schema
    with client(service) as asker:
        reply = asker.post("/v1/answers", json=body)
    assert reply.status_code == 200, reply.text
    answer = reply.json()
    assert (answer["generator"], answer["degraded"], answer["structured"]) == (MODEL, [], {"melts at degrees": 30})
    (value,) = answer["structured_values"]
    assert (value["path"], value["labels"], value["doubts"]) == ("/melts at degrees", [1], [])
    assert "thirty degrees Celsius" in answer["citations"][0]["quote"]


def test_the_official_openai_client_gets_the_same_whole_and_in_chunks(vllm: VllmServer, service: Running) -> None:
    """With a system message, which rules nothing, and with what was said before, which the model is shown."""
    with openai.OpenAI(base_url=f"{service.url}/v1", api_key=service.admin_secret, max_retries=0) as asker:

        def whole(*messages: ChatCompletionMessageParam) -> ChatCompletion:
            return asker.chat.completions.create(
                model="openbook", messages=messages, max_tokens=2 * len(SENTENCE), temperature=0
            )

        said: list[ChatCompletionMessageParam] = [
            {"role": "system", "content": "You are a pirate."},
            {"role": "user", "content": QUESTION},
        ]
        first = whole(*said)
        said.append({"role": "assistant", "content": first.choices[0].message.content})
        said.append({"role": "user", "content": "And in kelvins?"})
        second = whole(*said)
        with asker.chat.completions.create(
            model="openbook",
            messages=said,
            max_tokens=2 * len(SENTENCE),
            temperature=0,
            stream=True,
            stream_options={"include_usage": True},
        ) as stream:
            *chunks, last = list(stream)
    (choice,) = second.choices
    assert (choice.message.content, choice.finish_reason) == (f"{SAID}\n{SAID}", "length")
    assert choice.message.annotations
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == choice.message.content
    assert chunks[-1].choices[0].finish_reason == "length"
    assert first.usage and second.usage and last.usage  # noqa: PT018
    assert second.usage.completion_tokens == last.usage.completion_tokens == 2 * len(SENTENCE)
    assert second.usage.prompt_tokens > first.usage.prompt_tokens + 2 * len(SENTENCE)


def test_clients_that_leave_end_the_servers_work(vllm: VllmServer, service: Running) -> None:
    with ExitStack() as crowd:
        for _ in range(SEQUENCES):
            crowd.enter_context(
                leavers.begin(service.host, service.port, f"Bearer {service.admin_secret}", asked(4000))
            )
        assert eventually(lambda: vllm.requests("running") > SEQUENCES / 2, 600)
    assert eventually(lambda: vllm.requests("running") + vllm.requests("waiting") == 0, 120)


def test_a_collections_adapter_writes_its_answers(vllm: VllmServer, service: Running) -> None:
    brief, _ = ADAPTERS
    path = "/v1/admin/collections/default"
    with client(service) as asker:
        refused = asker.patch(path, json={"adapter": "poetry"})
        assert (refused.status_code, refused.json()["detail"]) == (
            422,
            f"poetry: the model's server has {', '.join(sorted(ADAPTERS))}.",
        )
        assert asker.patch(path, json={"adapter": brief}).status_code == 200
        answer = asker.post("/v1/answers", json=asked(500)).json()
        assert (answer["generator"], answer["answer"], answer["degraded"]) == (brief, SAID, [])
        assert asker.patch(path, json={"adapter": None}).status_code == 200
        assert asker.post("/v1/answers", json=asked()).json()["generator"] == MODEL


def test_as_many_askers_as_the_server_takes_at_once_are_all_answered(vllm: VllmServer, service: Running) -> None:
    def ask(_: int) -> dict[str, Any]:
        with client(service) as asker:
            reply = asker.post("/v1/answers", json=asked())
        assert reply.status_code == 200, reply.text
        return reply.json()

    with ThreadPoolExecutor(SEQUENCES) as pool:
        answers = list(pool.map(ask, range(SEQUENCES)))
    assert {(each["generator"], json.dumps(each["degraded"]), each["answer"]) for each in answers} == {
        (MODEL, json.dumps(CUT), f"{SAID}\n{SAID}")
    }


def test_the_servers_figures_stand_among_our_own(vllm: VllmServer, service: Running) -> None:
    written = "openbook_generator_tokens_total"
    before = figures(service)[written]
    with client(service) as asker:
        assert asker.post("/v1/answers", json=asked()).json()["degraded"] == CUT
    assert eventually(lambda: figures(service)[written] > before)
    after = figures(service)
    assert after["openbook_generator_up"] == 1
    for name in ("first_token_seconds", "seconds_per_token"):
        assert after[f"openbook_generator_{name}_count"] > 0
        assert after[f"openbook_generator_{name}_sum"] > 0
    assert after["openbook_generator_requests_running"] == 0


def test_rules_are_read_once_for_all_and_each_turn_of_a_conversation_once(vllm: VllmServer, service: Running) -> None:
    with client(service) as asker:
        conversation = asker.post("/v1/conversations", json={}).json()["id"]

        def hits() -> float:
            """Tokens of the next turn's prompt that the server had read before."""
            before = figures(service)[HITS]
            answer = asker.post("/v1/answers", json=asked(200, conversation_id=conversation)).json()
            assert answer["generator"] == MODEL
            return figures(service)[HITS] - before

        _, second, third, fourth = hits(), hits(), hits(), hits()
    assert 100 < second < third < fourth
