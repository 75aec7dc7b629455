import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.errors import GeneratorUnavailable
from generation.model_server.chat_stream import ChatEvent, ChatReader
from generation.types import GeneratedText, Usage


def streamed(tokens: list[str]) -> bytes:
    chunks: list[object] = [{"choices": [{"delta": {"content": token}}]} for token in tokens]
    chunks.append({"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": len(tokens)}})
    return b"".join(b"data: " + json.dumps(one).encode() + b"\r\n\r\n" for one in chunks) + b"data: [DONE]\n\n"


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), max_size=5), st.integers(1, 40))
def test_however_the_bytes_are_cut_they_say_the_same(tokens: list[str], size: int) -> None:
    body = streamed(tokens)
    reader = ChatReader()
    events: list[ChatEvent] = []
    for start in range(0, len(body), size):
        events.extend(reader.feed(body[start : start + size]))
    assert events == [*map(GeneratedText, tokens), Usage(5, len(tokens))]
    assert reader.done


@given(st.binary(max_size=200))
def test_whatever_comes_is_read_or_refused(received: bytes) -> None:
    reader = ChatReader()
    try:
        events = reader.feed(received)
    except GeneratorUnavailable:
        return
    assert events == [] or b"choices" in received


def test_nothing_after_done_counts() -> None:
    reader = ChatReader()
    assert reader.feed(b"data: [DONE]\n\n" + streamed(["late"])) == []


@pytest.mark.parametrize(
    "usage", ['{"prompt_tokens":-1}', '{"prompt_tokens":1e99}', '{"prompt_tokens":"7"}', "[]", "7"]
)
def test_counts_that_make_no_sense_are_none(usage: str) -> None:
    events = ChatReader().feed(b'data: {"choices":[],"usage":' + usage.encode() + b"}\n")
    assert events in ([], [Usage(0, 0)])


def test_only_the_first_choice_is_heard() -> None:
    body = b'data: {"choices":[{"delta":{"content":"a"}},{"delta":{"content":"b"}}]}\n'
    assert ChatReader().feed(body) == [GeneratedText("a")]
