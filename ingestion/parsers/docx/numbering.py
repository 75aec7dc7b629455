"""What Word prints before a list's items and its numbered headings: 1., 2.3, (a), iv; it stands nowhere in the text."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Self, cast

from docx.document import Document
from docx.oxml.parser import parse_xml

from ingestion.parsers.docx.xml_tree import Element, count, value_at, w
from ingestion.parsers.numerals import chinese, doubled, roman

_PLACE = re.compile(r"%([1-9])")
_MAX_LABEL = 40  # characters
_WIDE = str.maketrans("0123456789", "０１２３４５６７８９")
_CIRCLED = "①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳"
_SIGNS = {
    "decimalEnclosedCircle": _CIRCLED,
    "decimalEnclosedCircleChinese": _CIRCLED,
    "ideographEnclosedCircle": "㊀㊁㊂㊃㊄㊅㊆㊇㊈㊉",
    "ideographTraditional": "甲乙丙丁戊己庚辛壬癸",
    "ideographZodiac": "子丑寅卯辰巳午未申酉戌亥",
}
_FORMATS: Mapping[str, Callable[[int], str]] = {
    "lowerLetter": doubled,
    "upperLetter": lambda number: doubled(number).upper(),
    "lowerRoman": roman,
    "upperRoman": lambda number: roman(number).upper(),
    "decimalZero": lambda number: f"{number:02d}",
    **dict.fromkeys(("decimalFullWidth", "decimalFullWidth2"), lambda number: str(number).translate(_WIDE)),
    **dict.fromkeys(("chineseCounting", "chineseCountingThousand", "ideographDigital", "japaneseCounting"), chinese),
    **dict.fromkeys(("taiwaneseCounting", "taiwaneseCountingThousand"), chinese),
}


@dataclass(frozen=True, slots=True)
class Level:
    """One level of a numbering: its format as Word names it, what is printed ("%n" for numbers), its first number."""

    numbering: str
    depth: int
    format: str
    text: str
    start: int

    @property
    def is_bullet(self) -> bool:
        return self.format in {"bullet", "none"} or not _PLACE.search(self.text)


@dataclass(slots=True)
class Numbering:
    """The document's numberings, and how far each has counted. Lists that share a definition count on together."""

    levels: Mapping[tuple[str, int], Level]
    restarts: Mapping[tuple[str, int], int]
    """Where a list of its own starts anew, by list and depth, when it is first met."""
    _counts: dict[tuple[str, int], int] = field(default_factory=dict[tuple[str, int], int])
    _met: set[tuple[str, int]] = field(default_factory=set[tuple[str, int]])

    @classmethod
    def of(cls, document: Document) -> Self:
        levels: dict[tuple[str, int], Level] = {}
        restarts: dict[tuple[str, int], int] = {}
        for relation in document.part.rels.values():
            if not relation.reltype.endswith("/numbering") or relation.is_external:
                continue
            root = cast("Element", parse_xml(relation.target_part.blob))
            shapes = {shape.get(w("abstractNumId")): shape for shape in root.iter(w("abstractNum"))}
            for number in root.iter(w("num")):
                name, shape = number.get(w("numId")) or "", value_at(number, "abstractNumId") or ""
                for part in shapes[shape].iter(w("lvl")) if shape in shapes else ():
                    if (depth := count(part.get(w("ilvl")))) is not None:
                        levels[name, min(depth, 8)] = _level(part, shape, min(depth, 8))
                for override in number.iter(w("lvlOverride")):
                    depth, start = count(override.get(w("ilvl"))), count(value_at(override, "startOverride"))
                    if depth is not None and start is not None:
                        restarts[name, depth] = start
        return cls(levels, restarts)

    def label(self, name: str, depth: int) -> str:
        """Count one on and give what is printed; "-" for a bullet, nothing where nothing is printed."""
        level = self.levels.get((name, depth))
        if level is None:
            return ""
        key = (level.numbering, depth)
        if (name, depth) in self.restarts and (name, depth) not in self._met:
            self._counts.pop(key, None)
        self._met.add((name, depth))
        first = self.restarts.get((name, depth), level.start)
        self._counts[key] = self._counts.get(key, first - 1) + 1
        for deeper in [known for known in self._counts if known[0] == level.numbering and known[1] > depth]:
            del self._counts[deeper]
        if level.is_bullet:
            return "" if level.format == "none" and not level.text.strip() else "-"
        return _PLACE.sub(lambda place: self._number(name, int(place[1]) - 1), level.text).strip()[:_MAX_LABEL]

    def _number(self, name: str, depth: int) -> str:
        level = self.levels.get((name, depth))
        return _written(self._counts.get((level.numbering, depth), level.start), level.format) if level else ""


def _level(part: Element, numbering: str, depth: int) -> Level:
    text = value_at(part, "lvlText")
    return Level(
        numbering=numbering,
        depth=depth,
        format=value_at(part, "numFmt") or "decimal",
        text=f"%{depth + 1}." if text is None else text,
        start=1 if (start := count(value_at(part, "start"))) is None else start,
    )


def _written(number: int, format: str) -> str:
    signs = _SIGNS.get(format, "")
    return signs[number - 1] if 0 < number <= len(signs) else _FORMATS.get(format, str)(number)
