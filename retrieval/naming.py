"""Documents that a question calls by their name: who names one wants that one, and not those that speak of the same."""

import re
from collections.abc import Iterable
from functools import lru_cache

from retrieval.tokenizer import significant, terms

NAMED = 0.1
"""What a named document's chunks gain, beside fused scores of 0 to 1.

Hybrid nDCG@10 without / .05 / .1 / .2: .830 / .832 / .834 / .805 on anthropic_docs, .860 / .869 / .873 / .881 on
hotpotqa, .733 on SciFact and .988 on xquad_en with all four; by terms alone hotpotqa .832 / .844 / .851 / .859.
"""
NUMBERED = 0.2
"""What they gain at most where titles tell documents apart by numbers, as reports by their years.

FinanceBench, right document first without / .1 / .2 / .3: .719 / .813 / .906 / .906. Hybrid nDCG@10 without / with:
.834 / .834 on anthropic_docs, .873 / .873 on hotpotqa.
"""

_PAIRS = re.compile(r"(?=\b([A-Za-z]{2,}) ([A-Za-z]{2,})\b)")


def gains(query: str, titles: Iterable[str]) -> list[float]:
    """For each title what its chunks gain.

    It is `NAMED` where all of its terms but function words stand in the query. Where the query has a number that one of
    the titles has, it is `NUMBERED` times the squared share, of the query's terms that stand in any title, that stand
    in this one, if that is more: the report of the year asked for gains more than those of other years or companies.
    """
    said = frozenset(significant(terms(query)))
    said |= _joined(query, said)
    names = list(map(_name, titles))
    telling = said & frozenset().union(*names)
    if not any(character.isdigit() for term in telling for character in term):
        return [_whole(name, said) for name in names]
    return [max(_whole(name, said), NUMBERED * (len(name & telling) / len(telling)) ** 2) for name in names]


def _whole(name: frozenset[str], said: frozenset[str]) -> float:
    return NAMED if name and name <= said else 0.0


def _joined(query: str, said: frozenset[str]) -> frozenset[str]:
    """Each two words that follow one another as one, which is how names of files have them: `GENERALMILLS`."""
    pairs = [pair for pair in _PAIRS.findall(query) if said.issuperset(terms(" ".join(pair)))]
    return frozenset(terms(" ".join((first + second).lower() for first, second in pairs)))


@lru_cache(maxsize=4096)
def _name(title: str) -> frozenset[str]:
    """Each search reads up to fifty of them, and mostly the same ones."""
    return frozenset(significant(terms(title)))
