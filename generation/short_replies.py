"""Short replies of a model beside the answer itself: in time and in form, or none at all."""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass

from generation.errors import GeneratorUnavailable
from generation.plain_text import without_controls, without_markup
from generation.ports import Completer
from generation.prompts.leaks import gives_away

LONGEST = 400  # characters of a query
_LEAD = re.compile(r"^\s*(?:[-*•]+|[(（]?\d{1,2}[.)）、:：]|#{1,6}(?=\s))\s*")
_AROUND = "\"'“”「」『』` "


@dataclass(frozen=True, slots=True)
class ShortReplies:
    """Whatever asks here goes on without a reply when there is no model, or none that answers in time."""

    completer: Completer | None = None
    timeout_seconds: float = 3.0

    async def to(self, instruction: str, text: str, max_tokens: int, marker: str = "") -> str:
        """The reply, or nothing; never fails. One that gives away the request's mark or its instruction is none."""
        if self.completer is None:
            return ""
        try:
            async with asyncio.timeout(self.timeout_seconds):
                reply = await self.completer.complete(instruction, text, max_tokens)
        except (GeneratorUnavailable, TimeoutError):
            return ""
        return "" if gives_away(reply, marker) else reply


def lines_of(reply: str, most: int) -> list[str]:
    """At most so many lines of a reply, each once, as plain text without bullets, numbers and quotation marks.

    Lines that are too long for a query, or say nothing, are left out.
    """
    return list(dict.fromkeys(_plain(reply)))[:most]


def paragraph_of(reply: str, longest: int) -> str:
    """A reply as one paragraph of plain text, cut at `longest` characters."""
    return " ".join(without_markup(without_controls(reply)).split())[:longest]


def _plain(reply: str) -> Iterator[str]:
    for line in without_markup(without_controls(reply)).splitlines():
        text = _LEAD.sub("", line).strip().strip(_AROUND).strip()
        if len(text) <= LONGEST and any(char.isalnum() for char in text):
            yield text
