"""Texts as measures compare them: words and single Han characters, in one case, without marks and articles."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

from generation.language import HAN

_TOKEN = re.compile(rf"{HAN.pattern}|(?:(?!{HAN.pattern})[^\W_])+")
_ARTICLES = frozenset({"a", "an", "the"})


def tokens(text: str) -> list[str]:
    """As SQuAD's and CMRC's evaluations normalise: no punctuation, no English articles, Chinese by the character."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return [token for token in _TOKEN.findall(plain) if token not in _ARTICLES]


def contains(held: str, wanted: str) -> bool:
    """Whether the one text's tokens stand in the other, one after the other; nothing is contained nowhere."""
    inner = tokens(wanted)
    return bool(inner) and f" {' '.join(inner)} " in f" {' '.join(tokens(held))} "


def overlap(wanted: Sequence[str], given: Sequence[str]) -> tuple[float, float]:
    """Recall and F1 of tokens as multisets; of nothing in nothing 1, else 0 where one is empty."""
    if not wanted or not given:
        both = float(not wanted and not given)
        return both, both
    same = (Counter(wanted) & Counter(given)).total()
    return same / len(wanted), 2 * same / (len(wanted) + len(given))
