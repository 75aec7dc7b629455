"""What a PDF page draws: its ruled lines, where its images lie, and which pieces of its text may not be seen."""

from collections.abc import Iterator
from ctypes import byref, c_float, c_int, c_uint, c_void_p, cast
from dataclasses import dataclass, field

import numpy as np
import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c
from numpy.typing import NDArray

from retrieval.types import Box

Floats = NDArray[np.float64]

_DEEPEST = 8  # forms in forms
_MOST_STROKES = 5000  # on a page; maps and drawings have more, and no tables among them
_MOST_SEGMENTS = 400  # of one path
_THIN = 3.0  # points
_SHORT = 6.0
_PALE = 640  # red, green and blue together, of 765: text this light may be white on white
_CLEAR = 26  # of 255: text less opaque than this is as good as not there

# Asked for every object, and some pages have one for each letter: what is not looked up costs nothing.
_kind_of, _mode_of = pdfium_c.FPDFPageObj_GetType, pdfium_c.FPDFTextObj_GetTextRenderMode
_fill_of, _stroke_of = pdfium_c.FPDFPageObj_GetFillColor, pdfium_c.FPDFPageObj_GetStrokeColor
_TEXT, _PATH = pdfium_c.FPDF_PAGEOBJ_TEXT, pdfium_c.FPDF_PAGEOBJ_PATH
_UNPAINTED = pdfium_c.FPDF_TEXTRENDERMODE_INVISIBLE
_OUTLINES = (pdfium_c.FPDF_TEXTRENDERMODE_STROKE, pdfium_c.FPDF_TEXTRENDERMODE_STROKE_CLIP)

_Matrix = tuple[float, float, float, float, float, float]


@dataclass(frozen=True, slots=True)
class View:
    """How a page is shown: its crop box and rotation."""

    crop: tuple[float, float, float, float]
    rotation: int

    def boxes(self, sides: Floats) -> Floats:
        """From left, top, right, bottom in the page's own coordinates (y upwards) to boxes as `Line` has them.

        That is x0, y0, x1, y1 in points from the top left of the crop box as shown.
        """
        left, bottom, right, top = self.crop
        x, y = sides[:, [0, 2]], sides[:, [1, 3]]
        match self.rotation:
            case 90:
                x, y = y - bottom, x - left
            case 180:
                x, y = right - x, y - bottom
            case 270:
                x, y = top - y, right - x
            case _:
                x, y = x - left, top - y
        return np.stack((x.min(axis=1), y.min(axis=1), x.max(axis=1), y.max(axis=1)), axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """A page's ruled lines and images as boxes (n, 4), and the addresses of text objects that are or may be unseen."""

    across: Floats
    down: Floats
    images: Floats
    unpainted: frozenset[int]
    pale: frozenset[int]


def read_drawn(page: pdfium.PdfPage, view: View) -> Drawn:
    found = _Found()
    raw = page.raw
    for number in range(pdfium_c.FPDFPage_CountObjects(raw)):
        _read(pdfium_c.FPDFPage_GetObject(raw, number), None, 0, found)
    boxes = view.boxes(np.array(found.strokes, dtype=np.float64).reshape(-1, 4))
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    return Drawn(
        across=boxes[(height <= _THIN) & (width >= _SHORT)],
        down=boxes[(width <= _THIN) & (height >= _SHORT)],
        images=view.boxes(np.array(found.images, dtype=np.float64).reshape(-1, 4)),
        unpainted=frozenset(found.unpainted),
        pale=frozenset(found.pale),
    )


@dataclass(slots=True)
class _Found:
    """What the walk over a page's objects gathers, in the page's own coordinates."""

    strokes: list[Box] = field(default_factory=list[Box])
    images: list[Box] = field(default_factory=list[Box])
    unpainted: set[int] = field(default_factory=set[int])
    pale: set[int] = field(default_factory=set[int])
    color: tuple[c_uint, c_uint, c_uint, c_uint] = field(init=False)
    asked: tuple[object, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.color = (c_uint(), c_uint(), c_uint(), c_uint())
        self.asked = tuple(byref(part) for part in self.color)


def _read(each: object, matrix: _Matrix | None, depth: int, found: _Found) -> None:
    """Take in an object, and what a form holds; `matrix` is that of the forms around it."""
    kind = _kind_of(each)
    if kind == _TEXT:
        _read_text(each, found)
    elif kind == _PATH:
        if len(found.strokes) < _MOST_STROKES:
            _read_path(each, matrix, found)
    elif kind == pdfium_c.FPDF_PAGEOBJ_IMAGE:
        found.images.append(_moved(_bounds(each), matrix))
    elif kind == pdfium_c.FPDF_PAGEOBJ_FORM and depth < _DEEPEST:
        inner = _times(_matrix(each), matrix)
        for number in range(pdfium_c.FPDFFormObj_CountObjects(each)):
            _read(pdfium_c.FPDFFormObj_GetObject(each, number), inner, depth + 1, found)


def address(each: object) -> int:
    """What tells two handles of PDFium's apart."""
    return cast(each, c_void_p).value or 0  # pyright: ignore[reportArgumentType] - a ctypes pointer


def _read_text(each: object, found: _Found) -> None:
    mode = _mode_of(each)
    if mode == _UNPAINTED:
        found.unpainted.add(address(each))
        return
    is_outline = mode in _OUTLINES
    red, green, blue, alpha = found.color
    asked = (_stroke_of if is_outline else _fill_of)(each, *found.asked)
    if asked and (alpha.value < _CLEAR or red.value + green.value + blue.value >= _PALE):
        found.pale.add(address(each))


def _read_path(each: object, matrix: _Matrix | None, found: _Found) -> None:
    sides = _bounds(each)
    thin = min(sides[2] - sides[0], sides[1] - sides[3]) <= _THIN
    fill, stroke = c_int(), c_int()
    if not pdfium_c.FPDFPath_GetDrawMode(each, byref(fill), byref(stroke)) or not (
        stroke.value or (fill.value and thin)
    ):
        return  # a filled area is a background, and says little of where a cell ends
    if thin:
        found.strokes.append(_moved(sides, matrix))
    elif pdfium_c.FPDFPath_CountSegments(each) <= _MOST_SEGMENTS:
        whole = _times(_matrix(each), matrix)
        found.strokes.extend(_moved(segment, whole) for segment in _straight(each))


def _straight(each: object) -> Iterator[Box]:
    """The path's upright and level segments, as left, top, right, bottom in its own coordinates."""
    x, y = c_float(), c_float()
    start = last = (0.0, 0.0)
    for number in range(pdfium_c.FPDFPath_CountSegments(each)):
        segment = pdfium_c.FPDFPath_GetPathSegment(each, number)
        if not pdfium_c.FPDFPathSegment_GetPoint(segment, byref(x), byref(y)):
            continue
        point = (x.value, y.value)
        kind = pdfium_c.FPDFPathSegment_GetType(segment)
        if kind == pdfium_c.FPDF_SEGMENT_MOVETO:
            start = point
        elif kind == pdfium_c.FPDF_SEGMENT_LINETO:
            yield from _level_or_upright(last, point)
        last = point
        if pdfium_c.FPDFPathSegment_GetClose(segment):
            yield from _level_or_upright(point, start)
            last = start


def _level_or_upright(one: tuple[float, float], other: tuple[float, float]) -> Iterator[Box]:
    if one != other and (abs(one[0] - other[0]) < 0.5 or abs(one[1] - other[1]) < 0.5):
        yield (min(one[0], other[0]), max(one[1], other[1]), max(one[0], other[0]), min(one[1], other[1]))


def _bounds(each: object) -> Box:
    """Left, top, right, bottom, in the coordinates of what the object lies in."""
    left, bottom, right, top = c_float(), c_float(), c_float(), c_float()
    if not pdfium_c.FPDFPageObj_GetBounds(each, byref(left), byref(bottom), byref(right), byref(top)):
        return (0.0, 0.0, 0.0, 0.0)
    return (left.value, top.value, right.value, bottom.value)


def _matrix(each: object) -> _Matrix:
    found = pdfium_c.FS_MATRIX()
    if not pdfium_c.FPDFPageObj_GetMatrix(each, byref(found)):
        return (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
    return (found.a, found.b, found.c, found.d, found.e, found.f)


def _times(inner: _Matrix, outer: _Matrix | None) -> _Matrix:
    if outer is None:
        return inner
    a, b, c, d, e, f = inner
    p, q, r, s, t, u = outer
    return (a * p + b * r, a * q + b * s, c * p + d * r, c * q + d * s, e * p + f * r + t, e * q + f * s + u)


def _moved(sides: Box, matrix: _Matrix | None) -> Box:
    if matrix is None:
        return sides
    a, b, c, d, e, f = matrix
    corners = [(a * x + c * y + e, b * x + d * y + f) for x in (sides[0], sides[2]) for y in (sides[1], sides[3])]
    xs, ys = [x for x, _ in corners], [y for _, y in corners]
    return (min(xs), max(ys), max(xs), min(ys))
