"""A PDF page's characters as PDFium reads them, without those that nobody can see."""

from contextlib import closing
from ctypes import byref
from dataclasses import dataclass
from typing import cast

import numpy as np
import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c
from numpy.typing import NDArray

from ingestion.parsers.pdf.drawn import Drawn, Floats, View, address

LINE_ENDS = (0x0A, 0x0D)
HYPHENS = (0x02, 0xFFFE)  # what PDFium puts in the place of a hyphen at a line's end, with no line end after it

_TINY = 1.0  # points: smaller letters are read by machines only
_SCAN_SHARE = 0.1  # of the page: images that cover less are no scan, and unpainted text on them is no scan's
_CONTRAST = 12  # levels of grey, of 256, between the darkest and the lightest point of a piece of text that is seen
_PIXELS_PER_POINT = 2.0
_LONGEST_SIDE = 2400  # pixels
_ZERO_WIDTH = (0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xFEFF)
_TAG_HALF = 0xDB40  # the first half of U+E0000 to U+E03FF, where a character comes in two


@dataclass(frozen=True, slots=True, eq=False)
class Characters:
    """A page's characters: their codes, boxes (n, 4) as shown, and indices in PDFium's own count.

    `inked` are the places of those with ink; `hidden` says how many were left out.
    """

    codes: NDArray[np.uint32]
    boxes: Floats
    indices: NDArray[np.intp]
    inked: NDArray[np.intp]
    hidden: int


def read_characters(page: pdfium.PdfPage, text_page: pdfium.PdfTextPage, view: View, drawn: Drawn) -> Characters:
    count = text_page.count_chars()
    rectangles = (pdfium_c.FS_RECTF * count)()
    raw = text_page.raw
    unicode_of, box_of = pdfium_c.FPDFText_GetUnicode, pdfium_c.FPDFText_GetLooseCharBox
    codes = np.fromiter((unicode_of(raw, index) for index in range(count)), np.uint32, count)
    for index, rectangle in enumerate(rectangles):
        box_of(raw, index, rectangle)
    sides = np.frombuffer(rectangles, np.float32).reshape(count, 4).astype(np.float64)  # left, top, right, bottom
    boxes = view.boxes(np.nan_to_num(sides))
    inked = (codes > 0x20) & ~np.isin(codes, (*HYPHENS, 0xA0))
    tiny = _with_real_heights(text_page, boxes, inked)
    hidden = inked & (tiny | _is_outside(boxes, page.get_size()) | _is_unread(codes))
    if drawn.unpainted or drawn.pale:
        hidden |= inked & ~hidden & _is_unseen(page, text_page, boxes, inked & ~hidden, drawn)
    kept = np.flatnonzero(~hidden)
    halves = int((codes == _TAG_HALF).sum())  # of two codes each, and one character
    return Characters(codes[kept], boxes[kept], kept, np.flatnonzero(inked[kept]), int(hidden.sum()) - halves)


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
    size = pdfium_c.FPDFText_GetFontSize(text_page.raw, index)
    if not pdfium_c.FPDFText_GetMatrix(text_page.raw, index, byref(matrix)):
        return size
    return size * float(np.hypot(matrix.c, matrix.d))


def _is_outside(boxes: Floats, size: tuple[float, float]) -> NDArray[np.bool_]:
    return (boxes[:, 2] <= 0) | (boxes[:, 3] <= 0) | (boxes[:, 0] >= size[0]) | (boxes[:, 1] >= size[1])


def _is_unread(codes: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Signs without width, that steer a line's direction or only tag it."""
    unread = np.isin(codes, _ZERO_WIDTH) | ((codes >= 0xE0000) & (codes <= 0xE0FFF)) | (codes == _TAG_HALF)
    unread[1:] |= codes[:-1] == _TAG_HALF
    return unread


def _is_unseen(
    page: pdfium.PdfPage, text_page: pdfium.PdfTextPage, boxes: Floats, asked: NDArray[np.bool_], drawn: Drawn
) -> NDArray[np.bool_]:
    """Which of the characters asked for are not painted, unless over a scan, or in the colour of what is behind."""
    unseen = np.zeros(len(boxes), dtype=np.bool_)
    pale: dict[int, list[int]] = {}
    scan = drawn.images if _share(drawn.images, page.get_size()) >= _SCAN_SHARE else drawn.images[:0]
    for place in np.flatnonzero(asked).tolist():
        piece = address(pdfium_c.FPDFText_GetTextObject(text_page.raw, place))
        if piece in drawn.unpainted:
            unseen[place] = not _is_over(boxes[place], scan)
        elif piece in drawn.pale:
            pale.setdefault(piece, []).append(place)
    if pale:
        picture, scale = _picture(page)
        for places in pale.values():
            unseen[places] = not _is_seen(boxes[places], picture, scale)
    return unseen


def _share(images: Floats, size: tuple[float, float]) -> float:
    """How much of the page images cover, at most."""
    areas = (images[:, 2] - images[:, 0]) * (images[:, 3] - images[:, 1])
    return float(areas.sum()) / max(size[0] * size[1], 1.0)


def _is_over(box: Floats, images: Floats) -> bool:
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    inside = (images[:, 0] <= x) & (x <= images[:, 2]) & (images[:, 1] <= y) & (y <= images[:, 3])
    return bool(inside.any())


def _picture(page: pdfium.PdfPage) -> tuple[NDArray[np.uint8], float]:
    """The page in grey, and its pixels per point."""
    scale = min(_PIXELS_PER_POINT, _LONGEST_SIDE / max(*page.get_size(), 1.0))
    bitmap = page.render(scale=scale, grayscale=True)  # pyright: ignore - its types say int, its documentation float
    with closing(cast("pdfium.PdfBitmap", bitmap)) as drawn:
        grey = cast("NDArray[np.uint8]", drawn.to_numpy())
        return grey.reshape(grey.shape[:2]).copy(), scale


def _is_seen(boxes: Floats, picture: NDArray[np.uint8], scale: float) -> bool:
    """Whether a piece of text stands out from what is behind it; the edges of its box may touch a rule."""
    x0, y0, x1, y1 = boxes[:, 0].min(), boxes[:, 1].min(), boxes[:, 2].max(), boxes[:, 3].max()
    inset = 0.2 * (y1 - y0)
    rows = slice(max(int((y0 + inset) * scale), 0), max(int((y1 - inset) * scale), 0) + 1)
    columns = slice(max(int(x0 * scale), 0), max(int(x1 * scale), 0) + 1)
    part = picture[rows, columns]
    return bool(part.size) and int(part.max()) - int(part.min()) >= _CONTRAST
