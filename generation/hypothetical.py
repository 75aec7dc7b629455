"""Questions that a text answers, as a model would ask them: the text is then found by their words too.

Nogueira and Lin, From doc2query to docTTTTTquery, 2019. They are searched with and never shown or quoted.
"""

from collections.abc import Sequence

from generation.ports import Completer
from generation.prompts import questions_prompt
from generation.short_replies import lines_of

_TOKENS_PER_QUESTION = 40


async def questions_about(model: Completer, headings: Sequence[str], text: str, language: str, count: int) -> list[str]:
    """At most `count` different ones; none where the reply has none. Raises GeneratorUnavailable."""
    instruction, shown = questions_prompt(headings, text, count, "zh" if language == "zh" else "en")
    return lines_of(await model.complete(instruction, shown, _TOKENS_PER_QUESTION * count), count)
