"""A question in other words: several queries, and a hypothetical answer that is searched as if it were one.

Rackauckas, RAG-Fusion: a New Take on Retrieval-Augmented Generation, 2024; Gao, Ma, Lin and Callan, Precise Zero-Shot
Dense Retrieval without Relevance Labels (HyDE), ACL 2023.
"""

from dataclasses import dataclass

from generation.language import reply_language
from generation.prompts.prompts import hypothetical_prompt, queries_prompt
from generation.short_replies import ShortReplies, lines_of, paragraph_of

_TOKENS_PER_QUERY = 40
_PASSAGE_TOKENS = 128
_PASSAGE_CHARACTERS = 1000


@dataclass(frozen=True, slots=True)
class Expansion:
    """Other words for a question, by a model; nothing where none answers in time."""

    replies: ShortReplies

    async def queries(self, question: str, count: int) -> list[str]:
        """At most `count` other queries for the same."""
        instruction, text = queries_prompt(question, count, reply_language(question))
        reply = await self.replies.to(instruction, text, _TOKENS_PER_QUERY * count)
        return [query for query in lines_of(reply, count + 1) if query != question][:count]

    async def hypothetical(self, question: str) -> list[str]:
        """One passage as it could stand in a document that answers; it is searched and never shown to the writer."""
        instruction, text = hypothetical_prompt(question, reply_language(question))
        passage = paragraph_of(await self.replies.to(instruction, text, _PASSAGE_TOKENS), _PASSAGE_CHARACTERS)
        return [passage] if passage else []
