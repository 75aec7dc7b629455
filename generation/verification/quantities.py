"""The numbers that a text states, in digits or words, English or Chinese, as values that can be compared.

Two are the same when their values, units, currencies and signs are. What only one of them says is not held against the
other: a table gives its currency elsewhere, and a fall of 3 % is a growth of -3 %.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

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

_DOLLARS = "USD HKD CAD AUD NZD SGD TWD"
_CURRENCIES = {
    "us$": "USD", "hk$": "HKD", "c$": "CAD", "a$": "AUD", "s$": "SGD", "nt$": "TWD", "$": _DOLLARS, "€": "EUR",
    "£": "GBP", "¥": "CNY JPY", "￥": "CNY JPY", "₹": "INR", "₩": "KRW", "₽": "RUB", "usd": "USD", "eur": "EUR",
    "gbp": "GBP", "cny": "CNY", "rmb": "CNY", "jpy": "JPY", "chf": "CHF", "hkd": "HKD", "inr": "INR", "krw": "KRW",
    "us dollar": "USD", "u.s. dollar": "USD", "dollar": _DOLLARS, "euro": "EUR", "pound": "GBP", "yen": "JPY",
    "yuan": "CNY", "renminbi": "CNY", "franc": "CHF", "rupee": "INR", "rouble": "RUB", "ruble": "RUB", "美元": "USD",
    "欧元": "EUR", "英镑": "GBP", "日元": "JPY", "港元": "HKD", "韩元": "KRW", "卢布": "RUB", "元": "CNY",
}  # fmt: skip
_SIGNS = "|".join(re.escape(each) for each in _CURRENCIES if each.endswith(tuple("$€£¥￥₹₩₽")))
_CODES = "|".join(each for each in _CURRENCIES if re.fullmatch("[a-z]{3}", each) and each != "yen")
_NAMES = "|".join(each.replace(".", r"\.") for each in _CURRENCIES if re.fullmatch(r"[a-z. ]{4,}|yen", each))
_NAMES_ZH = "|".join(each for each in _CURRENCIES if re.fullmatch("[\u4e00-\u9fff]+", each))
_CURRENCY_AFTER = rf"(?P<after>\s?(?:(?:{_CODES}|(?:{_NAMES})s?)\b|(?:{_NAMES_ZH})(?!旦)))"

_IN_DIGITS = re.compile(
    rf"(?<![A-Za-z0-9_.])(?P<minus>[-−–])?(?P<before>(?:{_SIGNS}|(?:{_CODES})\s?)(?P<inner_minus>[-−])?)?(?P<v>v)?"
    r"(?P<digits>\d+(?:[.,]\d+)*)(?:st|nd|rd|th)?\s*"
    r"(?P<scale>hundred|thousand|million|billion|trillion|bn|mn|[mk](?![a-z])|万亿|百万|千万|[百千万萬亿億])?"
    rf"(?:{_CURRENCY_AFTER}|(?P<unit>%|％|\s?per\s?cent|年|月|[日号]))?",
    re.IGNORECASE,
)
_IN_WORDS = re.compile(
    rf"\b(?P<word>{'|'.join(_WORDS)})\b(?:\s+(?P<scale>hundred|thousand|million|billion)\b)?{_CURRENCY_AFTER}?",
    re.IGNORECASE,
)
_IN_CHINESE = re.compile(
    f"(?P<digits>[{''.join(_DIGITS_ZH)}十][{''.join((*_DIGITS_ZH, *_TENS_ZH, *_MYRIADS_ZH))}]{{0,11}})"
    f"(?:(?P<after>{_NAMES_ZH})(?!旦)|(?P<unit>[年月日号个名位项家次种倍天期]))"
)
_THOUSANDS = re.compile(r"\d{1,3}(?:\.\d{3}){2,}")
_PERCENT_ZH = re.compile(r"百分之(?P<digits>\d+(?:\.\d+)?)")
_DATE_UNITS = "年月日号"

_RANGE = re.compile(r"[\d年月日号元万亿千百个人%％)）]\s?$")  # a dash after it is no minus
_MINUS_WORD = re.compile(r"(?:\b(?:minus|negative)\s|负|零下)$", re.IGNORECASE)
_FALL = re.compile(
    r"\b(?:f[ae]ll|drop|declin|decreas|reduc|shr[aiu]nk|contract(?:ed|ing|ion)|slump|sl[iu]d|los[ets]|deficit|down|lower|"
    "below|less|cut)"
    "|下降|减少|下滑|降低|亏损|负|跌|缩减|低于|下调|赤字",
    re.IGNORECASE,
)
_AS_FAR_AS = re.compile(r"(?:\bto\s|[至到])$", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?]\s|[;。！？；\n]")
_AROUND = 80  # characters on either side that tell whether a number is of a fall
_VERSION = re.compile(r"(?:\b(?:versions?|releases?|v\.)|版本)\s?$", re.IGNORECASE)
_NAME = re.compile(r"\b[A-Z][A-Za-z]+\s?$")


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number, its scale applied, and how many significant digits it has; `unit` is "%", 年, 月, 日, 号 or nothing."""

    value: float
    """Without its sign."""
    unit: str
    digits: int
    scaled: bool
    negative: bool = False
    of_fall: bool = False
    """Whether the words around speak of a fall or a loss, so that the negative of it may be meant."""
    currency: frozenset[str] = frozenset()
    """The currencies that it may be in; none: it does not say."""
    written: str = ""
    """Its digits, if they are all that there is."""
    versioned: bool = False
    """Whether it is said to be one of a version: 3.10 is not 3.1."""
    named: bool = False
    """Whether it follows a word in capitals, as versions do and rows of a table."""

    @property
    def is_year(self) -> bool:
        return 1500 <= self.value < 2200 and self.digits > 2 and not self.scaled and self.unit in {"", "年"}

    def equals(self, other: "Quantity", *, tables_scale: bool = False) -> bool:
        """Whether both state the same; `tables_scale`: the other may stand in a table of thousands or millions."""
        if not self._is_like(other):
            return False
        if self.value == other.value:
            return not self._is_another_version(other)
        if not (tables_scale and self.scaled and not other.scaled and not other.unit):
            return False
        return self.value in {other.value * scale for scale in (1e3, 1e4, 1e6, 1e8, 1e9)}

    def rounds(self, other: "Quantity") -> bool:
        """Whether this is the other in fewer digits, at most a twentieth off."""
        near = abs(self.value - other.value) <= abs(other.value) / 20
        return self._is_like(other) and near and self.digits < other.digits

    def _is_like(self, other: "Quantity") -> bool:
        """Whether unit, currency and sign allow that both are the same."""
        if self.unit and other.unit and self.unit != other.unit:
            return False
        if self.currency and other.currency and not self.currency & other.currency:
            return False
        return self.negative == other.negative or (other if self.negative else self).of_fall

    def _is_another_version(self, other: "Quantity") -> bool:
        """Whether zeros at the end tell the two apart: in versions, and where this says more than the other."""
        if not (self.written and other.written) or _release(self.written) == _release(other.written):
            return False
        are_versions = self.versioned or other.versioned or (self.named and other.named)
        return are_versions or len(self.written) > len(other.written)


def quantities(text: str) -> Iterator[Quantity]:
    """All of them; a lone "one" or 一 counts nothing and is left out."""
    for found in _IN_DIGITS.finditer(text):
        yield _in_digits(found)
    for found in _PERCENT_ZH.finditer(text):
        yield _quantity(found, found.group("digits"), 1.0, "%")
    for found in _IN_WORDS.finditer(text):
        word, scale = found.group("word").casefold(), (found.group("scale") or "").casefold()
        if word != "one" or scale:
            value = _WORDS[word] * _SCALES.get(scale, 1.0)
            yield Quantity(value, "", 1, scaled=bool(scale), of_fall=_of_fall(found), currency=_currency(found))
    for found in _IN_CHINESE.finditer(text):
        if found.group("digits") != "一":
            unit = found.group("unit") or ""
            value = _chinese(found.group("digits"))
            digits = _significant(f"{value:.0f}")
            yield Quantity(
                *(value, unit if unit in _DATE_UNITS else "", digits),
                scaled=False,
                of_fall=_of_fall(found),
                currency=_currency(found),
            )


def _unit(written: str) -> str:
    return written if not written or written in _DATE_UNITS else "%"


def _in_digits(found: re.Match[str]) -> Quantity:
    scale = _SCALES.get((found.group("scale") or "").casefold(), 1.0)
    unit = _unit((found.group("unit") or "").strip().casefold())
    before = _before(found)
    minus = found.group("minus") is not None and not _RANGE.search(before)
    quantity = _quantity(found, found.group("digits"), scale, unit)
    if quantity.is_year:
        return quantity
    plain = not (unit or quantity.currency or quantity.scaled)
    return replace(
        quantity,
        negative=minus or found.group("inner_minus") is not None or _MINUS_WORD.search(before) is not None,
        written=found.group("digits") if plain else "",
        versioned=found.group("v") is not None or _is_release(found.group("digits")) or bool(_VERSION.search(before)),
        named=_NAME.search(before) is not None,
    )


def _quantity(found: re.Match[str], written: str, scale: float, unit: str) -> Quantity:
    bare = written.replace(",", "")
    value = float(bare if bare.count(".") < 2 else bare.replace(".", ""))
    return Quantity(
        *(value * scale, unit, _significant(bare)),
        scaled=scale != 1.0,
        of_fall=_of_fall(found),
        currency=_currency(found),
    )


def _currency(found: re.Match[str]) -> frozenset[str]:
    groups = found.groupdict()
    said = (groups.get("before") or groups.get("after") or "").strip(" -−").casefold()
    return frozenset((_CURRENCIES.get(said) or _CURRENCIES.get(said.removesuffix("s"), "")).split())


def _before(found: re.Match[str]) -> str:
    return found.string[max(0, found.start() - _AROUND) : found.start()]


def _of_fall(found: re.Match[str]) -> bool:
    before, after = _before(found), found.string[found.end() : found.end() + _AROUND]
    if before.endswith(("(", "（")) and after.lstrip("%").startswith((")", "）")):
        return True  # how accounts write a loss
    clause = f"{_SENTENCE_END.split(before)[-1]} {_SENTENCE_END.split(after)[0]}"
    return not _AS_FAR_AS.search(before) and _FALL.search(clause) is not None


def _is_release(written: str) -> bool:
    return written.count(".") > 1 and not _THOUSANDS.fullmatch(written)


def _release(written: str) -> list[str]:
    """The parts of a version; 2.0 is 2, and 1.000.000 a million."""
    bare = written.replace(",", "")
    parts = [bare.replace(".", "")] if _THOUSANDS.fullmatch(bare) else bare.split(".")
    parts = [part.lstrip("0") for part in parts]
    while parts and not parts[-1]:
        parts.pop()
    return parts


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
