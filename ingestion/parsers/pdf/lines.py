"""A PDF page's characters → its lines with their boxes, in the order in which the page writes them."""

import re
from collections.abc import Sequence
from ctypes import byref, c_int, create_string_buffer
from dataclasses import dataclass, replace
from statistics import median

import numpy as np
import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c
from numpy.typing import NDArray

from ingestion.normalize import fold_glyphs, one_line
from ingestion.parsers.pdf.characters import HYPHENS, LINE_ENDS, Characters, font_size
from ingestion.parsers.pdf.drawn import Floats
from retrieval.types import Box

CELL_GAP = 1.2  # in line heights; spaces of justified text stay below
_WORD_GAP = 0.12
_BOLD_WEIGHT = 600
_BOLD_NAME = re.compile("bold|black|heavy", re.IGNORECASE)
_CURRENCIES = tuple(map(ord, "$€£¥₩₹"))
_AMOUNT_ENDS = tuple(map(ord, "0123456789%)—–"))
_MOST_RULES = 500  # looked at for each line

RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_BRACKETS = str.maketrans("()[]{}", ")(][}{")


@dataclass(frozen=True, slots=True)
class Line:
    """A stretch of text on one line that no wide gap or rule parts: a line of prose, or what a table's cell holds.

    `size` is that of its font, `height` that of its box, in points. `hyphen`: the line broke its last word.
    """

    text: str
    page: int
    box: Box
    height: float
    size: float = 0.0
    bold: bool = False
    hyphen: bool = False


def read_lines(text_page: pdfium.PdfTextPage, characters: Characters, down: Floats, number: int) -> list[Line]:
    """Return the lines of page `number`; a gap that a rule of `down` stands in parts two of them."""
    rules = down[:_MOST_RULES]
    opens = _opens_amount(characters.codes[characters.inked])
    lines = [line for span in _spans(characters) for line in _lines(text_page, characters, span, opens, rules, number)]
    return _joined(lines, rules)


def beside(left: Line, right: Line) -> bool:
    """Whether the second stands on the same line as the first, after it as it is read."""
    overlap = min(left.box[3], right.box[3]) - max(left.box[1], right.box[1])
    smaller = min(left.height, right.height)
    if overlap <= 0.5 * smaller:
        return False
    if right.box[0] >= left.box[2] - 0.5 * smaller:
        return True
    is_rtl = RIGHT_TO_LEFT.search(left.text) or RIGHT_TO_LEFT.search(right.text)
    return is_rtl is not None and right.box[2] <= left.box[0] + 0.5 * smaller


def union(boxes: Sequence[Box]) -> Box:
    """The smallest box around all."""
    return (
        min(box[0] for box in boxes),
        min(box[1] for box in boxes),
        max(box[2] for box in boxes),
        max(box[3] for box in boxes),
    )


def _spans(characters: Characters) -> list[tuple[int, int]]:
    """The lines as [start, end) in `inked`: PDFium's own line ends, and places where the pen went back and down."""
    inked = characters.inked
    if not len(inked):
        return []
    ends = np.cumsum(np.isin(characters.codes, (*LINE_ENDS, *HYPHENS)))[inked]
    boxes = characters.boxes[inked]
    heights = boxes[:, 3] - boxes[:, 1]
    middles = (boxes[:, 1] + boxes[:, 3]) / 2
    went_down = np.abs(np.diff(middles)) > 0.7 * np.maximum(heights[1:], heights[:-1])
    went_back = np.diff(boxes[:, 0]) < -2 * heights[1:]
    starts = np.flatnonzero((np.diff(ends) != 0) | (went_down & went_back)) + 1
    return list(zip([0, *starts.tolist()], [*starts.tolist(), len(inked)], strict=True))


def _lines(
    text_page: pdfium.PdfTextPage,
    characters: Characters,
    span: tuple[int, int],
    opens: NDArray[np.bool_],
    rules: Floats,
    page: int,
) -> list[Line]:
    places = characters.inked[span[0] : span[1]]
    boxes = characters.boxes[places]
    height = median((boxes[:, 3] - boxes[:, 1]).tolist()) or 1.0
    first, last = int(places[0]), int(places[-1])
    codes = characters.codes[first : last + 1]
    is_rtl = bool((codes >= 0x590).any()) and RIGHT_TO_LEFT.search(_raw(codes)) is not None
    cuts = _cuts(boxes, height, rules, opens[span[0] : span[1] - 1], is_rtl=is_rtl)
    bold = _is_bold(text_page, int(characters.indices[first])) and _is_bold(text_page, int(characters.indices[last]))
    size = font_size(text_page, int(characters.indices[places[len(places) // 2]]))
    hyphen = last + 1 < len(characters.codes) and int(characters.codes[last + 1]) in HYPHENS
    lines: list[Line] = []
    for start, end in zip([0, *cuts], [*cuts, len(places)], strict=True):
        stretch = slice(int(places[start]), int(places[end - 1]) + 1)
        codes = _in_order(characters.codes[stretch], characters.boxes[stretch]) if is_rtl else characters.codes[stretch]
        text = _text(codes)
        if text:
            own = boxes[start:end]
            x0, y0, *_ = own.min(axis=0).tolist()
            *_, x1, y1 = own.max(axis=0).tolist()
            lines.append(Line(text, page, (x0, y0, x1, y1), height, size, bold))
    if lines and hyphen:
        lines[-1] = replace(lines[-1], hyphen=True)
    return lines


def _cuts(boxes: Floats, height: float, rules: Floats, opens_amount: NDArray[np.bool_], *, is_rtl: bool) -> list[int]:
    """The places before which a gap is wider than between words, or holds a rule that goes through the line.

    In lines that run right to left a number is written left to right, so that the pen jumps over it: there, a gap is
    one that no character of the line stands in.
    """
    if len(boxes) < 2:
        return []
    lefts, rights = boxes[1:, 0], boxes[:-1, 2]
    if is_rtl:
        lefts, rights = np.maximum(boxes[1:, 0], boxes[:-1, 0]), np.minimum(boxes[1:, 2], boxes[:-1, 2])
    gaps = lefts - rights
    cut = (gaps > CELL_GAP * height) | ((gaps > _WORD_GAP * height) & opens_amount)
    wide = np.flatnonzero((gaps > 0.1 * height) & ~cut)
    top, bottom = float(boxes[:, 1].min()), float(boxes[:, 3].max())
    through = rules[(rules[:, 1] < top + 0.3 * height) & (rules[:, 3] > bottom - 0.3 * height)]
    if len(wide) and len(through):
        x = (through[:, 0] + through[:, 2]) / 2
        cut[wide] |= ((rights[wide, None] <= x + 0.5) & (x - 0.5 <= lefts[wide, None])).any(axis=1)
    if is_rtl:
        for place in np.flatnonzero(cut).tolist():
            middle = (lefts[place] + rights[place]) / 2
            cut[place] = not ((boxes[:, 0] < middle) & (boxes[:, 2] > middle)).any()
    return (np.flatnonzero(cut) + 1).tolist()


def _opens_amount(codes: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Where a sign of currency follows an amount: in a table set that tightly, the next column."""
    return np.isin(codes[1:], _CURRENCIES) & np.isin(codes[:-1], _AMOUNT_ENDS)


def _in_order(codes: NDArray[np.uint32], boxes: Floats) -> NDArray[np.uint32]:
    """The letters of a ligature in the order in which they are read: PDFium turns them round with the line."""
    same = np.flatnonzero((boxes[1:] == boxes[:-1]).all(axis=1) & (boxes[1:, 2] > boxes[1:, 0]))
    if not len(same):
        return codes
    codes = codes.copy()
    for place in same.tolist():
        if codes[place + 1] == 0x0644 and codes[place] in (0x0622, 0x0623, 0x0625, 0x0627, 0x0671):
            codes[place], codes[place + 1] = codes[place + 1], codes[place]
    return codes


def _raw(codes: NDArray[np.uint32]) -> str:
    text = np.minimum(codes, 0x10FFFF).tobytes().decode("utf-32-le", "surrogatepass")
    if not text.isascii() and ((codes & 0xF800) == 0xD800).any():  # characters past U+FFFF may come as two halves
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def _text(codes: NDArray[np.uint32]) -> str:
    text = one_line(fold_glyphs(_raw(codes)))
    is_turned = RIGHT_TO_LEFT.search(text) is not None and _closes_first(text)
    return text.translate(_BRACKETS) if is_turned else text


def _closes_first(text: str) -> bool:
    """Whether brackets are mirrored: they close before they open, and would be in order the other way round."""
    for opening, closing in ("()", "[]"):
        if text.count(opening) == text.count(closing) > 0:
            return all(text[:place].count(closing) > text[:place].count(opening) for place in _closed(text, opening))
    return False


def _closed(text: str, opening: str) -> list[int]:
    return [place for place, sign in enumerate(text) if sign == opening]


def _is_bold(text_page: pdfium.PdfTextPage, index: int) -> bool:
    if pdfium_c.FPDFText_GetFontWeight(text_page.raw, index) >= _BOLD_WEIGHT:
        return True
    name = create_string_buffer(128)
    pdfium_c.FPDFText_GetFontInfo(text_page.raw, index, name, len(name), byref(c_int()))
    return _BOLD_NAME.search(name.value.decode("latin-1")) is not None


def _joined(lines: Sequence[Line], rules: Floats) -> list[Line]:
    """Lines that PDFium parted although they are one: a superscript and what follows, letters set one by one."""
    joined: list[Line] = []
    for line in lines:
        is_one = joined and not joined[-1].hyphen and beside(joined[-1], line)
        if is_one and _gap(joined[-1], line) <= CELL_GAP and not _is_parted(joined[-1], line, rules):
            joined[-1] = _together(joined[-1], line)
        else:
            joined.append(line)
    return joined


def _is_parted(one: Line, other: Line, rules: Floats) -> bool:
    """Whether a rule stands between two lines that stand side by side, or the second opens another amount."""
    if ord(other.text[0]) in _CURRENCIES and ord(one.text[-1]) in _AMOUNT_ENDS:
        return True
    left, right = sorted((one.box, other.box))
    middle = (max(left[1], right[1]) + min(left[3], right[3])) / 2
    x = (rules[:, 0] + rules[:, 2]) / 2
    between = (x >= left[2] - 0.5) & (x <= right[0] + 0.5) & (rules[:, 1] <= middle) & (rules[:, 3] >= middle)
    return bool(between.any())


def _gap(left: Line, right: Line) -> float:
    """Between two lines, in heights of the longer one."""
    gap = max(right.box[0] - left.box[2], left.box[0] - right.box[2])
    return gap / (left.height if len(left.text) >= len(right.text) else right.height)


def _together(left: Line, right: Line) -> Line:
    is_rtl = RIGHT_TO_LEFT.search(left.text[-1] + right.text[0]) is not None  # PDFium parts those between words only
    joint = "" if _gap(left, right) < _WORD_GAP and not is_rtl else " "
    longer = left if len(left.text) >= len(right.text) else right
    return Line(
        left.text + joint + right.text,
        left.page,
        union((left.box, right.box)),
        longer.height,
        longer.size,
        left.bold and right.bold,
        right.hyphen,
    )
