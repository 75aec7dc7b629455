"""What a sentence states that its source does not: numbers, dates and names that are not there, a turned negation.

A check of words, not of meaning: it is meant for sentences that stay near their source. A paraphrase that keeps its
figures and names passes, and so does one that says the opposite in other words.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from generation.language import HAN
from generation.quantities import quantities
from generation.types import Doubt
from generation.wording import content_terms
from retrieval.sentences import sentence_spans
from retrieval.tokenizer import terms

_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_MONTH_NAMES = "|".join(month[:3] + f"(?:{month[3:]})?" if month[3:] else month for month in _MONTHS)
_MONTH = re.compile(rf"\b(?:{_MONTH_NAMES})\b", re.IGNORECASE)
_DATED_MONTH = re.compile(rf"\b(?:{_MONTH_NAMES})\b\.?(?=,?\s+\d|\s+of\b)|(?<=\d )(?:{_MONTH_NAMES})\b", re.IGNORECASE)
_NUMERIC_DATE = re.compile(r"\b\d{4}[-/.](?P<month>\d{1,2})[-/.]\d{1,2}\b")
_DIGIT_RUN = re.compile(r"\d[\d.,]*")
_ABOUT = re.compile(
    r"\b(?:about|around|approximately|nearly|almost|roughly|over|more than)\b|约|近|左右|超过", re.IGNORECASE
)
_TABLE_SCALE = re.compile(
    r"\bin (?:US |U\.S\. )?\$? ?(?:thousands|millions|billions)|单位.{0,4}[千万亿]元", re.IGNORECASE
)

_CAPITALISED = re.compile(
    r"(?<![\w’'-])[A-Z][\w&’'.-]*(?:\s+(?:(?:of|and|the|for|de|van|von|&)\s+(?=[A-Z]))?[A-Z][\w&’'.-]*)*"
)
_OPENING = "the a an in on at for by from as after before during since while when both all these this"
_LATIN = re.compile(r"[A-Za-z][A-Za-z.&'-]+")
_HAN_RUN = re.compile("[\u4e00-\u9fff]+")
_COMMON_ZH = re.compile(
    "[的了是在和与及或被把从对于向由为并而且也都就则其该此这那有将已以至到]|公司|根据|分别|以及|因为|所以|进行|没有|不是"
)
_FOREIGN_PAIRS = 3  # 2 finds more swapped names (.97 for .89) and doubts half of all true paraphrases
# An organisation's own two characters, before the part that all of its kind have.
_ORGANISATION_ZH = re.compile(
    "(?P<own>[\u4e00-\u9fff]{2})(?:集团|股份|责任|控股|有限)*"
    "(?:公司|集团|人民法院|法院|大学|学院|医院|银行|委员会|研究院|研究所|基金会|协会)"
)

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
_CLAUSE = re.compile(r"[,，;；:：。.!?！？\n]|\b(?:but|and|while|although|because)\b")


def doubts(sentence: str, quoted: str, passage: str, elsewhere: str = "") -> tuple[Doubt, ...]:
    """The kinds of statement in the sentence that its source does not bear out, each once; none: nothing is wrong.

    Negations must be those of the quoted words. Numbers may also stand in what else of the cited `passage` speaks of
    the same; what places a statement, names, months and years, anywhere in it, its title and headings included. Of what
    is said `elsewhere` in the cited documents the years count, and nothing more.
    """
    source = f"{quoted}\n{passage}"
    found: list[Doubt] = []
    if not _numbers_hold(sentence, quoted, passage, elsewhere):
        found.append("number")
    if not _months(_DATED_MONTH, sentence) <= _months(_MONTH, source) | _numeric_months(source):
        found.append("date")
    if not _names_hold(sentence, source):
        found.append("name")
    if _negation_turned(_clauses(sentence), _clauses(quoted)):
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


def _months(pattern: re.Pattern[str], text: str) -> set[str]:
    return {found.group()[:3].casefold() for found in pattern.finditer(text)}


def _numeric_months(text: str) -> set[str]:
    numbers = {int(found.group("month")) for found in _NUMERIC_DATE.finditer(text)}
    return {_MONTHS[number - 1][:3] for number in numbers if 1 <= number <= 12}


def _names_hold(sentence: str, source: str) -> bool:
    if HAN.search(sentence) and _foreign_zh(sentence, source):
        return False
    held = frozenset(terms(source)) | frozenset(terms(source.replace("-", " ")))
    return all(held.issuperset(content_terms(name)) for name in _names(sentence))


def _names(sentence: str) -> Iterator[str]:
    """Runs of capitalised words; a single one that opens a sentence may be any word."""
    if HAN.search(sentence):
        yield from (found.group() for found in _LATIN.finditer(sentence))
        return
    for found in _CAPITALISED.finditer(sentence):
        before = sentence[: found.start()].strip(" \"'“‘([")
        words = found.group().split()
        if not before or before[-1] in ".!?:":
            words = words[1:] if words[0].casefold() in _OPENING.split() else words
            if len(words) < 2:
                continue
        name = " ".join(word for word in words if word[0].isupper() and not _MONTH.fullmatch(word))
        if name:
            yield name


def _foreign_zh(sentence: str, source: str) -> bool:
    """Whether an organisation, or a run of characters no two of which stand together in the source, is not from it."""
    if any(found.group("own") not in source for found in _ORGANISATION_ZH.finditer(sentence)):
        return True
    pairs = {first + second for first, second in pairwise(source)}
    runs = _HAN_RUN.findall(_COMMON_ZH.sub("，", sentence))
    return any(
        _longest([first + second not in pairs for first, second in pairwise(run)]) >= _FOREIGN_PAIRS for run in runs
    )


def _longest(flags: Sequence[bool]) -> int:
    longest = current = 0
    for flag in flags:
        current = current + 1 if flag else 0
        longest = max(longest, current)
    return longest


@dataclass(frozen=True, slots=True)
class _Clause:
    """Its content words, and those of them that a negation reaches."""

    said: frozenset[str]
    negated: frozenset[str]


def _negation_turned(said: Sequence[_Clause], source: Sequence[_Clause]) -> bool:
    """Whether a clause denies where the source denies nothing, or its nearest clause there is denied or affirmed."""
    denies = any(clause.negated for clause in source)
    for clause in said:
        if clause.negated and not denies:
            return True
        nearest = max(source, key=lambda other: len(clause.said & other.said) - len(other.said) / 100, default=None)
        if nearest is None or len(clause.said & nearest.said) < max(2, len(clause.said) // 3):
            continue
        if (clause.negated & nearest.said and not nearest.negated) or (
            nearest.negated & clause.said and not clause.negated
        ):
            return True
    return False


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
    negated: set[str] = set()
    for found in _NEGATOR_ZH.finditer(text):
        negated |= content_terms(text[found.end() : found.end() + _NEAR_ZH])
    return _Clause(content_terms(_NEGATOR_ZH.sub(" ", text)), frozenset(negated))
