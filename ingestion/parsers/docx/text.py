"""A Word paragraph's characters, as its reader sees them: without what was deleted or is hidden, notes by number."""

import re
from dataclasses import dataclass, field

from ingestion.normalize import fold_glyphs
from ingestion.parsers.docx.formulas import formula
from ingestion.parsers.docx.styles import Styles
from ingestion.parsers.docx.symbols import shown
from ingestion.parsers.docx.xml_tree import Element, count_letters, is_on, m, name_of, value_at, w

_SKIPPED = frozenset(
    (
        "pPr",
        "rPr",
        "del",
        "moveFrom",
        "Fallback",
        "instrText",
        "rt",
        "sdtPr",
        "sdtEndPr",
        "tblPr",
        "tblGrid",
        "trPr",
        "tcPr",
    )
)
_CHARACTERS = {"tab": "\t", "ptab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-", "p": " ", "tbl": " "}
_OFF = ("0", "off", "false")
_PICTURE = "{http://schemas.openxmlformats.org/drawingml/2006/picture}pic"
_MADE_BY_A_MACHINE = re.compile(
    r"\s*(?:Description|Description générée|Beschreibung) (?:automatically|automatisch)[^.]*\.?$"
)
_NO_DESCRIPTION = re.compile(
    r".*\.(?:png|jpe?g|gif|bmp|tiff?|emf|wmf|svg|webp)|(?:image|picture|grafik|bild|img|logo|图片|圖片)?[\s_-]*\d*",
    re.IGNORECASE,
)
_RAISED_NUMBER = re.compile(r"[-+−]?\d[\d.,/]{0,5}|[-+−]")


@dataclass(slots=True)
class TextReader:
    """Reads paragraphs one after the other. `notes` are those referred to so far that were not written yet."""

    styles: Styles
    hidden: int = 0
    """Characters left out because they are not seen."""
    notes: list[tuple[str, str, int]] = field(default_factory=list[tuple[str, str, int]])
    """footnote or endnote, its id, and the number under which the text refers to it."""

    _numbers: int = 0
    _parts: list[str] = field(default_factory=list[str])

    def read(self, paragraph: Element, *, boxes: bool = False, shaded: bool = False) -> str:
        """The paragraph's own characters; with `boxes` those in its text boxes too. `shaded`: it is on a colour."""
        outer, self._parts = self._parts, []
        self._walk(paragraph, paragraph, boxes=boxes, shaded=shaded)
        text, self._parts = "".join(self._parts), outer
        return text

    def _walk(self, element: Element, paragraph: Element, *, boxes: bool, shaded: bool) -> None:
        for child in element:
            name = name_of(child)
            if name == "t":
                self._parts.append(child.text or "")
            elif name == "r" and child.tag == w("r"):
                self._run(child, paragraph, boxes=boxes, shaded=shaded)
            elif name in ("oMath", "oMathPara"):
                self._parts.append(self._formula(child, paragraph, shaded=shaded))
            elif name in ("footnoteReference", "endnoteReference"):
                self._refer(name.removesuffix("Reference"), child.get(w("id")) or "")
            elif name in ("inline", "anchor", "shape"):
                self._parts.append(_description(child))
                self._walk(child, paragraph, boxes=boxes, shaded=True)
            elif name == "sym":
                self._parts.append(_symbol(child))
            elif name == "checkBox":
                self._parts.append("☒" if _is_checked(child) else "☐")
            elif name == "p":
                self._parts.append(" ")
                self._walk(child, child, boxes=boxes, shaded=shaded)
            elif name not in _SKIPPED and (boxes or name != "txbxContent"):
                self._parts.append(_CHARACTERS.get(name, ""))
                self._walk(child, paragraph, boxes=boxes, shaded=shaded)

    def _run(self, run: Element, paragraph: Element, *, boxes: bool, shaded: bool) -> None:
        if self.styles.is_hidden(run, paragraph, shaded=shaded):
            self.hidden += count_letters(run)
            return
        before, start = "".join(self._parts[-2:])[-1:], len(self._parts)
        self._walk(run, paragraph, boxes=boxes, shaded=shaded)
        if font := _font(run):
            self._parts[start:] = [shown(part, font) for part in self._parts[start:]]
        is_raised = before.isalnum() and value_at(run, "rPr/vertAlign") == "superscript"
        if is_raised and _RAISED_NUMBER.fullmatch("".join(self._parts[start:])):
            self._parts.insert(start, "^")

    def _formula(self, math: Element, paragraph: Element, *, shaded: bool) -> str:
        for part in list(math.iter(m("r"), m("phant"))):
            parent, show = part.getparent(), part.find(f"{m('phantPr')}/{m('show')}")
            is_blank = show is not None and show.get(m("val")) in _OFF
            if parent is not None and (is_blank or self.styles.is_hidden(part, paragraph, shaded=shaded)):
                self.hidden += count_letters(part)
                parent.remove(part)
        return formula(math)

    def _refer(self, kind: str, id: str) -> None:
        self._numbers += 1
        self.notes.append((kind, id, self._numbers))
        self._parts.append(f"[{self._numbers}]")


def _description(drawing: Element) -> str:
    """What the author says that a picture shows; nothing for other shapes, whose text stands in them."""
    properties = next((child for child in drawing if name_of(child) == "docPr"), None)
    if properties is not None:
        has_picture = next(drawing.iter(_PICTURE), None) is not None
        told = (properties.get("descr") or "") if has_picture else ""
    else:
        has_picture = any(name_of(child) == "imagedata" for child in drawing)
        told = (drawing.get("alt") or "") if has_picture else ""
    told = _MADE_BY_A_MACHINE.sub("", told.strip())
    return "" if _NO_DESCRIPTION.fullmatch(told) else f" {told} "


def _font(run: Element) -> str:
    """The font that the run asks for itself."""
    fonts = run.find(f"{w('rPr')}/{w('rFonts')}")
    return (fonts.get(w("ascii")) or "") if fonts is not None else ""


def _is_checked(box: Element) -> bool:
    said = is_on(box, "checked")
    return bool(is_on(box, "default") if said is None else said)


def _symbol(symbol: Element) -> str:
    """A character of a symbol font, where it is one that is known; Word moves them into the private area."""
    code = symbol.get(w("char")) or ""
    if not re.fullmatch("[0-9A-Fa-f]{2,5}", code):
        return ""
    character = fold_glyphs(shown(chr(int(code, 16)), symbol.get(w("font")) or ""))
    return "" if "\ue000" <= character <= "\uf8ff" else character
