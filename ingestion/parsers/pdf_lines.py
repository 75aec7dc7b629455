"""A PDF page → its lines with their boxes, from PDFium's characters, in the order in which the page writes them."""

import re
from collections.abc import Sequence
from ctypes import byref, c_int, create_string_buffer
from dataclasses import dataclass, replace

import numpy as np
import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c
from numpy.typing import NDArray

from ingestion.normalize import fold_glyphs, one_line
from retrieval.types import Box

_LINE_ENDS = (0x0A, 0x0D)
_HYPHENS = (0x02, 0xFFFE)  # what PDFium puts in the place of a hyphen at a line's end, with no line end after it
_CELL_GAP = 1.2  # in line heights; spaces of justified text stay below
_WORD_GAP = 0.12
_BOLD_WEIGHT = 600
_BOLD_NAME = re.compile("bold|black|heavy", re.IGNORECASE)
_ONLY_CURRENCY = re.compile(r"[(\s]*(?:[$€£¥₩₹]|US\$|R\$)")
_ONLY_SUFFIX = re.compile(r"(?:[%)]|pts?|bps|x)+[)%]*")
_ONLY_MARKER = re.compile(r"[•·▪◦‣●○■□–—*-]|\[\d{1,3}\]|\(?(?:\d{1,3}|[A-Za-z]|[ivxIVX]{1,5})[.)]")

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a page; `cells` are its parts where wide gaps part it. `hyphen`: the line broke its last word."""

    cells: tuple[str, ...]
    page: int
    box: Box
    height: float
    bold: bool = False
    hyphen: bool = False

    @property
    def text(self) -> str:
        return " ".join(self.cells)


@dataclass(frozen=True, slots=True)
class _Characters:
    """A page's characters: their codes, boxes (n, 4) as the page is shown, and the indices of those with ink."""

    codes: NDArray[np.uint32]
    boxes: Floats
    inked: NDArray[np.intp]


def read_lines(page: pdfium.PdfPage, number: int) -> tuple[list[Line], bool]:
    """Return the page's lines, and whether text that lies wholly outside the page was left out."""
    text_page = page.get_textpage()
    try:
        characters = _characters(page, text_page)
        lines = _joined([line for span in _spans(characters) if (line := _line(text_page, characters, span, number))])
    finally:
        text_page.close()
    width, height = page.get_size()
    shown = [line for line in lines if _is_inside(line.box, width, height)]
    return [replace(line, box=_clipped(line.box, width, height)) for line in shown], len(shown) < len(lines)


def _characters(page: pdfium.PdfPage, text_page: pdfium.PdfTextPage) -> _Characters:
    count = text_page.count_chars()
    rectangles = (pdfium_c.FS_RECTF * count)()
    raw = text_page.raw
    unicode_of, box_of = pdfium_c.FPDFText_GetUnicode, pdfium_c.FPDFText_GetLooseCharBox
    codes = np.fromiter((unicode_of(raw, index) for index in range(count)), np.uint32, count)
    for index, rectangle in enumerate(rectangles):
        box_of(raw, index, rectangle)
    sides = np.frombuffer(rectangles, np.float32).reshape(count, 4).astype(np.float64)  # left, top, right, bottom
    boxes = _as_shown(np.nan_to_num(sides), page.get_bbox(), page.get_rotation())
    inked = (
        (codes > 0x20) & ~np.isin(codes, (*_HYPHENS, 0xA0)) & (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    )
    return _Characters(codes, boxes, np.flatnonzero(inked))


def _as_shown(sides: Floats, crop: tuple[float, float, float, float], rotation: int) -> Floats:
    """From the page's own coordinates (y upwards) to x0, y0, x1, y1 from the top left of the crop box as shown."""
    left, bottom, right, top = crop
    x, y = sides[:, [0, 2]], sides[:, [1, 3]]
    match rotation:
        case 90:
            x, y = y - bottom, x - left
        case 180:
            x, y = right - x, y - bottom
        case 270:
            x, y = top - y, right - x
        case _:
            x, y = x - left, top - y
    return np.stack((x.min(axis=1), y.min(axis=1), x.max(axis=1), y.max(axis=1)), axis=1)


def _spans(characters: _Characters) -> list[tuple[int, int]]:
    """The lines as [start, end) in `inked`: PDFium's own line ends, and places where the pen went back and down."""
    inked = characters.inked
    if not len(inked):
        return []
    ends = np.cumsum(np.isin(characters.codes, (*_LINE_ENDS, *_HYPHENS)))[inked]
    boxes = characters.boxes[inked]
    heights = boxes[:, 3] - boxes[:, 1]
    middles = (boxes[:, 1] + boxes[:, 3]) / 2
    went_down = np.abs(np.diff(middles)) > 0.7 * np.maximum(heights[1:], heights[:-1])
    went_back = np.diff(boxes[:, 0]) < -2 * heights[1:]
    starts = np.flatnonzero((np.diff(ends) != 0) | (went_down & went_back)) + 1
    return list(zip([0, *starts.tolist()], [*starts.tolist(), len(inked)], strict=True))


def _line(text_page: pdfium.PdfTextPage, characters: _Characters, span: tuple[int, int], page: int) -> Line | None:
    indices = characters.inked[span[0] : span[1]]
    boxes = characters.boxes[indices]
    height = float(np.median(boxes[:, 3] - boxes[:, 1]))
    gaps = boxes[1:, 0] - boxes[:-1, 2]
    cuts = (np.flatnonzero(gaps > _CELL_GAP * height) + 1).tolist()
    last = int(indices[-1])
    cells = [
        _text(characters.codes[int(indices[start]) : int(indices[end - 1]) + 1])
        for start, end in zip([0, *cuts], [*cuts, len(indices)], strict=True)
    ]
    cells = _row([cell for cell in cells if cell])
    if not cells:
        return None
    box = (boxes[:, 0].min(), boxes[:, 1].min(), boxes[:, 2].max(), boxes[:, 3].max())
    return Line(
        tuple(cells),
        page,
        (float(box[0]), float(box[1]), float(box[2]), float(box[3])),
        height,
        bold=_is_bold(text_page, int(indices[0])) and _is_bold(text_page, last),
        hyphen=last + 1 < len(characters.codes) and int(characters.codes[last + 1]) in _HYPHENS,
    )


def _text(codes: NDArray[np.uint32]) -> str:
    text = "".join(map(chr, np.minimum(codes, 0x10FFFF).tolist()))
    if bool(((codes & 0xF800) == 0xD800).any()):  # characters past U+FFFF may come as two halves
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return one_line(fold_glyphs(text))


def _is_bold(text_page: pdfium.PdfTextPage, index: int) -> bool:
    if pdfium_c.FPDFText_GetFontWeight(text_page.raw, index) >= _BOLD_WEIGHT:
        return True
    name = create_string_buffer(128)
    pdfium_c.FPDFText_GetFontInfo(text_page.raw, index, name, len(name), byref(c_int()))
    return _BOLD_NAME.search(name.value.decode("latin-1")) is not None


def _row(cells: Sequence[str]) -> list[str]:
    """Cells with what belongs together in one: "$" and its number, a number and its "%", a bullet and its text."""
    row: list[str] = []
    for cell in cells:
        if row and (_ONLY_CURRENCY.fullmatch(row[-1]) or (len(row) == 1 and _ONLY_MARKER.fullmatch(row[0]))):
            row[-1] += f" {cell}"
        elif row and _ONLY_SUFFIX.fullmatch(cell):
            row[-1] += f" {cell}" if cell[0].isalnum() or cell[0] == "%" else cell
        else:
            row.append(cell)
    return row


def _joined(lines: Sequence[Line]) -> list[Line]:
    """Lines that PDFium parted although they stand side by side: cells of a row, or a superscript and what follows."""
    joined: list[Line] = []
    for line in lines:
        if joined and not joined[-1].hyphen and _is_beside(joined[-1], line):
            joined[-1] = _together(joined[-1], line)
        else:
            joined.append(line)
    return joined


def _is_beside(left: Line, right: Line) -> bool:
    overlap = min(left.box[3], right.box[3]) - max(left.box[1], right.box[1])
    smaller = min(left.height, right.height)
    return overlap > 0.5 * smaller and right.box[0] >= left.box[2] - 0.5 * smaller


def _together(left: Line, right: Line) -> Line:
    gap = right.box[0] - left.box[2]
    height = left.height if len(left.text) >= len(right.text) else right.height
    if gap > _CELL_GAP * height:
        cells = _row([*left.cells, *right.cells])
    else:
        joint = "" if gap < _WORD_GAP * height else " "
        cells = [*left.cells[:-1], left.cells[-1] + joint + right.cells[0], *right.cells[1:]]
    box = (
        min(left.box[0], right.box[0]),
        min(left.box[1], right.box[1]),
        max(left.box[2], right.box[2]),
        max(left.box[3], right.box[3]),
    )
    return Line(tuple(cells), left.page, box, height, bold=left.bold and right.bold, hyphen=right.hyphen)


def _is_inside(box: Box, width: float, height: float) -> bool:
    return box[2] > 0 and box[3] > 0 and box[0] < width and box[1] < height


def _clipped(box: Box, width: float, height: float) -> Box:
    x0, x1 = (round(min(max(side, 0.0), width), 2) for side in (box[0], box[2]))
    y0, y1 = (round(min(max(side, 0.0), height), 2) for side in (box[1], box[3]))
    return (x0, y0, x1, y1)
