"""Documents that a question calls by their name: who names one wants that one, and not those that speak of the same."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TypeAlias

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
FURTHER = 4
"""Chunks of a document, after its best one, that tell how much is found of it: with 2 or 9 hardly anything differs."""

_BEGINS = 4  # letters at least that a name goes on for after a word which it begins with
_RUN = re.compile(r"\b[A-Za-z]{2,}\b(?:[ -][A-Za-z]{2,}\b)+")
_CAPITALISED = re.compile(r"\b[A-Z][A-Za-z]{2,}\b")
_LEGAL_FORMS = frozenset(terms("company corp corporation inc incorporated limited llc ltd plc"))

_Words: TypeAlias = frozenset[str]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A found chunk: its document, that one's title, and the fused score."""

    document: str
    title: str
    score: float


def gains(query: str, candidates: Sequence[Candidate]) -> list[float]:
    """For each candidate what it gains.

    It is `NAMED` where all terms of its document's title but function words stand in the query. Where the query has a
    number that one of the titles has, it is `NUMBERED` times the squared share, of the query's words that some title is
    called by, that call this one, if that is more: the report of the year asked for gains more than those of other
    years or companies. There, of documents that the same words call, those of which less is found gain as much less.
    """
    said = frozenset(significant(terms(query)))
    said |= _joined(query, said)
    names = {one.title: _name(one.title) for one in candidates}
    whole = {title: NAMED if name and name <= said else 0.0 for title, name in names.items()}
    beginnings = _beginnings(query, said)
    calling = {title: _calling(name, said, beginnings) for title, name in names.items()}
    telling = frozenset[str]().union(*calling.values())
    if not any(character.isdigit() for word in telling for character in word):
        return [whole[one.title] for one in candidates]
    behind = _behind(candidates, [calling[one.title] for one in candidates])
    return [
        max(whole[one.title], NUMBERED * (len(calling[one.title]) / len(telling)) ** 2 - less)
        for one, less in zip(candidates, behind, strict=True)
    ]


def _calling(name: _Words, said: _Words, beginnings: Mapping[str, str]) -> _Words:
    """The query's words that stand in the name or begin one of its own: `MGMRESORTS` is called by MGM."""
    begun = {
        word
        for word, beginning in beginnings.items()
        if any(term.startswith(beginning) and len(term) >= len(beginning) + _BEGINS for term in name)
    }
    return (name & said | begun) - _LEGAL_FORMS


def _behind(candidates: Sequence[Candidate], calling: Sequence[_Words]) -> list[float]:
    """How much less is found of each one's document than of the one that two or more of the same words call."""
    least = min(one.score for one in candidates)
    scores: dict[tuple[_Words, str], list[float]] = {}
    for one, words in zip(candidates, calling, strict=True):
        scores.setdefault((words, one.document), []).append(one.score - least)
    found = {key: sum(sorted(each, reverse=True)[1 : 1 + FURTHER]) / FURTHER for key, each in scores.items()}
    most: dict[_Words, float] = {}
    for (words, _), amount in found.items():
        most[words] = max(amount, most.get(words, 0.0))
    return [
        most[words] - found[words, one.document] if len(words) > 1 else 0.0
        for one, words in zip(candidates, calling, strict=True)
    ]


def _beginnings(query: str, said: _Words) -> dict[str, str]:
    """The capitalised words of the query, by their terms: who names something often gives the first part alone."""
    words = {term: word.lower() for word in _CAPITALISED.findall(query) for term in terms(word)}
    return {term: word for term, word in words.items() if term in said}


def _joined(query: str, said: _Words) -> _Words:
    """Each two and three words that follow one another as one, as names of files have them: `GENERALMILLS`."""
    runs = [re.split("[ -]", run) for run in _RUN.findall(query)]
    found = [parts for words in runs for parts in (*pairwise(words), *zip(words, words[1:], words[2:], strict=False))]
    joined = ["".join(parts).lower() for parts in found if said.issuperset(terms(" ".join(parts)))]
    return frozenset(terms(" ".join(joined)))


@lru_cache(maxsize=4096)
def _name(title: str) -> _Words:
    """Each search reads up to fifty of them, and mostly the same ones."""
    return frozenset(significant(terms(title)))
