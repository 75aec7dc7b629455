"""Whether the names that a sentence gives stand in its source.

A name is a run of capitalised words, in Chinese text a Latin word, an organisation or characters that the source does
not join. Any word has a capital where a sentence opens, so a single one there must look like a name and stand like one.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise

from generation.language import HAN
from generation.verification.months import MONTH
from generation.verification.opening_words import OPENERS, may_be_name, may_be_swapped
from generation.wording import content_terms
from retrieval.tokenizer import terms

_CAPITALISED = re.compile(
    r"(?<![\w’'-])[A-Z][\w&’'.-]*(?:\s+(?:(?:of|and|the|for|de|van|von|&)\s+(?=[A-Z]))?[A-Z][\w&’'.-]*)*"
)
_BEFORE_OPENING = " \t\"'“‘([*#|>•-"  # quotes and the marks of lists, headings and cells
_ROOT = 5  # letters that tell a word's family
_NEXT_TWO = re.compile(r"\s+([\w’'-]+),?\s+([\w’'-]+)")
_CODE = re.compile(r"(?<![A-Za-z0-9_.-])(?P<letters>(?![vV]\d)[A-Za-z]+)(?P<figures>\d+(?:\.\d+)*)(?![A-Za-z\d_])")
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


def names_hold(sentence: str, source: str) -> bool:
    """Whether the source has all words of each name."""
    if HAN.search(sentence) and _foreign_zh(sentence, source):
        return False
    if not all(_code_stands(found, source) for found in _CODE.finditer(sentence)):
        return False
    held = frozenset(terms(source)) | frozenset(terms(source.replace("-", " ")))
    return all(held.issuperset(content_terms(name)) for name in _names(sentence)) and all(
        _is_related(term, held) for word in _opening_names(sentence, source) for term in content_terms(word)
    )


def _code_stands(code: re.Match[str], source: str) -> bool:
    """Whether the source has these letters and figures, however joined."""
    letters, figures = re.escape(code["letters"]), re.escape(code["figures"])
    return re.search(rf"(?<![A-Za-z]){letters}[\s._-]?{figures}(?![\dA-Za-z]|\.\d)", source, re.IGNORECASE) is not None


def _names(sentence: str) -> Iterator[str]:
    """Runs of capitalised words; of one that opens a sentence not the first, if it is alone or a function word."""
    if HAN.search(sentence):
        yield from (found.group() for found in _LATIN.finditer(sentence))
        return
    for found in _CAPITALISED.finditer(sentence):
        words = found.group().split()
        if _opens(sentence, found.start()) and (len(words) == 1 or words[0].casefold() in OPENERS):
            words = words[1:]
        name = " ".join(word for word in words if word[0].isupper() and not MONTH.fullmatch(word))
        if name:
            yield name


def _opening_names(sentence: str, source: str) -> Iterator[str]:
    """The single words that open a sentence as names do, or where the source has a name."""
    for found in _CAPITALISED.finditer(sentence):
        word, following = found.group(), sentence[found.end() :]
        if re.search(r"\s", word) or MONTH.fullmatch(word) or not _opens(sentence, found.start()):
            continue
        if may_be_name(word, following) or (may_be_swapped(word) and _swapped(sentence, following, source)):
            yield word


def _swapped(sentence: str, following: str, source: str) -> bool:
    """Whether the two words that follow come after a name in the source that the sentence does not give."""
    next_two = _NEXT_TWO.match(following)
    if next_two is None:
        return False
    same = re.compile(rf"(?P<name>[A-Z][\w’'-]*)\s+{re.escape(next_two[1])},?\s+{re.escape(next_two[2])}\b")
    return any(
        found["name"] not in sentence
        and may_be_swapped(found["name"])
        and not re.search(rf"\b{re.escape(found['name'].lower())}\b", source)
        for found in same.finditer(source)
    )


def _opens(sentence: str, at: int) -> bool:
    before = sentence[:at].rstrip(_BEFORE_OPENING)
    return not before or before[-1] in ".!?:\n"


def _is_related(term: str, held: Collection[str]) -> bool:
    """Whether the term or one that it is made from or made to is held: Germany and German, discovery and discovered."""
    return term in held or any(
        min(len(term), len(other)) >= _ROOT and (term.startswith(other) or other.startswith(term)) for other in held
    )


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
