"""Questions that a text answers, as a model would ask them: the text is then found by their words too.

Nogueira and Lin, From doc2query to docTTTTTquery, 2019. They are searched with and never shown or quoted.
"""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from generation.errors import GeneratorUnavailable
from generation.ports import Completer
from generation.prompts.prompts import questions_prompt
from generation.short_replies import lines_of

AT_A_TIME = 8  # requests to the model: those who wait for answers have the rest of it
_TOKENS_PER_QUESTION = 40


class AskedAbout(Protocol):
    """A text with the headings that it stands under."""

    @property
    def headings(self) -> tuple[str, ...]: ...
    @property
    def text(self) -> str: ...
    @property
    def language(self) -> str: ...


async def questions_about(model: Completer, texts: Sequence[AskedAbout], count: int) -> list[list[str] | None]:
    """At most `count` different ones about each text; none where the reply has none, None where the model failed."""
    gate = asyncio.Semaphore(AT_A_TIME)

    async def ask(asked: AskedAbout) -> list[str] | None:
        language = "zh" if asked.language == "zh" else "en"
        instruction, shown = questions_prompt(asked.headings, asked.text, count, language)
        async with gate:
            try:
                return lines_of(await model.complete(instruction, shown, _TOKENS_PER_QUESTION * count), count)
            except GeneratorUnavailable:
                return None

    return await asyncio.gather(*[ask(each) for each in texts])
