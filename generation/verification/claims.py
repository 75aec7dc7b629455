"""What a sentence states that its source does not: numbers, dates and names that are not there, a turned negation.

A check of words, not of meaning: it is meant for sentences that stay near their source. A paraphrase that keeps its
figures and names passes, and so does one that says the opposite in other words. Chinese is compared in Simplified
characters, whichever it is written in.
"""

import re

from generation.types import Doubt
from generation.verification.months import months_hold
from generation.verification.names import names_hold
from generation.verification.negations import negation_turned
from generation.verification.quantities import quantities
from generation.wording import content_terms
from retrieval.chinese import simplified
from retrieval.sentences import sentence_spans

_DIGIT_RUN = re.compile(r"\d[\d.,]*")
_ABOUT = re.compile(
    r"\b(?:about|around|approximately|nearly|almost|roughly|over|more than)\b|约|近|左右|超过", re.IGNORECASE
)
_TABLE_SCALE = re.compile(
    r"\bin (?:US |U\.S\. )?\$? ?(?:thousands|millions|billions)|单位.{0,4}[千万亿]元", re.IGNORECASE
)


def doubts(sentence: str, quoted: str, passage: str, elsewhere: str = "") -> tuple[Doubt, ...]:
    """The kinds of statement in the sentence that its source does not bear out, each once; none: nothing is wrong.

    Negations must be those of the quoted words. Numbers may also stand in what else of the cited `passage` speaks of
    the same; what places a statement, names, months and years, anywhere in it, its title and headings included. Of what
    is said `elsewhere` in the cited documents the years count, and nothing more.
    """
    sentence, quoted, passage, elsewhere = map(simplified, (sentence, quoted, passage, elsewhere))
    source = f"{quoted}\n{passage}"
    found: list[Doubt] = []
    if not _numbers_hold(sentence, quoted, passage, elsewhere):
        found.append("number")
    if not months_hold(sentence, source):
        found.append("date")
    if not names_hold(sentence, source):
        found.append("name")
    if negation_turned(sentence, quoted):
        found.append("negation")
    return tuple(found)


def names_year(text: str) -> bool:
    """Whether the text says by itself in which year something was."""
    return any(quantity.is_year for quantity in quantities(text))


def _numbers_hold(sentence: str, quoted: str, passage: str, elsewhere: str) -> bool:
    wanted = list(quantities(sentence))
    if not wanted:
        return True
    held = [*quantities(quoted), *quantities(_on_the_same(sentence, passage))]
    held += [quantity for quantity in quantities(f"{passage}\n{elsewhere}") if quantity.is_year]
    rounded = _ABOUT.search(sentence) is not None
    tables_scale = _TABLE_SCALE.search(f"{quoted}\n{passage}") is not None
    return all(
        any(each.equals(other, tables_scale=tables_scale) or (rounded and each.rounds(other)) for other in held)
        for each in wanted
    )


def _on_the_same(sentence: str, passage: str) -> str:
    """Those sentences of the passage that share a good part of their words with this one."""
    about = content_terms(_DIGIT_RUN.sub(" ", sentence))
    enough = max(2, len(about) // 4)
    said = (passage[start:end] for start, end in sentence_spans(passage))
    return "\n".join(each for each in said if len(about & content_terms(each)) >= enough)
