"""A PDF page's characters → its lines with their boxes, in the order in which the page writes them."""

import re
from collections.abc import Iterator, Sequence
from ctypes import byref, c_int, create_string_buffer
from dataclasses import dataclass

import numpy as np
import pypdfium2 as pdfium
from numpy.typing import NDArray

from ingestion.normalize import fold_glyphs, one_line
from ingestion.parsers.pdf.characters import HYPHENS, Characters, font_size
from ingestion.parsers.pdf.drawn import Floats
from ingestion.parsers.pdf.native import Handle, handle, plain
from ingestion.parsers.pdf.spans import AMOUNT_ENDS, CELL_GAP, CURRENCIES, RIGHT_TO_LEFT, WORD_GAP, spans
from retrieval.types import Box

_weight_of, _font_of = plain("FPDFText_GetFontWeight"), plain("FPDFText_GetFontInfo")

_BOLD_WEIGHT = 600
_BOLD_NAME = re.compile(b"bold|black|heavy", re.IGNORECASE)
_LONGEST_NAME = 128
_MOST_RULES = 500  # looked at for each line
_HYPHENS = tuple(map(chr, HYPHENS))
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
    if not len(characters.inked):
        return []
    rules = down[:_MOST_RULES]
    return _joined(list(_lines(text_page, characters, rules, number)), rules)


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
    if len(boxes) == 1:
        return boxes[0]
    x0s, y0s, x1s, y1s = zip(*boxes, strict=True)
    return (min(x0s), min(y0s), max(x1s), max(y1s))


def _lines(text_page: pdfium.PdfTextPage, characters: Characters, rules: Floats, page: int) -> Iterator[Line]:
    raw, codes = handle(text_page), characters.codes
    said = _decoded(codes)
    if RIGHT_TO_LEFT.search(said):
        said = _decoded(_in_order(codes, characters.boxes))
    has_halves = bool(((codes & 0xF800) == 0xD800).any())
    inked, indices = characters.inked.tolist(), characters.indices[characters.inked].tolist()
    for span in spans(characters, said, rules):
        start, end = span.parts[0][0], span.parts[-1][1]
        bold = _is_bold(raw, indices[start]) and _is_bold(raw, indices[end - 1])
        size = font_size(text_page, indices[(start + end) // 2])
        texts = [
            _text(said[inked[first] : inked[last - 1] + 1], has_halves=has_halves) for first, last, _ in span.parts
        ]
        told = [place for place, text in enumerate(texts) if text]
        hyphen = said[inked[end - 1] + 1 : inked[end - 1] + 2] in _HYPHENS
        for place in told:
            box = span.parts[place][2]
            yield Line(texts[place], page, box, span.height, size, bold, hyphen and place == told[-1])


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


def _decoded(codes: NDArray[np.uint32]) -> str:
    return np.minimum(codes, 0x10FFFF).tobytes().decode("utf-32-le", "surrogatepass")


def _text(said: str, *, has_halves: bool) -> str:
    if has_halves:  # characters past U+FFFF may come as two
        said = said.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    text = one_line(fold_glyphs(said))
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


def _is_bold(text_page: Handle, index: int) -> bool:
    if _weight_of(text_page, index) >= _BOLD_WEIGHT:
        return True
    name = create_string_buffer(_LONGEST_NAME)
    _font_of(text_page, index, name, _LONGEST_NAME, byref(c_int()))
    return _BOLD_NAME.search(name.value) is not None


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
    if ord(other.text[0]) in CURRENCIES and ord(one.text[-1]) in AMOUNT_ENDS:
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
    joint = "" if _gap(left, right) < WORD_GAP and not is_rtl else " "
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
