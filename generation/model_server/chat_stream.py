"""Reads the server-sent events of OpenAI's chat completions; whatever is not one of them is an error, never text."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias, cast

import orjson

from generation.errors import GeneratorUnavailable
from generation.types import GeneratedText, Usage

LINE_BYTES = 64 * 1024
_PASSED_OVER = (b":", b"event:", b"id:", b"retry:")


@dataclass(frozen=True, slots=True)
class Cut:
    """The text ends at a limit, and not where the model ended it."""


ChatEvent: TypeAlias = GeneratedText | Usage | Cut


class ChatReader:
    """Bytes as they come → what they say. An error chunk or garbage raises GeneratorUnavailable.

    A [DONE] after an error chunk is never reached: a vLLM whose engine was killed sends both.
    """

    def __init__(self) -> None:
        self._pending = b""
        self.done = False

    def feed(self, received: bytes) -> list[ChatEvent]:
        """The events that these bytes complete; nothing after [DONE] counts."""
        *lines, self._pending = (self._pending + received).split(b"\n")  # other line ends may stand inside JSON
        if len(self._pending) > LINE_BYTES:
            raise GeneratorUnavailable("the model server sent a line without end")
        events: list[ChatEvent] = []
        for line in lines:
            if not self.done:
                events.extend(self._of_line(line.rstrip(b"\r")))
        return events

    def _of_line(self, line: bytes) -> Iterator[ChatEvent]:
        if not line or line.startswith(_PASSED_OVER):
            return
        if not line.startswith(b"data:"):
            raise GeneratorUnavailable("the model server sent a line that is no event")
        payload = line.removeprefix(b"data:").strip()
        if payload == b"[DONE]":
            self.done = True
        else:
            yield from _events(payload)


def _events(payload: bytes) -> Iterator[ChatEvent]:
    try:
        chunk = _table(orjson.loads(payload))
    except ValueError as error:  # no JSON, no UTF-8, half a surrogate pair
        raise GeneratorUnavailable("the model server sent what is no JSON") from error
    choices = chunk.get("choices")
    if chunk.get("error") is not None or not isinstance(choices, list):
        raise GeneratorUnavailable("the model server reported an error within its stream")
    for choice in cast(list[object], choices)[:1]:
        text = _table(_table(choice).get("delta")).get("content")
        if _table(choice).get("finish_reason") in {"error", "abort"}:
            raise GeneratorUnavailable("the model server gave up")
        if isinstance(text, str) and text:
            yield GeneratedText(text)
        if _table(choice).get("finish_reason") == "length":
            yield Cut()
    if usage := _table(chunk.get("usage")):
        yield Usage(_count(usage, "prompt_tokens"), _count(usage, "completion_tokens"))


def _table(value: object) -> dict[str, object]:
    """A JSON object, or an empty one where something else stands."""
    return cast(dict[str, object], value) if isinstance(value, dict) else {}


def _count(usage: dict[str, object], name: str) -> int:
    value = usage.get(name)
    return value if isinstance(value, int) and 0 <= value < 2**31 else 0
