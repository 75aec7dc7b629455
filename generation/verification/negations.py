"""Whether a sentence denies what its source affirms, or the other way round."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from generation.language import HAN
from generation.wording import content_terms

_NEGATING = (
    "not no never none nor neither without cannot unable fail fails failed failing refuse refused refuses deny denied "
    "denies lack lacks lacked prevent prevented prohibit prohibited hardly barely rarely"
)
_NEGATORS = frozenset(_NEGATING.split())
_WORD = re.compile(r"[A-Za-z]+(?:['’][A-Za-z]+)?|\d+(?:[.,]\d+)*")
_NEGATOR_ZH = re.compile(
    "没有|未能|未曾|尚未|并未|并非|不是|不再|不会|不能|无法|无需|无须|拒绝|禁止|不得|不应|不可(?!或缺|抗)|不需|不予|未(?![来必知婚满成])|"
    "没(?!收)|不(?![同仅断但过足论管久少止惜良妨动锈限如时利定当法便等可])"
)
_NEAR = 4  # words that a negation reaches
_NEAR_ZH = 4  # characters
_SHORT = 3  # words of a clause that one in common ties to a clause of the source
_CLAUSE = re.compile(r"[,，;；:：。.!?！？\n]|\b(?:but|and|while|although|because)\b")


@dataclass(frozen=True, slots=True)
class _Clause:
    """Its content words, and those of them that a negation reaches."""

    said: frozenset[str]
    negated: frozenset[str]


def negation_turned(sentence: str, quoted: str) -> bool:
    """Whether a clause denies where the quote denies nothing, or its nearest clause there is denied or affirmed."""
    source = _clauses(quoted)
    denies = any(clause.negated for clause in source)
    for clause in _clauses(sentence):
        if clause.negated and not denies:
            return True
        nearest = max(source, key=lambda other: len(clause.said & other.said) - len(other.said) / 100, default=None)
        if nearest is None:
            continue
        shared = clause.said & nearest.said
        if len(shared) == 1 == min(len(clause.said), len(nearest.said)) and len(clause.said) <= _SHORT:
            if _word_turned(next(iter(shared)), clause, source):
                return True
        elif len(shared) >= max(2, len(clause.said) // 3) and (
            (clause.negated & nearest.said and not nearest.negated)
            or (nearest.negated & clause.said and not clause.negated)
        ):
            return True
    return False


def _word_turned(word: str, clause: _Clause, source: Sequence[_Clause]) -> bool:
    """Whether the clause denies the one word that it shares while the source always affirms it, or the reverse."""
    denied = {word in other.negated for other in source if word in other.said}
    return denied != {True, False} and (word in clause.negated) not in denied


def _clauses(text: str) -> list[_Clause]:
    parts = [part for part in _CLAUSE.split(text) if part.strip()]
    return [_chinese_clause(part) if HAN.search(part) else _english_clause(part) for part in parts]


def _english_clause(text: str) -> _Clause:
    said: set[str] = set()
    negated: set[str] = set()
    reach = 0
    for found in _WORD.finditer(text):
        word = found.group().casefold().replace("’", "'")
        if word in _NEGATORS or word.endswith("n't"):
            reach = _NEAR + 1
            continue
        about = _about(word)
        said |= about
        reach -= 1
        if reach > 0:
            negated |= about
    return _Clause(frozenset(said), frozenset(negated))


@lru_cache(maxsize=4096)
def _about(word: str) -> frozenset[str]:
    """Stemming word by word costs more than all the rest of a check: most words come again."""
    return content_terms(word)


def _chinese_clause(text: str) -> _Clause:
    negated = set[str]()
    for found in _NEGATOR_ZH.finditer(text):
        negated |= content_terms(text[found.end() : found.end() + _NEAR_ZH])
    return _Clause(content_terms(_NEGATOR_ZH.sub(" ", text)), frozenset(negated))
