"""Retrieval as a tool of the model: it reads what was found and may search again, a bounded number of times.

The call is a line of text, `search: QUERY`, so that any model can make it; all that it can name is the query.
"""

import re
from dataclasses import dataclass

from generation.inquiry.lookup import Finding, Lookup, merged
from generation.language import reply_language
from generation.prompts.marker import new_marker
from generation.prompts.prompts import rounds_prompt
from generation.short_replies import ShortReplies, lines_of
from generation.threads import in_thread
from retrieval.context import CountTokens, pack
from retrieval.errors import RetrievalError

_CONTEXT_TOKENS = 1536
_CALL_TOKENS = 64
_CALL = re.compile(r"^\W*(?:search|搜索)\W{0,3}[:：(（]\s*[\"'“「]?(?P<query>.+?)[\"'”」]?\s*[)）}]?$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class SearchRounds:
    """Searches that a model asks for, with the scope and the filter of the lookup that it is lent."""

    replies: ShortReplies
    count_tokens: CountTokens

    async def find(
        self, question: str, lookup: Lookup, before: list[Finding], rounds: int, k: int
    ) -> list[Finding] | None:
        """What at most `rounds` further searches found; None where the first was never decided on, or failed."""
        found: list[Finding] = []
        try:
            for _ in range(rounds):
                call = await self._call(question, [*before, *found], k)
                if call is None:
                    return found or None
                if not call or call in {each.query for each in (*before, *found)}:
                    break
                found.append(await in_thread(lookup.find, "search", call, k))
        except RetrievalError:
            return found or None
        return found

    async def _call(self, question: str, found: list[Finding], k: int) -> str | None:
        """The query that the model wants searched next, "" where it has enough; None where it does not answer."""
        hits = merged(found, k)
        context = await in_thread(pack, hits, question, _CONTEXT_TOKENS, True, self.count_tokens, k)
        marker = new_marker()
        asked = [each.query for each in found if each.kind != "hypothetical"]
        instruction, text = rounds_prompt(question, asked, context, marker, reply_language(question))
        reply = await self.replies.to(instruction, text, _CALL_TOKENS, marker)
        if not reply.strip():
            return None
        calls = (_CALL.match(line) for line in lines_of(reply, 3))
        return next((call.group("query").strip() for call in calls if call is not None), "")
