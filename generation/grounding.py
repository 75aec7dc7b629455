"""How well the documents bear an answer: the evidence before one is written, the support of each sentence after."""

from collections.abc import Mapping, Sequence

from generation.citations import without_labels
from generation.types import Citation
from generation.wording import asked_about, content_terms, names, numbers
from retrieval.types import Hit

# Chosen and measured on the same questions. At .45 (packaged MiniLM) seven English sets refuse .025 of their own and
# .978 of another set's, each set counting alike. docs/benchmarks.md has them all.
_DENSE_WEIGHT = 0.7
_TERMS_ALONE = 1.125  # puts a share of .40 at .45; terms alone part less well
_NAME_WEIGHT = 2  # of a name or a number among the question's terms; 3 is no better

SCALE = 4
"""Of the evidence: it counts up when the score changes, so that thresholds found before are not used."""


def evidence(question: str, hits: Sequence[Hit]) -> float:
    """How likely the hits answer the question, 0..1: of one of them, its similarity and its share of the terms.

    In its similarity the best sentence and all of the text count alike: what answers stands among what is near, too.
    Names and numbers count as two terms: a text that is near and speaks of others does not answer. What the question
    asks by, as «how long», is not missed. Of hits without similarities terms decide alone.
    """
    weights = _weights(question)
    return max((_of_hit(weights, hit) for hit in hits), default=0.0)


def _of_hit(weights: Mapping[str, int], hit: Hit) -> float:
    terms = content_terms(" ".join((*hit.chunk.headings, hit.chunk.text)))
    held = sum(weight for term, weight in weights.items() if term in terms) / max(1, sum(weights.values()))
    if hit.similarities is None:
        return min(1.0, _TERMS_ALONE * held)
    near = _nearness(hit)
    return _DENSE_WEIGHT * near + (1 - _DENSE_WEIGHT) * held if weights else near


def _nearness(hit: Hit) -> float:
    """The mean of both similarities; where no dense search was made, the sentence's."""
    best = best_similarity(hit)
    return best if hit.scores.dense is None else (best + max(0.0, min(1.0, hit.scores.dense))) / 2


def _weights(question: str) -> Mapping[str, int]:
    named = names(question)
    return {term: _NAME_WEIGHT if term in named else 1 for term in asked_about(question)}


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
