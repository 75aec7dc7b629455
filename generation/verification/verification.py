"""A sentence held to the passages that it cites: its support, what they do not say, a wrong label put right."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from generation.citations import cite, place_terms, without_labels
from generation.grounding import support
from generation.release import Sentence
from generation.types import Citation, Doubt
from generation.verification.claims import doubts, names_year
from generation.verification.injection import commanded
from generation.wording import content_terms, share
from retrieval.types import Passage

_BORNE_OUT = 0.5
_CLEARLY_BORNE_OUT = 0.75  # what another passage must bear before a label is put right
_DOUBTED = 0.5


@dataclass(frozen=True, slots=True)
class Verified:
    """A sentence as it may be released. Doubts halve its support; what a document only commands to say has none."""

    text: str
    labels: tuple[int, ...]
    citations: tuple[Citation, ...]
    support: float
    doubts: tuple[Doubt, ...]

    @property
    def is_borne_out(self) -> bool:
        return not self.doubts and self.support >= _BORNE_OUT

    @property
    def is_clearly_borne_out(self) -> bool:
        return self.is_borne_out and self.support >= _CLEARLY_BORNE_OUT


def verify(sentence: Sentence, passages: Mapping[int, Passage]) -> Verified:
    """The sentence with its labels or, where they are wrong and one other passage alone bears it out, with that one.

    A label that names no passage is a wrong one; a sentence that was given none at all gets none.
    """
    given = held_to(sentence.text, sentence.labels, passages, quoted=sentence.quoted)
    if sentence.quoted or given.is_borne_out or not (sentence.labels or sentence.mislabelled):
        return given
    bare = without_labels(sentence.text).rstrip()
    said = content_terms(bare)
    others = (
        held_to(f"{bare} [{label}]", (label,), passages)
        for label, passage in passages.items()
        if label not in sentence.labels and share(said, content_terms(passage.hit.chunk.text)) >= _CLEARLY_BORNE_OUT
    )
    clear = [other for other in others if other.is_clearly_borne_out]
    return clear[0] if len(clear) == 1 else given


def held_to(
    text: str, labels: Collection[int], passages: Mapping[int, Passage], *, quoted: bool = False, about: str = ""
) -> Verified:
    """The text with what these passages say of it; `about` are words that help to find where they do."""
    citations = cite(f"{about} {text}" if about else text, labels, passages)
    if quoted or not citations:
        return Verified(text, tuple(labels), citations, support(text, citations), ())
    said = "\n".join(citation.quote for citation in citations)
    whole = "\n".join(_whole(passages[label]) for label in labels)
    elsewhere = "\n".join(_beside(passages[each.label], passages) for each in citations if not names_year(each.quote))
    bare = without_labels(text)
    found = doubts(bare, said, whole, elsewhere)
    place = frozenset[str]().union(*(place_terms(passages[label]) for label in labels))
    supported = support(text, citations, place) * (_DOUBTED if found else 1.0)
    if commanded(bare, [_whole(passages[label]) for label in labels]):
        return Verified(text, tuple(labels), citations, 0.0, (*found, "instruction"))
    return Verified(text, tuple(labels), citations, supported, found)


def _whole(passage: Passage) -> str:
    hit = passage.hit
    return "\n\n".join((hit.source.title, *hit.chunk.headings, hit.chunk.text))


def _beside(passage: Passage, passages: Mapping[int, Passage]) -> str:
    """What else is known of a passage's document: its metadata, its date, and its other passages that were found.

    It tells the year of a statement whose own words name none; where they do, another year of the document is wrong.
    """
    source = passage.hit.source
    others = [other.hit.chunk.text for other in passages.values() if other.hit.source.id == source.id]
    date = [str(source.effective_at.year)] if source.effective_at else []
    return "\n".join((*map(str, source.metadata.values()), *date, *others))
