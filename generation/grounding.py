"""How well the documents bear an answer: the evidence before one is written, the support of each sentence after."""

from collections.abc import Sequence

import numpy as np

from generation.citations import without_labels
from generation.types import Citation
from generation.wording import content_terms, numbers, share
from retrieval.types import Hit, Vector

# Chosen and measured on the same questions (packaged MiniLM, four English sets). At .48 at most .047 of a set's own are
# refused, and .95-1.0 of another set's; but only .77 and .52 where two sets share topics with hotpotqa's corpus.
_DENSE_WEIGHT = 0.6
# Puts a share of .40 at .48. Terms alone part less well: of four Chinese sets 0, 0, .016 and .152 of their own are
# refused, and of the foreign .54-.98, .86 in the mean.
_TERMS_ALONE = 1.2
_MISSING_NUMBER = 0.5


def evidence(question: str, query_vector: Vector | None, hits: Sequence[Hit]) -> float:
    """How likely the hits answer the question, 0..1: the best sentence's similarity and the best share of its terms.

    Without a query vector, or in a language that the embedder does not know (pass None), terms decide alone.
    """
    if not hits:
        return 0.0
    wanted = content_terms(question)
    held = max(share(wanted, content_terms(" ".join((*hit.chunk.headings, hit.chunk.text)))) for hit in hits)
    if query_vector is None:
        return min(1.0, _TERMS_ALONE * held)
    nearest = max(best_similarity(hit, query_vector) for hit in hits)
    if not wanted:
        return nearest
    return _DENSE_WEIGHT * nearest + (1 - _DENSE_WEIGHT) * held


def best_similarity(hit: Hit, query_vector: Vector) -> float:
    """The similarity of the hit's nearest sentence, at least 0; a vector that is not finite counts as none."""
    similarities = sentence_similarities(hit, query_vector)
    return max(0.0, min(1.0, float(similarities.max()))) if similarities.size else 0.0


def sentence_similarities(hit: Hit, query_vector: Vector) -> Vector:
    """One similarity per sentence vector of the hit, in order."""
    if not hit.sentence_vectors.size:
        return np.zeros(0, dtype=np.float32)
    return np.nan_to_num(hit.sentence_vectors.astype(np.float32) @ query_vector)


def support(sentence: str, citations: Sequence[Citation]) -> float:
    """The share of the sentence's terms that its quotes hold, 0..1; a number that no quote holds halves it."""
    if not citations:
        return 0.0
    said = without_labels(sentence)
    quoted = " ".join(citation.quote for citation in citations)
    wanted, figures = content_terms(said), numbers(said)
    if not wanted and not figures:
        return 1.0 if said.strip() and said.strip() in quoted else 0.0
    held = share(wanted | figures, content_terms(quoted) | numbers(quoted))
    return held if figures <= numbers(quoted) else held * _MISSING_NUMBER
