"""A compound question → steps, each searched by itself; a step may rest on what an earlier one found.

Zhou et al., Least-to-Most Prompting Enables Complex Reasoning in Large Language Models, ICLR 2023. Here the model
breaks the question up and names what it looked up; the answer itself is written from the passages of all steps.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from generation.inquiry.lookup import Finding, Lookup
from generation.language import reply_language
from generation.prompts.marker import new_marker
from generation.prompts.prompts import step_prompt, steps_prompt
from generation.short_replies import ShortReplies, lines_of
from generation.threads import in_thread
from generation.wording import content_terms
from retrieval.context import CountTokens, pack
from retrieval.errors import RetrievalError

STEPS = 4  # of one question
_STEPS_TOKENS = 160
_ANSWER_TOKENS = 32
_ANSWER_CHARACTERS = 100
_PASSAGES = 5  # that a step is answered from
_CONTEXT_TOKENS = 1024
_REFERENCE = re.compile(r"#([1-9])(?!\d)")


@dataclass(frozen=True, slots=True)
class Decomposition:
    """Steps of a question, by a model; none where it does not answer in time or finds nothing to break up."""

    replies: ShortReplies
    count_tokens: CountTokens

    async def find(self, question: str, lookup: Lookup, k: int) -> list[Finding] | None:
        """What each step found, in order, until a search fails; None where no model answered or none was found."""
        instruction, text = steps_prompt(question, STEPS, reply_language(question))
        reply = await self.replies.to(instruction, text, _STEPS_TOKENS)
        steps = lines_of(reply, STEPS)
        if not steps:
            return None
        found: list[Finding] = []
        for number, step in enumerate(steps, start=1):
            query = _resolved(step, found)
            if query == question:
                continue
            try:
                finding = await in_thread(lookup.find, "step", query, k)
                needed = any(f"#{number}" in later for later in steps[number:])
                found.append(await self._answered(finding) if needed else finding)
            except RetrievalError:
                return found or None
        return found

    async def _answered(self, finding: Finding) -> Finding:
        """The finding with its answer in a few words, unless its passages do not hold it."""
        context = pack(
            finding.result.hits,
            finding.query,
            _CONTEXT_TOKENS,
            compress=True,
            count_tokens=self.count_tokens,
            most=_PASSAGES,
        )
        marker = new_marker()
        instruction, text = step_prompt(finding.query, context, marker, reply_language(finding.query))
        reply = await self.replies.to(instruction, text, _ANSWER_TOKENS, marker)
        answer = next(iter(lines_of(reply, 1)), "")
        held = content_terms("\n".join(f"{each.hit.source.title}\n{each.text}" for each in context.passages))
        wanted = content_terms(answer)
        fits = wanted and wanted <= held and len(answer) <= _ANSWER_CHARACTERS
        return replace(finding, answer=answer.rstrip(".。") if fits else "")


def _resolved(step: str, found: Sequence[Finding]) -> str:
    """The step with earlier answers, or in want of one the earlier question, in place of #1, #2, ..."""

    def earlier(reference: re.Match[str]) -> str:
        place = int(reference.group(1)) - 1
        return (found[place].answer or found[place].query) if place < len(found) else ""

    return _REFERENCE.sub(earlier, step)
