"""Terms for BM25: one analyser for what is indexed and for what is asked.

It folds case, accents, full-width forms and the two scripts of Chinese, stems English, keeps decimals and names such as
`C++` whole, gives an identifier (`snake_case`, `CamelCase`, `FY2018`, an address) whole and in parts, and cuts scripts
without spaces into terms of one and two characters (as good as jieba on three Chinese sets, without its dictionary).
All words are indexed; a question drops its function words when others are left, and its numbers count twice.
"""

import re
import threading
import unicodedata
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import Stemmer

from retrieval.chinese import simplified

_NUMBER_WEIGHT = 2  # of 1.25 to 3 the best of those that lose nothing in English: docs/benchmarks.md
MAX_TERM = 64  # longer ones are keys or noise; cut alike when indexed and asked, they still match

# Chinese, Japanese, Korean, Thai, Lao, Burmese, Khmer.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
# Vowel signs and points inside words, which `\w` leaves out.
_SIGNS = "\u0483-\u0487\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u0670\u0900-\u0963\u0966-\u0dff"


def _tokens(letter: str) -> str:
    return (
        rf"['’]s(?!{letter})"  # dropped
        r"|\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\d)"  # 1,000.5
        r"|\d+(?:\.\d+)+"  # 3.14, 2.0.1
        rf"|(?:[A-Za-z]\.){{2,}}(?:[A-Za-z](?!{letter}))?"  # U.S., e.g.
        rf"|(?:{letter}+\+\+|[A-Za-z]\#)(?![^\W\d_])"  # C++, C#
        r"|[A-Za-z]-[A-Za-z]{2,}"  # e-mail, x-ray
        rf"|(?:\d{{1,3}}-[A-Za-z]|[A-Za-z]-\d{{1,3}})(?!{letter}|-)"  # 10-K, B-52
        rf"|{letter}+(?:(?:_+|[.@]){letter}+)*"  # words, identifiers, addresses
    )


_ASCII = re.compile(_tokens(r"[A-Za-z\d]"))
_ANY = re.compile(f"[{_UNSPACED}]+|" + _tokens(rf"(?:[^\W_{_UNSPACED}]|[{_SIGNS}])"))
_UNSPACED_RUN = re.compile(f"[{_UNSPACED}]")
_MARKS = re.compile("[\u0300-\u036f]+")
_AROUND = ".,;:!?()[]{}\"'"
_NUMBER = re.compile(r"\d[\d.,]*")
_DIGIT = re.compile(r"\d")
_JOINTS = re.compile(r"[_.@-]+")
_PLURAL = re.compile(r"[A-Z]{2,}s")  # PDFs: the stemmer keeps this s
_HUMPS = re.compile(r"(?<=[a-z\d])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]{2})|(?<=[A-Za-z])(?=\d{3})")  # HTTP404, FY2018
_UNDECOMPOSED = str.maketrans(
    {"Ø": "O", "ø": "o", "Ł": "L", "ł": "l", "Đ": "D", "đ": "d", "Æ": "AE", "æ": "ae", "Œ": "OE", "œ": "oe", "ı": "i"}
)


class _PerThread(threading.local):
    """A stemmer for each thread: PyStemmer's is not safe to share."""

    def __init__(self) -> None:
        self._stemmer = Stemmer.Stemmer("english")

    def stems(self, words: Sequence[str]) -> list[str]:
        return cast("list[str]", self._stemmer.stemWords(words))


_own = _PerThread()

# Dropping them from questions: nDCG@10 +.088 on anthropic_docs, +.022 on rgb_en_fact, +.005 on hotpotqa, +.011 to
# +.017 on the Chinese sets, none on SciFact.
_DROPPED = (
    "a an and are as at be been but by can could did do does for from had has have he her his how i if in into is it "
    "its may me my no not of on or our she should so such than that the their them then there these they this to was "
    "we were what when where which who whom why will with would you your "
    "的 了 是 在 和 吗 呢 与 及 或 之 这 那 哪 谁 什 么 怎 几 个 于 被 为 有 多 少 位 中 其 以 对 些 "
    "什么 怎么 哪些 哪个 哪年 多少 请问 如何 为什 是什 的是 是谁 一个 是多 有哪"
)
_FUNCTION_WORDS = frozenset(_own.stems(_DROPPED.split()))


def terms(text: str) -> list[str]:
    """The terms of a text in order, repeats included; none holds white space."""
    found: list[str] = []
    for piece in (text if text.isascii() else _folded(text)).split():
        word = piece.strip(_AROUND)
        if word.isalpha() and word.isascii() and len(word) <= MAX_TERM and (word.islower() or word.istitle()):
            found.append(word.lower())  # most words, at a tenth of what the expressions cost
        else:
            for token in (_ASCII if word.isascii() else _ANY).findall(piece):
                found.extend(_special(token))
    return _own.stems(found)


def significant(query: Sequence[str]) -> list[str]:
    """The terms of a query without function words; all of them when nothing else is left."""
    return [term for term in query if term not in _FUNCTION_WORDS] or list(query)


def weighed(query: Sequence[str]) -> Counter[str]:
    """How much each significant term of a query counts: as often as it is said, and what holds a digit twice as much.

    Years, amounts and versions are rarely said in other words, and a text without them rarely answers.
    """
    said = Counter(significant(query))
    return Counter({term: count * (_NUMBER_WEIGHT if _DIGIT.search(term) else 1) for term, count in said.items()})


def _folded(text: str) -> str:
    """Without accents, full-width forms and ligatures, Chinese in Simplified characters; Hangul and kana stay whole."""
    bare = _MARKS.sub("", unicodedata.normalize("NFKD", text))
    return simplified(unicodedata.normalize("NFC", bare).translate(_UNDECOMPOSED))


def _special(token: str) -> list[str]:
    """The terms of a token that is more than a plain word."""
    if _UNSPACED_RUN.match(token):
        return [*token, *(first + second for first, second in pairwise(token))]
    if token[0] in "'’":
        return []
    if _NUMBER.fullmatch(token):
        return [token.replace(",", "")[:MAX_TERM]]
    if "." in token and all(len(letter) <= 1 for letter in token.split(".")):
        return [token.replace(".", "").casefold()]
    return _identifier(token)


def _identifier(token: str) -> list[str]:
    """The whole, and the parts of two characters and more when there are several."""
    if _PLURAL.fullmatch(token):
        token = token[:-1]
    parts = [part for piece in _JOINTS.split(token) for part in _HUMPS.split(piece)]
    whole = token.replace("-", "").casefold()[:MAX_TERM]
    if len(parts) == 1:
        return [whole]
    return [whole, *(part.casefold()[:MAX_TERM] for part in parts if len(part) > 1)]
