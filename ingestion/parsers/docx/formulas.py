"""Word's formulas on one line: what a bar, a raised or a lowered line holds together stands in brackets there."""

import re
from collections.abc import Callable

from ingestion.parsers.docx.xml_tree import Element, m, name_of

_MARKS = "'′\u0300-\u036f\u20d0-\u20ff"
_GROUP = re.compile(r"[(\[{][^()\[\]{}]*[)\]}]")
_A_GROUP = "\ufffc"
"""Stands for all that is in one pair of brackets while a text is looked at."""
_LETTER = rf"[^\W\d_][{_MARKS}]*"
_ONE = rf"\d[\d.,]*[!%]?|{_LETTER}|[^\W\d_]{{4,}}|[\u3400-\u9fff]+|√?{_A_GROUP}{{1,2}}|."
_INDEX = rf"(?:[^\W_]+|{_ONE})"
_WHOLE = {
    "sub": re.compile(_INDEX),
    "lim": re.compile(_INDEX),
    "sup": re.compile(_ONE),
    "base": re.compile(rf"(?:{_LETTER})+(?:_{_INDEX})?|{_ONE}"),
    "num": re.compile(rf"[\w^.!√∞%{_MARKS}{_A_GROUP}]+"),
    "den": re.compile(rf"d{_LETTER}|{_LETTER}(?:_{_INDEX})?(?:\^(?:{_ONE}))?|{_ONE}"),
    "argument": re.compile(_ONE),
    "body": re.compile(r"[^+\-−±=<>,]+"),
}
"""By its role, what is one thing without brackets: two letters are a name before an index, a product below a bar."""
_LONGEST_WHOLE = 100
_ENDS_OPEN = frozenset(("f", "func", "limLow", "limUpp", "nary", "sPre", "sSub", "sSubSup", "sSup"))
_STARTS_APART = frozenset(("f", "func", "sPre"))
_END_OF_WORD = re.compile(rf"[\w∞!*{_MARKS}]")
_START_OF_WORD = re.compile(r"[\w√]")


def formula(element: Element) -> str:
    """The text of an `m:` element and all that is inside it."""
    text, last = "", ""
    for child in element:
        if piece := _piece(child):
            name = name_of(child)
            text += f" {piece}" if (last in _ENDS_OPEN or name in _STARTS_APART) and _touch(text, piece) else piece
            last = name
    return text


def _piece(element: Element) -> str:
    name = name_of(element)
    if name == "t":
        return element.text or ""
    if name.endswith("Pr"):
        return ""
    return _WRITERS.get(name, formula)(element)


def _fraction(element: Element) -> str:
    bar = "¦" if _character(element, "fPr", "type", "bar") == "noBar" else "/"
    return f"{_part(element, 'num')}{bar}{_part(element, 'den')}"


def _marked(element: Element) -> str:
    return _part(element, "e", "base") + _marks(element)


def _marked_before(element: Element) -> str:
    return _joined(_marks(element), _part(element, "e", "base"))


def _operator(element: Element) -> str:
    sign = _character(element, "naryPr", "chr", "∫")
    return _joined(sign + _marks(element), _part(element, "e", "body"))


def _function(element: Element) -> str:
    return _joined(_part(element, "fName"), _part(element, "e", "argument"))


def _root(element: Element) -> str:
    degree = _part(element, "deg")
    return f"√{f'[{degree}]' if degree else ''}({_part(element, 'e')})"


def _brackets(element: Element) -> str:
    begin, end = _character(element, "dPr", "begChr", "("), _character(element, "dPr", "endChr", ")")
    return f"{begin}{_list(element, _character(element, 'dPr', 'sepChr', '|'))}{end}"


def _accent(element: Element) -> str:
    return _part(element, "e") + _character(element, "accPr", "chr", "\u0302")


def _line(element: Element) -> str:
    return _part(element, "e") + ("\u0305" if _character(element, "barPr", "pos", "bot") == "top" else "\u0332")


def _equations(element: Element) -> str:
    return _list(element, "; ").replace("&", "")  # where Word aligns the lines: it shows none


def _matrix(element: Element) -> str:
    return "; ".join(_list(row, " ") for row in element if name_of(row) == "mr")


_WRITERS: dict[str, Callable[[Element], str]] = {
    "f": _fraction,
    **dict.fromkeys(("sSup", "sSub", "sSubSup", "limLow", "limUpp"), _marked),
    "sPre": _marked_before,
    "nary": _operator,
    "func": _function,
    "rad": _root,
    "d": _brackets,
    "acc": _accent,
    "bar": _line,
    "eqArr": _equations,
    "m": _matrix,
}
"""All others are around something."""


def _part(element: Element, name: str, role: str = "") -> str:
    """The part's text, in brackets if it would not be read as one thing where it is put; empty without the part."""
    found = element.find(m(name))
    text = formula(found).strip() if found is not None else ""
    whole = _WHOLE.get(role or name)
    return f"({text})" if text and whole and not _is_whole(text, whole) else text


def _marks(element: Element) -> str:
    """What stands below and above, each behind its sign."""
    parts = (("_", "sub"), ("_", "lim"), ("^", "sup"))
    return "".join(f"{sign}{text}" for sign, name in parts if (text := _part(element, name)))


def _list(element: Element, separator: str) -> str:
    return separator.join(formula(part) for part in element if name_of(part) == "e")


def _joined(before: str, after: str) -> str:
    return f"{before} {after}" if _touch(before, after) else before + after


def _touch(before: str, after: str) -> bool:
    """Whether the two would be read as one word or number."""
    return _END_OF_WORD.match(before[-1:]) is not None and _START_OF_WORD.match(after) is not None


def _is_whole(text: str, whole: re.Pattern[str]) -> bool:
    """Whether the text, with one sign for each pair of brackets and all that is in it, is as the pattern says."""
    if len(text) > _LONGEST_WHOLE:
        return False
    while (shorter := _GROUP.sub(_A_GROUP, text)) != text:
        text = shorter
    return whole.fullmatch(text) is not None


def _character(element: Element, properties: str, name: str, otherwise: str) -> str:
    """A sign or word that the properties name; present without a value, there is none."""
    found = element.find(f"{m(properties)}/{m(name)}")
    return otherwise if found is None else found.get(m("val")) or ""
