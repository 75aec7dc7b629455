"""Questions whose texts are known: headings, what askers liked, and what a language model would ask."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.db.types import LikedQuestion, TrainingChunk
from generation.errors import GeneratorUnavailable
from generation.hypothetical import questions_about
from generation.ports import Completer
from retrieval.tokenizer import terms
from retrieval.types import ChunkId

FEWEST_TERMS = 2  # of a heading that may stand for a question: "Overview" asks for nothing
FEWEST_WORDS = 12  # of a text that may answer one
HELD_BACK = 4  # one document of so many is kept for the comparison
AT_A_TIME = 8  # requests to the language model


@dataclass(frozen=True, slots=True)
class Known:
    """A question, the chunks that answer it, and the document that they stand in.

    `is_heading` says that it is made of the chunks' headings, which must then not be read with them.
    """

    text: str
    chunks: frozenset[ChunkId]
    document: str
    is_heading: bool

    @property
    def is_held_back(self) -> bool:
        return int(hashlib.sha256(self.document.encode()).hexdigest(), 16) % HELD_BACK == 0


def from_headings(chunks: Iterable[TrainingChunk]) -> list[Known]:
    """The title with the innermost heading, where those are words enough and are found once in the collection."""
    sections: dict[tuple[str, tuple[str, ...]], list[TrainingChunk]] = {}
    for chunk in chunks:
        if len(chunk.text.split()) >= FEWEST_WORDS or not chunk.text.isascii():
            sections.setdefault((chunk.document, chunk.headings), []).append(chunk)
    found = [
        Known(_question(headings), frozenset(one.id for one in section), document, is_heading=True)
        for (document, headings), section in sections.items()
        if headings
    ]
    times = Counter(each.text for each in found)
    return [each for each in found if times[each.text] == 1 and len(set(terms(each.text))) >= FEWEST_TERMS]


def _question(headings: tuple[str, ...]) -> str:
    return " ".join(dict.fromkeys((headings[0], headings[-1])))


def from_feedback(liked: Iterable[LikedQuestion], chunks: Sequence[TrainingChunk]) -> list[Known]:
    """Those whose answer cites these chunks; the document is the one of the first that it cites."""
    document_of = {chunk.id: chunk.document for chunk in chunks}
    found: list[Known] = []
    for each in liked:
        cited = sorted(each.chunks & document_of.keys())
        if cited:
            found.append(Known(each.text, frozenset(cited), document_of[cited[0]], False))
    return found


async def asked_by(model: Completer, chunks: Sequence[TrainingChunk]) -> list[Known]:
    """A question for each chunk, as far as the model answers."""
    gate = asyncio.Semaphore(AT_A_TIME)

    async def ask(chunk: TrainingChunk) -> Known | None:
        async with gate:
            try:
                said = await questions_about(model, chunk.headings, chunk.text, chunk.language, 1)
            except GeneratorUnavailable:
                return None
        text = said[0] if said else ""
        return Known(text, frozenset({chunk.id}), chunk.document, False) if len(terms(text)) >= FEWEST_TERMS else None

    asked = await asyncio.gather(*[ask(chunk) for chunk in chunks])
    return [each for each in asked if each is not None]
