"""What a PDF page draws: ruled lines, where its images lie, and what may keep pieces of its text from being seen."""

from collections.abc import Iterable, Mapping, Sequence
from ctypes import byref, c_int, c_uint
from dataclasses import dataclass, field

import numpy as np
import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c
from numpy.typing import NDArray

from ingestion.parsers.pdf.objects import (
    LINE,
    Matrix,
    address,
    bounds,
    line,
    matrix_of,
    moved,
    shared,
    straight,
    times,
    upright,
)
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
_clip_of, _clips_in = pdfium_c.FPDFPageObj_GetClipPath, pdfium_c.FPDFClipPath_CountPaths
_TEXT, _PATH = pdfium_c.FPDF_PAGEOBJ_TEXT, pdfium_c.FPDF_PAGEOBJ_PATH
_UNPAINTED = pdfium_c.FPDF_TEXTRENDERMODE_INVISIBLE
_OUTLINES = (pdfium_c.FPDF_TEXTRENDERMODE_STROKE, pdfium_c.FPDF_TEXTRENDERMODE_STROKE_CLIP)


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
class Covers:
    """What may hide text that is drawn before it: boxes (n, 4), and for each how many text objects that are."""

    boxes: Floats
    texts: NDArray[np.intp]

    def over(self, boxes: Floats) -> NDArray[np.intp]:
        """For each box, how many text objects are drawn before the last cover over its middle; 0 if none is."""
        last = np.zeros(len(boxes), dtype=np.intp)
        x, y = middles(boxes)
        order = np.argsort(y)
        starts, ends = np.searchsorted(y[order], self.boxes[:, 1]), np.searchsorted(y[order], self.boxes[:, 3])
        for number in np.flatnonzero(starts < ends).tolist():
            level = order[starts[number] : ends[number]]
            last[level[(self.boxes[number, 0] < x[level]) & (x[level] < self.boxes[number, 2])]] = self.texts[number]
        return last


def middles(boxes: Floats) -> tuple[Floats, Floats]:
    return (boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """A page's ruled lines and images as boxes (n, 4), and its text objects in the order in which they are drawn.

    Those that are or may be unseen by their addresses; `clips`: the box within which one that reaches
    out of it is sure to be shown.
    """

    across: Floats
    down: Floats
    images: Floats
    texts: Sequence[object]
    unpainted: frozenset[int]
    pale: frozenset[int]
    clips: Mapping[int, Floats]
    painted: Covers
    pictured: Covers


def read_drawn(page: pdfium.PdfPage, view: View) -> Drawn:
    found = _Found()
    raw = page.raw
    for number in range(pdfium_c.FPDFPage_CountObjects(raw)):
        _read(pdfium_c.FPDFPage_GetObject(raw, number), None, 0, found)
    boxes = view.boxes(_sides(found.strokes))
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    return Drawn(
        across=boxes[(height <= _THIN) & (width >= _SHORT)],
        down=boxes[(width <= _THIN) & (height >= _SHORT)],
        images=view.boxes(_sides(found.images)),
        texts=found.texts,
        unpainted=frozenset(found.unpainted),
        pale=frozenset(found.pale),
        clips=dict(zip(found.clips, view.boxes(_sides(found.clips.values())), strict=True)),
        painted=_covers(found.painted, view),
        pictured=_covers(found.pictured, view),
    )


def _covers(found: Sequence[tuple[Box, int]], view: View) -> Covers:
    return Covers(view.boxes(_sides(box for box, _ in found)), np.array([texts for _, texts in found], dtype=np.intp))


def _sides(boxes: Iterable[Box]) -> Floats:
    return np.array(list(boxes), dtype=np.float64).reshape(-1, 4)


@dataclass(slots=True)
class _Found:
    """What the walk over a page's objects gathers, in the page's own coordinates."""

    strokes: list[Box] = field(default_factory=list[Box])
    images: list[Box] = field(default_factory=list[Box])
    texts: list[object] = field(default_factory=list[object])
    unpainted: set[int] = field(default_factory=set[int])
    pale: set[int] = field(default_factory=set[int])
    clips: dict[int, Box] = field(default_factory=dict[int, Box])
    clip_boxes: dict[tuple[int, ...], Box] = field(default_factory=dict[tuple[int, ...], Box])
    painted: list[tuple[Box, int]] = field(default_factory=list[tuple[Box, int]])
    pictured: list[tuple[Box, int]] = field(default_factory=list[tuple[Box, int]])
    color: tuple[c_uint, c_uint, c_uint, c_uint] = field(init=False)
    asked: tuple[object, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.color = (c_uint(), c_uint(), c_uint(), c_uint())
        self.asked = tuple(byref(part) for part in self.color)


def _read(each: object, matrix: Matrix | None, depth: int, found: _Found) -> None:
    """Take in an object, and what a form holds; `matrix` is that of the forms around it."""
    kind = _kind_of(each)
    if kind == _TEXT:
        _read_text(each, matrix, found)
    elif kind == _PATH:
        if found.texts or len(found.strokes) < _MOST_STROKES:
            _read_path(each, matrix, found)
    elif kind == pdfium_c.FPDF_PAGEOBJ_IMAGE:
        found.images.append(moved(bounds(each), matrix))
        found.pictured.append((found.images[-1], len(found.texts)))
    elif kind == pdfium_c.FPDF_PAGEOBJ_SHADING:
        found.painted.append((moved(bounds(each), matrix), len(found.texts)))
    elif kind == pdfium_c.FPDF_PAGEOBJ_FORM and depth < _DEEPEST:
        inner = times(matrix_of(each), matrix)
        for number in range(pdfium_c.FPDFFormObj_CountObjects(each)):
            _read(pdfium_c.FPDFFormObj_GetObject(each, number), inner, depth + 1, found)


def _read_text(each: object, matrix: Matrix | None, found: _Found) -> None:
    found.texts.append(each)
    clip = _clip_of(each)
    count = _clips_in(clip)
    if count > 0:
        _read_clip(each, clip, count, matrix, found)
    mode = _mode_of(each)
    if mode == _UNPAINTED:
        found.unpainted.add(address(each))
        return
    is_outline = mode in _OUTLINES
    red, green, blue, alpha = found.color
    asked = (_stroke_of if is_outline else _fill_of)(each, *found.asked)
    if asked and (alpha.value < _CLEAR or red.value + green.value + blue.value >= _PALE):
        found.pale.add(address(each))


def _read_clip(each: object, clip: object, count: int, matrix: Matrix | None, found: _Found) -> None:
    """Take in where a text object is sure to be shown, if it reaches out of there; many share their clipping paths."""
    firsts = tuple(address(pdfium_c.FPDFClipPath_GetPathSegment(clip, number, 0)) for number in range(count))
    if firsts not in found.clip_boxes:
        found.clip_boxes[firsts] = shared([upright(clip, number) for number in range(count)])
    left, top, right, bottom = found.clip_boxes[firsts]
    own = bounds(each)
    if own[0] < left or own[1] > top or own[2] > right or own[3] < bottom:
        found.clips[address(each)] = moved((left, top, right, bottom), matrix)


def _read_path(each: object, matrix: Matrix | None, found: _Found) -> None:
    """Take in what a path draws; a filled area is a background, and says little of where a cell ends."""
    sides = bounds(each)
    fill, stroke = c_int(), c_int()
    if not pdfium_c.FPDFPath_GetDrawMode(each, byref(fill), byref(stroke)) or not (stroke.value or fill.value):
        return
    thin = min(sides[2] - sides[0], sides[1] - sides[3]) <= _THIN
    if found.texts and fill.value:
        found.painted.append((moved(sides, matrix), len(found.texts)))
    if len(found.strokes) < _MOST_STROKES and thin:
        found.strokes.append(moved(sides, matrix))
    if not stroke.value or (thin and not found.texts):
        return
    count = pdfium_c.FPDFPath_CountSegments(each)
    whole = times(matrix_of(each), matrix)
    if found.texts and count == LINE:
        found.painted.append((line(each, whole), len(found.texts)))
    if len(found.strokes) < _MOST_STROKES and not thin and count <= _MOST_SEGMENTS:
        found.strokes.extend(moved(segment, whole) for segment in straight(each))
