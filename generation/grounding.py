"""How well the documents bear an answer: the evidence before one is written, the support of each sentence after."""

from collections.abc import Sequence

from generation.citations import without_labels
from generation.types import Citation
from generation.wording import content_terms, numbers, share
from retrieval.types import Hit

# Chosen and measured on the same questions (packaged MiniLM, four English sets). At .48 at most .047 of a set's own are
# refused, and .95-1.0 of another set's; but only .77 and .52 where two sets share topics with hotpotqa's corpus.
_DENSE_WEIGHT = 0.6
# Puts a share of .40 at .48. Terms alone part less well: of four Chinese sets 0, 0, .016 and .152 of their own are
# refused, and of the foreign .54-.98, .86 in the mean.
_TERMS_ALONE = 1.2

SCALE = 1
"""Of the evidence: it counts up when the score changes, so that thresholds found before are not used."""


def evidence(question: str, hits: Sequence[Hit]) -> float:
    """How likely the hits answer the question, 0..1: the best sentence's similarity and the best share of its terms.

    Of hits without similarities terms decide alone.
    """
    wanted = content_terms(question)
    shares = [share(wanted, content_terms(" ".join((*hit.chunk.headings, hit.chunk.text)))) for hit in hits]
    by_terms = [held for hit, held in zip(hits, shares, strict=True) if hit.similarities is None]
    alone = min(1.0, _TERMS_ALONE * max(by_terms, default=0.0))
    if len(by_terms) == len(hits):
        return alone
    nearest = max(best_similarity(hit) for hit in hits)
    if not wanted:
        return nearest
    return max(alone, _DENSE_WEIGHT * nearest + (1 - _DENSE_WEIGHT) * max(shares))


def best_similarity(hit: Hit) -> float:
    """The similarity of the hit's nearest sentence, at least 0."""
    if hit.similarities is None or not hit.similarities.size:
        return 0.0
    return max(0.0, min(1.0, float(hit.similarities.max())))


def support(sentence: str, citations: Sequence[Citation], place: frozenset[str] = frozenset()) -> float:
    """The share of the sentence's terms and numbers that its quotes hold, 0..1.

    Terms that only the `place` of the quotes holds, titles and headings, count too, but never for more than the quotes.
    """
    if not citations:
        return 0.0
    said = without_labels(sentence)
    quoted = " ".join(citation.quote for citation in citations)
    wanted, figures = content_terms(said), numbers(said)
    if not wanted and not figures:
        return 1.0 if said.strip() and said.strip() in quoted else 0.0
    said_of_all = wanted | figures
    by_quotes = said_of_all & (content_terms(quoted) | numbers(quoted))
    by_place = (said_of_all & place) - by_quotes
    return (len(by_quotes) + min(len(by_place), len(by_quotes))) / len(said_of_all)
