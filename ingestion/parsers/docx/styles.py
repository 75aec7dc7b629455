"""What a Word paragraph is, and whether a run is seen: by their own properties and those that their styles inherit."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self, cast

from docx.document import Document

from ingestion.parsers.docx.xml_tree import Element, is_on, value_at, w

# Word names its own styles in English whatever its language; other programs, and people, do not.
_HEADING_NAME = re.compile(
    r"(?:heading|überschrift|titre|título|titolo|kop|rubrik|overskrift|otsikko|nagłówek|nadpis|címsor|başlık|заголовок|"
    r"επικεφαλίδα|标题|標題|見出し|제목)\s*([1-9])"
)
_CONTENTS_NAME = re.compile(r"toc \d|table of figures|(?:contents|verzeichnis|sommaire|目录|目錄|目次|목차) ?\d")
_MAX_BASED_ON = 10  # styles, each based on the next: a circle ends here
_TINY_HALF_POINTS = 3
_NEAR_WHITE = re.compile(r"(?:F[0-9A-F]){3}")

Chain = list[tuple[Element | None, str]]


@dataclass(frozen=True, slots=True)
class ParagraphStyle:
    """`heading` is 1-6, or 0 for no heading; `numbering` names the list, if any, and the depth in it."""

    heading: int
    is_title: bool
    is_contents: bool
    numbering: tuple[str, int] | None


@dataclass(frozen=True, slots=True)
class Styles:
    """The document's styles by id."""

    styles: Mapping[str, Element]
    paper: str | None
    """The colour of the document's background, if it has one."""
    _chains: dict[tuple[str | None, str], Chain] = field(default_factory=dict[tuple[str | None, str], Chain])

    @classmethod
    def of(cls, document: Document) -> Self:
        root = cast("Element", document.styles.element)
        styles = {style.get(w("styleId")) or "": style for style in root.iter(w("style"))}
        background = cast("Element", document.element).find(w("background"))
        return cls(styles, background.get(w("color")) if background is not None else None)

    def paragraph(self, paragraph: Element) -> ParagraphStyle:
        """What the paragraph is; the nearest of its own properties, its style's and its style's ancestors' counts."""
        heading, is_title, is_contents = 0, False, False
        numbering: str | None = None
        depth: str | None = None
        own = paragraph.find(w("pPr"))
        for properties, name in [(own, ""), *self._chain(value_at(own, "pStyle"), "pPr")]:
            named = _HEADING_NAME.fullmatch(name)
            outline = value_at(properties, "outlineLvl")
            is_title = is_title or name == "title"
            is_contents = is_contents or _CONTENTS_NAME.fullmatch(name) is not None
            if not heading and (named or (outline or "9").isdigit()):
                heading = int(named[1]) if named else int(outline or 9) + 1
                heading = 0 if heading > 9 else min(heading, 6)
            numbering = numbering or value_at(properties, "numPr/numId")
            depth = depth or value_at(properties, "numPr/ilvl")
        in_list = (numbering, min(int(depth or 0), 8)) if numbering and (depth or "0").isdigit() else None
        return ParagraphStyle(heading or int(is_title), is_title, is_contents, in_list)

    def is_hidden(self, run: Element, paragraph: Element, *, shaded: bool) -> bool:
        """Whether the run's text is not seen: hidden, tiny or white; white is seen where something is `shaded`."""
        looks = self._looks(run, paragraph)
        if _has_vanished(looks):
            return True
        size = _nearest(looks, "sz")
        if size.isdigit() and int(size) <= _TINY_HALF_POINTS:
            return True
        color = _nearest(looks, "color")
        return _NEAR_WHITE.fullmatch(color.upper()) is not None and not (
            shaded or self.paper or any(map(is_shaded, looks)) or self._has_shaded_paragraph(paragraph.find(w("pPr")))
        )

    def has_vanished(self, run: Element, paragraph: Element) -> bool:
        """Whether the run is hidden with all that is anchored in it, such as a text box."""
        return _has_vanished(self._looks(run, paragraph))

    def shades(self, style_id: str | None) -> bool:
        """Whether the style or one that it is based on paints anything, such as the first row of a table."""
        return any(
            is_shaded(properties)
            for style in self._styles(style_id)
            for properties in (style, *style.iter(w("tcPr")), *style.iter(w("pPr")), *style.iter(w("rPr")))
        )

    def _looks(self, run: Element, paragraph: Element) -> list[Element | None]:
        """The run's own properties, its style's and its paragraph's style's: the nearest first."""
        own, around = run.find(w("rPr")), paragraph.find(w("pPr"))
        looks = [own, *(part for part, _ in self._chain(value_at(own, "rStyle"), "rPr"))]
        return looks + [part for part, _ in self._chain(value_at(around, "pStyle"), "rPr")]

    def _has_shaded_paragraph(self, properties: Element | None) -> bool:
        parts = [properties, *(part for part, _ in self._chain(value_at(properties, "pStyle"), "pPr"))]
        return any(map(is_shaded, parts))

    def _chain(self, style_id: str | None, part: str) -> Chain:
        """The part of the style and of its ancestors, with their names in lower case."""
        known = self._chains.get((style_id, part))
        if known is not None:
            return known
        chain: Chain = [(s.find(w(part)), (value_at(s, "name") or "").lower()) for s in self._styles(style_id)]
        if style_id is not None and style_id not in self.styles:
            chain = [(None, style_id.lower())]  # some programs name a style of Word's without bringing it
        self._chains[style_id, part] = chain
        return chain

    def _styles(self, style_id: str | None) -> Iterator[Element]:
        for _ in range(_MAX_BASED_ON):
            style = self.styles.get(style_id or "")
            if style is None:
                return
            yield style
            style_id = value_at(style, "basedOn")


def _has_vanished(looks: Sequence[Element | None]) -> bool:
    switches = (is_on(part, "vanish") for part in looks)
    return next((is_said for is_said in switches if is_said is not None), False)


def _nearest(looks: Sequence[Element | None], name: str) -> str:
    """The value that counts: the first that is said."""
    values = (value_at(part, name) for part in looks)
    return next((value for value in values if value is not None), "")


def is_shaded(properties: Element | None) -> bool:
    """Whether the properties of a run, paragraph or cell paint what is behind the text, in anything but white."""
    if properties is None:
        return False
    highlight, shading = value_at(properties, "highlight"), properties.find(w("shd"))
    if highlight not in (None, "none", "white"):
        return True
    if shading is None:
        return False
    fill = (shading.get(w("fill")) or "auto").upper()
    return (shading.get(w("val")) == "solid") or (fill != "AUTO" and not _NEAR_WHITE.fullmatch(fill))
