"""Which kinds of statement a question asks for, by its words, and which a text has: a date, a number.

The Chinese words are in Simplified characters, and so is what they are looked for in.
"""

import re
from typing import Literal, TypeAlias

from generation.verification.months import MONTH_NAMES
from retrieval.chinese import simplified

Kind: TypeAlias = Literal["date", "number"]

_COUNTED = "[个人年名次座位种条部家所]"
_NUMBER_WORD = (
    "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|hundred|thousand|million|billion"
    "|half|third|percent|dozen|first|second"
)
_ASKS: dict[Kind, re.Pattern[str]] = {
    "date": re.compile(
        r"\b(?:when|(?:what|which) (?:year|date|month|day|time|century)|dates?|earlier|later|how old|older"
        r"|younger|birthdates?|birthday)\b"
        "|何[时年]|[什甚]么时候|哪一?[年天]|日期|时间|更[早晚]|[几哪]个?月|年份",
        re.IGNORECASE,
    ),
    "number": re.compile(
        r"\bhow (?:many|much|long|far|tall|large|big|high|often|fast|old|deep|wide)\b"
        r"|\bwhat (?:percentage|number|amount|population|age|proportion|share|percent|distance)\b"
        r"|\b(?:longer|higher|larger|more|amounts?|greater|lower)\b"
        "|多少|几|多[长大高远]|更[高大长多]|比例|金额|面积|人口",
        re.IGNORECASE,
    ),
}
_TELLS: dict[Kind, re.Pattern[str]] = {
    "date": re.compile(
        rf"\b(?:1\d|20)\d\d\b|\b(?=[A-Z])(?i:{MONTH_NAMES})\b|\d+\s*[年月日]|世纪|\d+(?:st|nd|rd|th)\b.{{0,8}}century"
        "|[〇零一二三四五六七八九十]+[年月日]"
    ),
    "number": re.compile(rf"\d|\b(?:{_NUMBER_WORD})\b|[一二三四五六七八九十百千万亿两]+{_COUNTED}", re.IGNORECASE),
}


def kinds_asked_for(question: str) -> frozenset[Kind]:
    """The kinds that the question's words ask for, or compare; mostly none."""
    asked = simplified(question)
    return frozenset(kind for kind, words in _ASKS.items() if words.search(asked))


def kinds_told(text: str, of: frozenset[Kind]) -> frozenset[Kind]:
    """Those of the kinds of which the text has one."""
    told = simplified(text) if of else text
    return frozenset(kind for kind in of if _TELLS[kind].search(told))
