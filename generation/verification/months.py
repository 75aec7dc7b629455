"""Whether the months that a sentence dates something by stand in its source."""

import re

_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
MONTH_NAMES = "|".join(month[:3] + f"(?:{month[3:]})?" if month[3:] else month for month in _MONTHS)
MONTH = re.compile(rf"\b(?:{MONTH_NAMES})\b", re.IGNORECASE)
_DATED_MONTH = re.compile(rf"\b(?:{MONTH_NAMES})\b\.?(?=,?\s+\d|\s+of\b)|(?<=\d )(?:{MONTH_NAMES})\b", re.IGNORECASE)
_NUMERIC_DATE = re.compile(r"\b\d{4}[-/.](?P<month>\d{1,2})[-/.]\d{1,2}\b")


def months_hold(sentence: str, source: str) -> bool:
    """Whether the source names each of them, or dates something in it in figures."""
    return _months(_DATED_MONTH, sentence) <= _months(MONTH, source) | _numeric_months(source)


def _months(pattern: re.Pattern[str], text: str) -> set[str]:
    return {found.group()[:3].casefold() for found in pattern.finditer(text)}


def _numeric_months(text: str) -> set[str]:
    numbers = {int(found.group("month")) for found in _NUMERIC_DATE.finditer(text)}
    return {_MONTHS[number - 1][:3] for number in numbers if 1 <= number <= 12}
