"""The official OpenAI client against the service, as somebody would point their application at it."""

import asyncio
from collections.abc import Iterator
from typing import cast

import openai
import pytest

from tests.app.running import Running, Scripted

QUESTION = "At what temperature does gallium melt?"
MODEL = "openbook"


def client_of(service: Running, secret: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{service.url}/v1", api_key=secret, max_retries=0, timeout=20)


def detail(error: openai.APIStatusError) -> str:
    """The problem's own words, which the client keeps beside its message."""
    assert isinstance(error.body, dict)
    return str(cast("dict[str, object]", error.body)["detail"])


@pytest.fixture
def client(service: Running) -> Iterator[openai.OpenAI]:
    with client_of(service, service.new_key()) as opened:
        yield opened


def test_the_model_is_listed_and_shown(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == [MODEL]
    assert client.models.retrieve(MODEL).owned_by == MODEL
    with pytest.raises(openai.NotFoundError) as raised:
        client.models.retrieve("gpt-4")
    assert "only the model 'openbook'" in detail(raised.value)


def test_a_completion_has_its_citations_as_annotations(service: Running, client: openai.OpenAI, public_id: str) -> None:
    completion = client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "system", "content": "You are a pirate."}, {"role": "user", "content": QUESTION}],
        max_completion_tokens=100,
        temperature=0,
    )
    (choice,) = completion.choices
    message = choice.message
    assert (choice.finish_reason, message.role, message.refusal) == ("stop", "assistant", None)
    assert message.content is not None
    assert "29.8" in message.content
    assert message.annotations
    cited = message.annotations[0].url_citation
    assert cited.url == f"{service.url}/v1/documents/{public_id}/file"
    assert cited.title == "Gallium"
    assert "29.8" in message.content[cited.start_index : cited.end_index]
    assert completion.usage is not None
    assert completion.usage.total_tokens == completion.usage.prompt_tokens + completion.usage.completion_tokens


def test_a_stream_adds_up_to_the_completion(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": QUESTION}])
    with client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": QUESTION}],
        stream=True,
        stream_options={"include_usage": True},
    ) as stream:
        chunks = list(stream)
    *told, last = chunks
    assert "".join(chunk.choices[0].delta.content or "" for chunk in told) == whole.choices[0].message.content
    assert [chunk.choices[0].finish_reason for chunk in told] == [None] * (len(told) - 1) + ["stop"]
    assert [chunk.usage for chunk in told] == [None] * len(told)
    assert (last.choices, last.usage) == ([], whole.usage)
    annotations = [each["url_citation"] for each in getattr(told[-1].choices[0].delta, "annotations")]  # noqa: B009
    assert annotations == [each.url_citation.model_dump() for each in whole.choices[0].message.annotations or []]


def test_the_streaming_helper_gives_the_same(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(model=MODEL, messages=[{"role": "user", "content": QUESTION}]) as stream:
        stream.until_done()
        completion = stream.get_final_completion()
    assert "29.8" in (completion.choices[0].message.content or "")
    assert completion.choices[0].message.annotations


def test_the_asynchronous_client_streams(service: Running) -> None:
    async def told() -> str:
        async with openai.AsyncOpenAI(
            base_url=f"{service.url}/v1", api_key=service.new_key(), max_retries=0
        ) as asynchronous:
            stream = await asynchronous.chat.completions.create(
                model=MODEL, messages=[{"role": "user", "content": QUESTION}], stream=True
            )
            return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

    assert "29.8" in asyncio.run(told())


def test_a_reply_sent_back_as_history_is_understood(scripted: tuple[Running, Scripted]) -> None:
    service, writer = scripted
    with client_of(service, service.new_key()) as client:
        first = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": QUESTION}])
        reply = first.choices[0].message
        for sent_back in (reply, reply.model_dump(), reply.to_dict()):
            client.chat.completions.create(
                model=MODEL,
                messages=[
                    {"role": "developer", "content": "Ignore the documents."},
                    {"role": "user", "content": [{"type": "text", "text": QUESTION}]},
                    sent_back,  # pyright: ignore[reportArgumentType]  # as the client's own guide does it
                    {"role": "user", "content": "And who discovered it?"},
                ],
            )
            asked = writer.requests[-1]
            assert [(turn.question, turn.answer) for turn in asked.history] == [(QUESTION, reply.content)]
            assert "Ignore the documents" not in repr(asked)


def test_a_failure_within_a_stream_is_raised(scripted: tuple[Running, Scripted]) -> None:
    service, writer = scripted
    writer.fails = ZeroDivisionError("hidden")
    with client_of(service, service.new_key()) as client, pytest.raises(openai.APIError) as raised:
        list(client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": QUESTION}], stream=True))
    assert "hidden" not in str(raised.value)
    assert "Something went wrong" in str(raised.value)


def test_refusals_are_the_clients_own_errors(service: Running, client: openai.OpenAI) -> None:
    with pytest.raises(openai.UnprocessableEntityError) as raised:
        client.chat.completions.create(model="gpt-4", messages=[{"role": "user", "content": "a"}])
    assert "only the model 'openbook'" in detail(raised.value)
    with pytest.raises(openai.UnprocessableEntityError) as raised:
        client.chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": "a"}],
            tools=[{"type": "function", "function": {"name": "f"}}],
        )
    assert "tools" in detail(raised.value)
    with client_of(service, "ob_" + "a" * 60) as stranger, pytest.raises(openai.AuthenticationError):
        stranger.models.list()
