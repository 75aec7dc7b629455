"""Questions whose texts are known: headings, links, what askers liked, and what a language model would ask."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from app.db.types import LikedQuestion, TrainingChunk
from generation.hypothetical import questions_about
from generation.ports import Completer
from retrieval.links import linkable, whole_title
from retrieval.tokenizer import significant, terms
from retrieval.types import ChunkId

FEWEST_TERMS = 2  # of a heading that may stand for a question: "Overview" asks for nothing
FEWEST_WORDS = 12  # of a text that may answer one
HELD_BACK = 4  # one document of so many is kept for the comparison
MOST_LINKS = 3  # sentences that name one document
LONGEST_SENTENCE = 300  # characters


@dataclass(frozen=True, slots=True)
class Known:
    """A question, the chunks that answer it, and the document that they stand in.

    `is_heading` says that it has the words of the chunks' headings, which must then not be read with them.
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


def from_links(chunks: Iterable[TrainingChunk]) -> list[Known]:
    """Sentences that name another document by its title, as it is written, for the text at that document's head.

    A title that several documents have names none of them, and a document is asked for by `MOST_LINKS` sentences.
    """
    given = list(chunks)
    heads: dict[str, TrainingChunk] = {}
    for chunk in given:
        heads.setdefault(chunk.document, chunk)
    titles = {chunk.document: linkable("".join(chunk.headings[:1])) for chunk in heads.values()}
    times = Counter(titles.values())
    targets = [heads[document] for document, title in titles.items() if title and times[title] == 1]
    naming = _Naming(given)
    return [
        Known(sentence, frozenset({target.id}), target.document, is_heading=True)
        for target in targets
        for sentence in naming.sentences(titles[target.document], target.document)
    ]


class _Naming:
    """Sentences by the titles that they may hold, so that not every title is looked for in every text."""

    def __init__(self, chunks: Iterable[TrainingChunk]) -> None:
        self._by_term: dict[str, list[tuple[str, str]]] = {}
        for chunk in chunks:
            for start, end in chunk.sentences:
                sentence = chunk.text[start:end].strip()
                if len(sentence) <= LONGEST_SENTENCE:
                    for term in set(terms(sentence)):
                        self._by_term.setdefault(term, []).append((chunk.document, sentence))

    def sentences(self, title: str, document: str) -> list[str]:
        """The first of other documents that say more than the title itself, each once."""
        known = set(terms(title))
        if not known:
            return []
        rarest = min((self._by_term.get(term, []) for term in known), key=len)
        whole = whole_title(title)
        naming = (
            sentence
            for owner, sentence in rarest
            if owner != document
            and whole.search(sentence)
            and len(set(significant(terms(sentence))) - known) >= FEWEST_TERMS
        )
        return list(islice(dict.fromkeys(naming), MOST_LINKS))


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
    asked = await questions_about(model, chunks, 1)
    return [
        Known(text, frozenset({chunk.id}), chunk.document, False)
        for chunk, questions in zip(chunks, asked, strict=True)
        for text in questions or ()
        if len(terms(text)) >= FEWEST_TERMS
    ]
