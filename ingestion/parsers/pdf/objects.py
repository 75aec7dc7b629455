"""PDFium's page objects in numbers: where they lie, and the shapes of paths and clipping paths."""

import math
from collections.abc import Iterator, Sequence
from ctypes import byref, c_float
from typing import cast

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from ingestion.parsers.pdf.native import Handle, plain
from retrieval.types import Box

Matrix = tuple[float, float, float, float, float, float]

LINE = 2  # segments of a path from one point to another
_MOST_CORNERS = 6  # of a rectangle, the first and the last counted twice

_bounds_of, _matrix_of = plain("FPDFPageObj_GetBounds"), plain("FPDFPageObj_GetMatrix")
_width_of = plain("FPDFPageObj_GetStrokeWidth")
_count, _segment_at = plain("FPDFPath_CountSegments"), plain("FPDFPath_GetPathSegment")
_count_in_clip = plain("FPDFClipPath_CountPathSegments")
_segment_in_clip = plain("FPDFClipPath_GetPathSegment")
_point_of, _kind_of = plain("FPDFPathSegment_GetPoint"), plain("FPDFPathSegment_GetType")
_closes = plain("FPDFPathSegment_GetClose")


def size_of(page: pdfium.PdfPage) -> tuple[float, float]:
    """Width and height of the page as shown, in points."""
    return cast("tuple[float, float]", page.get_size())


def upright(clip: Handle, number: int) -> Box:
    """One of the clipping paths, if it is a rectangle; of any other shape nothing is sure to be inside."""
    x, y = c_float(), c_float()
    corners = set[tuple[float, float]]()
    count = _count_in_clip(clip, number)
    for place in range(count if count <= _MOST_CORNERS else 0):
        segment = _segment_in_clip(clip, number, place)
        if _point_of(segment, byref(x), byref(y)):
            corners.add((x.value, y.value))
    xs, ys = sorted({x for x, _ in corners}), sorted({y for _, y in corners})
    return (xs[0], ys[1], xs[1], ys[0]) if len(corners) == 4 == len(xs) * len(ys) else (0.0, 0.0, 0.0, 0.0)


def shared(boxes: Sequence[Box]) -> Box:
    """What lies in all of the boxes; without width or height where nothing does."""
    left, bottom = max(box[0] for box in boxes), max(box[3] for box in boxes)
    right, top = min(box[2] for box in boxes), min(box[1] for box in boxes)
    return (left, max(top, bottom), max(right, left), bottom)


def line(each: Handle, matrix: Matrix) -> Box:
    """What a stroke from one point to another covers; the path's own bounds are much too wide."""
    x, y, width = c_float(), c_float(), c_float()
    _width_of(each, byref(width))
    half = width.value * math.sqrt(abs(matrix[0] * matrix[3] - matrix[1] * matrix[2])) / 2
    points: list[Box] = []
    for number in range(LINE):
        _point_of(_segment_at(each, number), byref(x), byref(y))
        points.append(moved((x.value, y.value, x.value, y.value), matrix))
    (x0, y0, *_), (x1, y1, *_) = points
    return (min(x0, x1) - half, max(y0, y1) + half, max(x0, x1) + half, min(y0, y1) - half)


def straight(each: Handle) -> Iterator[Box]:
    """The path's upright and level segments, as left, top, right, bottom in its own coordinates."""
    x, y = c_float(), c_float()
    start = last = (0.0, 0.0)
    for number in range(_count(each)):
        segment = _segment_at(each, number)
        if not _point_of(segment, byref(x), byref(y)):
            continue
        point = (x.value, y.value)
        kind = _kind_of(segment)
        if kind == pdfium_c.FPDF_SEGMENT_MOVETO:
            start = point
        elif kind == pdfium_c.FPDF_SEGMENT_LINETO:
            yield from _level_or_upright(last, point)
        last = point
        if _closes(segment):
            yield from _level_or_upright(point, start)
            last = start


def _level_or_upright(one: tuple[float, float], other: tuple[float, float]) -> Iterator[Box]:
    if one != other and (abs(one[0] - other[0]) < 0.5 or abs(one[1] - other[1]) < 0.5):
        yield (min(one[0], other[0]), max(one[1], other[1]), max(one[0], other[0]), min(one[1], other[1]))


def bounds(each: Handle) -> Box:
    """Left, top, right, bottom, in the coordinates of what the object lies in."""
    left, bottom, right, top = c_float(), c_float(), c_float(), c_float()
    if not _bounds_of(each, byref(left), byref(bottom), byref(right), byref(top)):
        return (0.0, 0.0, 0.0, 0.0)
    return (left.value, top.value, right.value, bottom.value)


def matrix_of(each: Handle) -> Matrix:
    found = pdfium_c.FS_MATRIX()
    if not _matrix_of(each, byref(found)):
        return (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
    return (found.a, found.b, found.c, found.d, found.e, found.f)


def times(inner: Matrix, outer: Matrix | None) -> Matrix:
    if outer is None:
        return inner
    a, b, c, d, e, f = inner
    p, q, r, s, t, u = outer
    return (a * p + b * r, a * q + b * s, c * p + d * r, c * q + d * s, e * p + f * r + t, e * q + f * s + u)


def moved(sides: Box, matrix: Matrix | None) -> Box:
    if matrix is None:
        return sides
    a, b, c, d, e, f = matrix
    corners = [(a * x + c * y + e, b * x + d * y + f) for x in (sides[0], sides[2]) for y in (sides[1], sides[3])]
    xs, ys = [x for x, _ in corners], [y for _, y in corners]
    return (min(xs), max(ys), max(xs), min(ys))
