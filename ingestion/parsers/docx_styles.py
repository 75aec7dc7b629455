"""What a Word paragraph is: heading, list item or text, by its own properties and those that its style inherits."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self, cast

from docx.document import Document
from docx.oxml.parser import parse_xml

from ingestion.parsers.xml_tree import Element, w

_HEADING_NAME = re.compile(r"heading ([1-9])")
_MAX_BASED_ON = 10


@dataclass(frozen=True, slots=True)
class ListLevel:
    """Which list an item belongs to, how deep (0 is outermost), and whether it is numbered, from `start`."""

    list: str
    level: int
    numbered: bool
    start: int


@dataclass(frozen=True, slots=True)
class ParagraphStyle:
    """`heading` is 1-6, or 0 for no heading."""

    heading: int
    is_title: bool
    list: ListLevel | None


@dataclass(frozen=True, slots=True)
class Styles:
    """The document's styles and numberings by id."""

    styles: Mapping[str, Element]
    numberings: Mapping[tuple[str, int], ListLevel]

    @classmethod
    def of(cls, document: Document) -> Self:
        root = cast("Element", document.styles.element)
        styles = {style.get(w("styleId")) or "": style for style in root.iter(w("style"))}
        return cls(styles, _numberings(document))

    def paragraph(self, paragraph: Element) -> ParagraphStyle:
        """What the paragraph is; the nearest of its own properties, its style's and its style's ancestors' counts."""
        heading, is_title = 0, False
        numbering: str | None = None
        level: str | None = None
        for properties, name in self._chain(paragraph):
            named = _HEADING_NAME.fullmatch(name)
            outline = _value(properties, "outlineLvl")
            is_title = is_title or name == "title"
            if not heading and (named or (outline or "9").isdigit()):
                heading = int(named[1]) if named else int(outline or 9) + 1
                heading = 0 if heading > 9 else min(heading, 6)
            numbering = numbering or _value(properties, f"numPr/{w('numId')}")
            level = level or _value(properties, f"numPr/{w('ilvl')}")
        item = self.numberings.get((numbering or "", int(level or 0))) if (level or "0").isdigit() else None
        return ParagraphStyle(heading or int(is_title), is_title, item)

    def _chain(self, paragraph: Element) -> list[tuple[Element | None, str]]:
        own = paragraph.find(w("pPr"))
        chain: list[tuple[Element | None, str]] = [(own, "")]
        style_id = _value(own, "pStyle")
        while style_id is not None and len(chain) <= _MAX_BASED_ON:
            style = self.styles.get(style_id)
            if style is None:
                break
            chain.append((style.find(w("pPr")), (_value(style, "name") or "").lower()))
            style_id = _value(style, "basedOn")
        return chain


def _numberings(document: Document) -> dict[tuple[str, int], ListLevel]:
    found: dict[tuple[str, int], ListLevel] = {}
    for relation in document.part.rels.values():
        if not relation.reltype.endswith("/numbering") or relation.is_external:
            continue
        root = cast("Element", parse_xml(relation.target_part.blob))
        abstract = {part.get(w("abstractNumId")): part for part in root.iter(w("abstractNum"))}
        for number in root.iter(w("num")):
            name = number.get(w("numId")) or ""
            shape = abstract.get(_value(number, "abstractNumId"))
            for level in shape.iter(w("lvl")) if shape is not None else ():
                depth, start = level.get(w("ilvl")) or "", _value(level, "start") or ""
                kind = _value(level, "numFmt")
                if depth.isdigit() and kind != "none":
                    first = int(start) if start.isdigit() else 1
                    found[name, int(depth)] = ListLevel(name, min(int(depth), 8), kind != "bullet", first)
    return found


def _value(parent: Element | None, path: str) -> str | None:
    """The `w:val` of the element at the path, whose first step is a name in Word's namespace."""
    head, *rest = path.split("/", 1)
    found = parent.find("/".join([w(head), *rest])) if parent is not None else None
    return found.get(w("val")) if found is not None else None
