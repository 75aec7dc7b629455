"""A PDF page's characters as PDFium reads them, without those that nobody can see."""

from collections import deque
from ctypes import byref
from dataclasses import dataclass
from itertools import repeat
from typing import cast

import numpy as np
import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c
from numpy.typing import NDArray

from ingestion.parsers.pdf.drawn import Drawn, Floats, View
from ingestion.parsers.pdf.native import Handle, handle, plain
from ingestion.parsers.pdf.objects import size_of
from ingestion.parsers.pdf.unseen import unseen_characters

LINE_ENDS = (0x0A, 0x0D)
HYPHENS = (0x02, 0xFFFE)  # what PDFium puts in the place of a hyphen at a line's end, with no line end after it

_unicode_of, _text_of = plain("FPDFText_GetUnicode"), plain("FPDFText_GetText")
_box_of, _is_unmapped = plain("FPDFText_GetLooseCharBox"), plain("FPDFText_HasUnicodeMapError")

_TINY = 1.0  # points: smaller letters are read by machines only
_ZERO_WIDTH = (0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0x3164, 0xFEFF, 0xFFA0)
_TAG_HALF = 0xDB40  # the first half of U+E0000 to U+E03FF, where a character comes in two


@dataclass(frozen=True, slots=True, eq=False)
class Characters:
    """A page's characters: their codes, boxes (n, 4) as shown, and indices in PDFium's own count.

    `inked` are the places of those with ink; `hidden` says how many were left out, and `unmapped` of how many nobody
    knows which they are.
    """

    codes: NDArray[np.uint32]
    boxes: Floats
    indices: NDArray[np.intp]
    inked: NDArray[np.intp]
    hidden: int
    unmapped: int


def read_characters(page: pdfium.PdfPage, text_page: pdfium.PdfTextPage, view: View, drawn: Drawn) -> Characters:
    count = cast("int", text_page.count_chars())
    raw = handle(text_page)
    codes = _codes(raw, count)
    inked = (codes > 0x20) & (codes != HYPHENS[1]) & (codes != 0xA0)
    boxes = view.boxes(_sides(raw, inked))
    tiny = _with_real_heights(text_page, boxes, inked)
    unread, private = _unread_and_private(codes)
    hidden = inked & (tiny | _is_outside(boxes, size_of(page)) | unread)
    hidden |= unseen_characters(page, text_page, boxes, inked & ~hidden, drawn)
    shown = inked & ~hidden
    unmapped = sum(map(_is_unmapped, repeat(raw), np.flatnonzero(shown & ~private).tolist()))
    unmapped += int((shown & private).sum())
    halves = int((codes == _TAG_HALF).sum())  # of two codes each, and one character
    kept = np.flatnonzero(~hidden)
    return Characters(codes[kept], boxes[kept], kept, np.flatnonzero(inked[kept]), int(hidden.sum()) - halves, unmapped)


def _codes(raw: Handle, count: int) -> NDArray[np.uint32]:
    """What each character is: the page's text says it at once, unless it leaves out some, as it does with controls."""
    text = np.zeros(count + 1, dtype=np.uint16)
    if _text_of(raw, 0, count, text.ctypes.data) == len(text):  # with a zero at its end
        return text[:-1].astype(np.uint32)
    return np.fromiter(map(_unicode_of, repeat(raw), range(count)), np.uint32, count)


def _sides(raw: Handle, inked: NDArray[np.bool_]) -> Floats:
    """Each inked character's left, top, right and bottom in the page's own coordinates (y upwards)."""
    sides = np.zeros((len(inked), 4), dtype=np.float32)  # PDFium writes into it
    places = np.flatnonzero(inked)
    addresses = sides.ctypes.data + places * sides.strides[0]
    deque(map(_box_of, repeat(raw), places.tolist(), addresses.tolist()), maxlen=0)
    return np.nan_to_num(sides.astype(np.float64))


def _with_real_heights(text_page: pdfium.PdfTextPage, boxes: Floats, inked: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which characters are too small to read; those whose font only hides its measures get boxes of their size."""
    tiny = np.zeros(len(boxes), dtype=np.bool_)
    small = inked & (np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]) < _TINY)
    for place in np.flatnonzero(small).tolist():
        size = font_size(text_page, place)
        tiny[place] = size < _TINY
        boxes[place, 1] = boxes[place, 3] - size
    return tiny


def font_size(text_page: pdfium.PdfTextPage, index: int) -> float:
    """The size in points in which a character is set, its matrix counted in."""
    matrix = pdfium_c.FS_MATRIX()
    size = cast("float", pdfium_c.FPDFText_GetFontSize(text_page.raw, index))
    if not pdfium_c.FPDFText_GetMatrix(text_page.raw, index, byref(matrix)):
        return size
    return size * float(np.hypot(matrix.c, matrix.d))


def _is_outside(boxes: Floats, size: tuple[float, float]) -> NDArray[np.bool_]:
    return (boxes[:, 2] <= 0) | (boxes[:, 3] <= 0) | (boxes[:, 0] >= size[0]) | (boxes[:, 1] >= size[1])


def _unread_and_private(codes: NDArray[np.uint32]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Signs without width, that steer a line's direction or only tag it; and those that Unicode leaves to each font.

    Private ones of U+F000 to U+F0FF are symbol fonts' bullets and arrows.
    """
    if codes.max(initial=0) < _ZERO_WIDTH[0]:  # most pages have neither, and looking for them takes long
        none = np.zeros(len(codes), dtype=np.bool_)
        return none, none
    unread = np.isin(codes, _ZERO_WIDTH) | ((codes >= 0xE0000) & (codes <= 0xE0FFF)) | (codes == _TAG_HALF)
    unread[1:] |= codes[:-1] == _TAG_HALF
    return unread, ((codes >= 0xE000) & (codes <= 0xEFFF)) | ((codes >= 0xF100) & (codes <= 0xF8FF))
