"""What indexes have in common: what fields weigh, and the order of results: best first, ties by id."""

import numpy as np
from numpy.typing import NDArray

from retrieval.types import ChunkId, ChunkIds, Scored

TITLE_WEIGHT = 0.6
"""Against the text's; the same words in each chunk of a document would count for little among the text's own.

nDCG@10 by terms alone, title among the text / weight .5 / .6 / 1: .773 / .803 / .809 / .785 on anthropic_docs, .796 /
.829 / .830 / .837 on hotpotqa, .691 / .691 / .687 / .673 on SciFact. Of FinanceBench's questions .750 / .813 / .844
have the right document first at .5 / .6 / 1.
"""
QUESTIONS_WEIGHT = 0.1
"""Against the text's, of the questions that a language model says a chunk answers.

nDCG@10 on half of xquad_en without them / at .1 / .25 / .5: .979 / .982 / .980 / .977 by terms alone, and .989 / .988 /
.988 / .986 hybrid.
"""
TIE = 3e-6  # of the best score; sums of 32-bit floats in another order differ by less


def best(ids: ChunkIds, scores: NDArray[np.floating], k: int) -> list[Scored]:
    """At most k of the candidates; neighbours closer than `TIE` are one tie, at its highest score.

    Engines add up the same numbers in different orders, so equal chunks differ in the last bits of a float.
    """
    if k <= 0 or not len(ids):
        return []
    tolerance = TIE * float(np.abs(scores).max())
    order = np.argsort(-scores, kind="stable")
    ids, scores = ids[order], scores[order]
    starts = np.concatenate(([True], scores[:-1] - scores[1:] > tolerance))
    tie = np.cumsum(starts) - 1
    top = scores[starts][tie]
    order = np.lexsort((ids, tie))[:k]
    return [Scored(ChunkId(int(ids[i])), float(top[i])) for i in order]
