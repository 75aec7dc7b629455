"""The numbers that a text states, in digits or words, English or Chinese, as values that can be compared."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_SCALES = {
    "hundred": 1e2, "thousand": 1e3, "k": 1e3, "million": 1e6, "mn": 1e6, "m": 1e6, "billion": 1e9, "bn": 1e9,
    "trillion": 1e12,
    "百": 1e2, "千": 1e3, "万": 1e4, "萬": 1e4, "百万": 1e6, "千万": 1e7, "亿": 1e8, "億": 1e8, "万亿": 1e12,
}  # fmt: skip
_UNITS_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_TENS_WORDS = "twenty thirty forty fifty sixty seventy eighty ninety"
_WORDS = {word: float(value) for value, word in enumerate(_UNITS_WORDS.split())} | {
    word: 10.0 * tens for tens, word in enumerate(_TENS_WORDS.split(), 2)
}
_DIGITS_ZH = {digit: value for value, digit in enumerate("零一二三四五六七八九")} | {"两": 2, "〇": 0}
_TENS_ZH = {"十": 10, "百": 100, "千": 1000}
_MYRIADS_ZH = {"万": 10**4, "亿": 10**8}

_IN_DIGITS = re.compile(
    r"(?<![A-Za-z0-9_.])[-−–]?(?P<digits>\d+(?:[.,]\d+)*)(?:st|nd|rd|th)?\s*"
    r"(?P<scale>hundred|thousand|million|billion|trillion|bn|mn|[mk](?![a-z])|万亿|百万|千万|[百千万萬亿億])?"
    r"(?P<unit>%|％|\s?per\s?cent|年|月|[日号])?",
    re.IGNORECASE,
)
_IN_WORDS = re.compile(
    rf"\b(?P<word>{'|'.join(_WORDS)})\b(?:\s+(?P<scale>hundred|thousand|million|billion)\b)?", re.IGNORECASE
)
_IN_CHINESE = re.compile(
    f"(?P<digits>[{''.join(_DIGITS_ZH)}十][{''.join((*_DIGITS_ZH, *_TENS_ZH, *_MYRIADS_ZH))}]{{0,11}})"
    "(?P<unit>[年月日号元个名位项家次种倍天期])"
)
_PERCENT_ZH = re.compile(r"百分之(?P<digits>\d+(?:\.\d+)?)")
_DATE_UNITS = "年月日号"


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number, its scale applied, and how many significant digits it has; `unit` is "%", 年, 月, 日, 号 or nothing."""

    value: float
    unit: str
    digits: int
    scaled: bool

    @property
    def is_year(self) -> bool:
        return 1500 <= self.value < 2200 and self.digits > 2 and not self.scaled and self.unit in {"", "年"}

    def equals(self, other: "Quantity", *, tables_scale: bool = False) -> bool:
        """Whether both state the same; `tables_scale`: the other may stand in a table of thousands or millions."""
        if self.unit and other.unit and self.unit != other.unit:
            return False
        if self.value == other.value:
            return True
        if not (tables_scale and self.scaled and not other.scaled and not other.unit):
            return False
        return self.value in {other.value * scale for scale in (1e3, 1e4, 1e6, 1e8, 1e9)}

    def rounds(self, other: "Quantity") -> bool:
        """Whether this is the other in fewer digits, at most a twentieth off."""
        same_kind = not (self.unit and other.unit and self.unit != other.unit)
        near = abs(self.value - other.value) <= abs(other.value) / 20
        return same_kind and near and self.digits < other.digits


def quantities(text: str) -> Iterator[Quantity]:
    """All of them; a lone "one" or 一 counts nothing and is left out."""
    for found in _IN_DIGITS.finditer(text):
        scale = (found.group("scale") or "").casefold()
        unit = (found.group("unit") or "").strip().casefold()
        yield _quantity(found.group("digits"), _SCALES.get(scale, 1.0), _unit(unit))
    for found in _PERCENT_ZH.finditer(text):
        yield _quantity(found.group("digits"), 1.0, "%")
    for found in _IN_WORDS.finditer(text):
        word, scale = found.group("word").casefold(), (found.group("scale") or "").casefold()
        if word != "one" or scale:
            yield Quantity(_WORDS[word] * _SCALES.get(scale, 1.0), "", 1, scaled=bool(scale))
    for found in _IN_CHINESE.finditer(text):
        if found.group("digits") != "一":
            unit = found.group("unit")
            value = _chinese(found.group("digits"))
            yield Quantity(value, unit if unit in _DATE_UNITS else "", _significant(f"{value:.0f}"), scaled=False)


def _unit(written: str) -> str:
    return written if not written or written in _DATE_UNITS else "%"


def _quantity(written: str, scale: float, unit: str) -> Quantity:
    bare = written.replace(",", "")
    value = float(bare if bare.count(".") < 2 else bare.replace(".", ""))
    return Quantity(value * scale, unit, _significant(bare), scaled=scale != 1.0)


def _significant(number: str) -> int:
    whole, _, fraction = number.partition(".")
    return len((whole + fraction).lstrip("0")) if fraction else len(whole.strip("0"))


def _chinese(digits: str) -> float:
    """The value of a numeral such as 二十万, 一百零五 or 二〇二四."""
    if not any(digit in _TENS_ZH or digit in _MYRIADS_ZH for digit in digits):
        return float("".join(str(_DIGITS_ZH[digit]) for digit in digits))
    total = below = digit = 0
    for char in digits:
        if char in _DIGITS_ZH:
            digit = _DIGITS_ZH[char]
        elif char in _TENS_ZH:
            below, digit = below + (digit or 1) * _TENS_ZH[char], 0
        else:
            total, below, digit = total + (below + digit or 1) * _MYRIADS_ZH[char], 0, 0
    return float(total + below + digit)
