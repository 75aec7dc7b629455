"""What no reader of a Word document sees for its place: drawings, with text boxes in them, frames and floating tables.

What a place is counted from (the page, a margin, a column, a line) lies on the page, so whatever starts further than a
page from it is not seen; what starts nearer is taken for seen. A drawing may be switched off as well.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from ingestion.parsers.docx.xml_tree import Element, count_letters, m, name_of, w

_WP = "{http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing}"
_VML = "{urn:schemas-microsoft-com:vml}"
_SHAPES = ("shape", "rect", "roundrect", "oval", "group")
_DRAWINGS = (f"{_WP}anchor", f"{_WP}inline", *(_VML + name for name in _SHAPES))
_FOR_OLD_READERS = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_NUMBER = re.compile(r"\s*(-?\d{1,12}(?:\.\d{1,12})?)\s*")
_RULE = re.compile(r"\s*([\w-]+)\s*:\s*(-?\d{0,12}\.?\d{0,12})([a-z]*)")
_POINTS = {"pt": 1.0, "in": 72.0, "cm": 72 / 2.54, "mm": 72 / 25.4, "pc": 12.0, "px": 0.75}
_EMU = 1 / 12700
_TWIP = 1 / 20
_LETTER_WIDTH, _A4_HEIGHT = 612.0, 842.0


@dataclass(frozen=True, slots=True)
class Page:
    """The width of the document's widest page and the height of its highest, in points."""

    width: float
    height: float

    @classmethod
    def of(cls, body: Element) -> Self:
        sizes = list(body.iter(w("pgSz")))
        widths, heights = ([_number(size.get(w(side))) * _TWIP for size in sizes] for side in "wh")
        return cls(max(widths, default=0) or _LETTER_WIDTH, max(heights, default=0) or _A4_HEIGHT)

    def shows(self, drawing: Element) -> bool:
        if name_of(drawing) in _SHAPES:
            style = (drawing.get("style") or "").lower()
            is_off, (left, top, width, height) = "visibility:hidden" in style.replace(" ", ""), _styled(style)
        else:
            switch = drawing.find(f"{_WP}docPr")
            is_off = switch is not None and switch.get("hidden") in ("1", "true")
            left, top, width, height = _anchored(drawing)
        return not is_off and self._reaches(left, top, width, height)

    def shows_frame(self, place: Element) -> bool:
        """Whether the frame or floating table with this place is seen; one of no size is taken for a page's."""
        left, top = (_number(place.get(w(way)) or place.get(w(f"tblp{way.upper()}"))) * _TWIP for way in "xy")
        width, height = (_number(place.get(w(side))) * _TWIP for side in "wh")
        return self._reaches(left, top, width or self.width, height or self.height)

    def _reaches(self, left: float, top: float, width: float, height: float) -> bool:
        """Whether some of it may lie on the page."""
        across = -self.width < left + width and left < self.width
        return across and -self.height < top + height and top < self.height


def remove_unseen(root: Element, page: Page) -> int:
    """Take out what is not seen for its place; gives how many letters stood in it."""
    unseen = [drawing for drawing in root.iter(*_DRAWINGS) if not page.shows(drawing)]
    for place in root.iter(w("framePr"), w("tblpPr")):
        properties = place.getparent()
        framed = properties.getparent() if properties is not None else None
        if framed is not None and not page.shows_frame(place):
            unseen.append(framed)
    return sum(_remove(element) for element in unseen)


def _remove(element: Element) -> int:
    """The letters that go with it: none that only old readers would read, or that went with what is around it."""
    parent, letters = element.getparent(), 0
    if next(element.iterancestors(_FOR_OLD_READERS), None) is None:
        letters = count_letters(element)
    for text in element.iter(w("t"), m("t")):
        text.text = ""
    if parent is not None:
        parent.remove(element)
    return letters


def _styled(style: str) -> tuple[float, float, float, float]:
    """Left, top, width and height in points of a shape with this style; a length without a unit counts as none."""
    lengths = {name: float(number) * _POINTS[unit] for name, number, unit in _rules(style) if unit in _POINTS}
    left, top = (lengths.get(f"margin-{side}", lengths.get(side, 0.0)) for side in ("left", "top"))
    return left, top, lengths.get("width", 0.0), lengths.get("height", 0.0)


def _rules(style: str) -> Iterator[tuple[str, str, str]]:
    for rule in style.split(";"):
        found = _RULE.match(rule)
        if found and re.search(r"\d", found[2]):
            yield found[1], found[2], found[3]


def _anchored(drawing: Element) -> tuple[float, float, float, float]:
    """The same of an anchor; what stands in the line or is only aligned is at the place that it is counted from."""
    places = (drawing.find(f"{_WP}position{way}/{_WP}posOffset") for way in "HV")
    left, top = (_number(place.text) * _EMU if place is not None else 0.0 for place in places)
    if drawing.get("simplePos") in ("1", "true") and (simple := drawing.find(f"{_WP}simplePos")) is not None:
        left, top = (_number(simple.get(way)) * _EMU for way in "xy")
    extent = drawing.find(f"{_WP}extent")
    width, height = (_number(extent.get(way)) * _EMU if extent is not None else 0.0 for way in ("cx", "cy"))
    return left, top, width, height


def _number(text: str | None) -> float:
    """The number; 0 where there is none."""
    found = _NUMBER.fullmatch(text or "")
    return float(found[1]) if found else 0.0
