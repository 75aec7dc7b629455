"""What a PDF page draws: ruled lines, where its images lie, and what may keep pieces of its text from being seen."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from ctypes import byref, c_int
from dataclasses import dataclass, field
from itertools import repeat

import numpy as np
import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c
from numpy.typing import NDArray

from ingestion.parsers.pdf.native import Handle, handle, plain
from ingestion.parsers.pdf.objects import (
    LINE,
    Matrix,
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

_count_on_page, _object_on_page = plain("FPDFPage_CountObjects"), plain("FPDFPage_GetObject")
_count_in_form, _object_in_form = plain("FPDFFormObj_CountObjects"), plain("FPDFFormObj_GetObject")
_kind_of, _mode_of = plain("FPDFPageObj_GetType"), plain("FPDFTextObj_GetTextRenderMode")
_fill_of, _stroke_of = plain("FPDFPageObj_GetFillColor"), plain("FPDFPageObj_GetStrokeColor")
_clip_of, _clips_in = plain("FPDFPageObj_GetClipPath"), plain("FPDFClipPath_CountPaths")
_segment_in_clip = plain("FPDFClipPath_GetPathSegment")
_draw_mode_of, _count_segments = plain("FPDFPath_GetDrawMode"), plain("FPDFPath_CountSegments")
_NO_TEXT = pdfium_c.FPDF_TEXTRENDERMODE_UNKNOWN
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

    `unpainted` and `pale` are or may be unseen; `clips`: the box within which one that reaches
    out of it is sure to be shown.
    """

    across: Floats
    down: Floats
    images: Floats
    texts: Sequence[Handle]
    unpainted: frozenset[Handle]
    pale: frozenset[Handle]
    clips: Mapping[Handle, Floats]
    painted: Covers
    pictured: Covers


def read_drawn(page: pdfium.PdfPage, view: View) -> Drawn:
    found = _Found()
    raw = handle(page)
    _read(list(map(_object_on_page, repeat(raw), range(_count_on_page(raw)))), None, 0, found)
    unpainted, pale = _hard_to_see(found.texts, found.modes)
    boxes = view.boxes(_sides(found.strokes))
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    return Drawn(
        across=boxes[(height <= _THIN) & (width >= _SHORT)],
        down=boxes[(width <= _THIN) & (height >= _SHORT)],
        images=view.boxes(_sides(found.images)),
        texts=found.texts,
        unpainted=unpainted,
        pale=pale,
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
    texts: list[Handle] = field(default_factory=list[Handle])
    modes: list[int] = field(default_factory=list[int])
    clips: dict[Handle, Box] = field(default_factory=dict[Handle, Box])
    clip_boxes: dict[tuple[Handle, ...], Box] = field(default_factory=dict[tuple[Handle, ...], Box])
    painted: list[tuple[Box, int]] = field(default_factory=list[tuple[Box, int]])
    pictured: list[tuple[Box, int]] = field(default_factory=list[tuple[Box, int]])


def _read(objects: Sequence[Handle], matrix: Matrix | None, depth: int, found: _Found) -> None:
    """Take in the objects of a page or a form, and what a form among them holds; `matrix`: of the forms around."""
    modes = list(map(_mode_of, objects))
    others = [place for place, mode in enumerate(modes) if mode == _NO_TEXT]
    texts = [each for each, mode in zip(objects, modes, strict=True) if mode != _NO_TEXT] if others else objects
    _read_clips(texts, matrix, found)
    start = 0
    for place in others:
        found.texts += objects[start:place]
        found.modes += modes[start:place]
        _read_other(objects[place], matrix, depth, found)
        start = place + 1
    found.texts += objects[start:]
    found.modes += modes[start:]


def _read_other(each: Handle, matrix: Matrix | None, depth: int, found: _Found) -> None:
    """Take in an object that is no text."""
    kind = _kind_of(each)
    if kind == pdfium_c.FPDF_PAGEOBJ_PATH:
        if found.texts or len(found.strokes) < _MOST_STROKES:
            _read_path(each, matrix, found)
    elif kind == pdfium_c.FPDF_PAGEOBJ_IMAGE:
        found.images.append(moved(bounds(each), matrix))
        found.pictured.append((found.images[-1], len(found.texts)))
    elif kind == pdfium_c.FPDF_PAGEOBJ_SHADING:
        found.painted.append((moved(bounds(each), matrix), len(found.texts)))
    elif kind == pdfium_c.FPDF_PAGEOBJ_FORM and depth < _DEEPEST:
        held = list(map(_object_in_form, repeat(each), range(_count_in_form(each))))
        _read(held, times(matrix_of(each), matrix), depth + 1, found)


def _hard_to_see(texts: Sequence[Handle], modes: Sequence[int]) -> tuple[frozenset[Handle], frozenset[Handle]]:
    """Which text objects are not painted, and which in a colour that may be that of what is behind."""
    if not any(map(modes.count, (_UNPAINTED, *_OUTLINES))):
        return frozenset(), frozenset(_pale(texts, _fill_of))
    unpainted = [text for text, mode in zip(texts, modes, strict=True) if mode == _UNPAINTED]
    outlines = [text for text, mode in zip(texts, modes, strict=True) if mode in _OUTLINES]
    others = {*unpainted, *outlines}
    filled = [text for text in texts if text not in others]
    return frozenset(unpainted), frozenset((*_pale(filled, _fill_of), *_pale(outlines, _stroke_of)))


def _pale(texts: Sequence[Handle], color_of: Callable[..., int]) -> list[Handle]:
    colors = np.zeros((len(texts), 4), dtype=np.uint32)  # red, green, blue, opacity; PDFium writes into it
    first, size = colors.ctypes.data, colors.itemsize
    parts = [range(first + part * size, first + part * size + colors.nbytes, 4 * size) for part in range(4)]
    is_told = np.fromiter(map(color_of, texts, *parts), np.bool_, len(texts))
    is_pale = is_told & ((colors[:, 3] < _CLEAR) | (colors[:, :3].sum(axis=1) >= _PALE))
    return [texts[place] for place in np.flatnonzero(is_pale).tolist()]


def _read_clips(texts: Sequence[Handle], matrix: Matrix | None, found: _Found) -> None:
    clips = list(map(_clip_of, texts))
    counts = list(map(_clips_in, clips))
    if max(counts, default=0) > 0:
        for text, clip, count in zip(texts, clips, counts, strict=True):
            if count > 0:
                _read_clip(text, clip, count, matrix, found)


def _read_clip(text: Handle, clip: Handle, count: int, matrix: Matrix | None, found: _Found) -> None:
    """Take in where a text object is sure to be shown, if it reaches out of there; many share their clipping paths."""
    firsts = tuple(_segment_in_clip(clip, number, 0) for number in range(count))
    if firsts not in found.clip_boxes:
        found.clip_boxes[firsts] = shared([upright(clip, number) for number in range(count)])
    left, top, right, bottom = found.clip_boxes[firsts]
    own = bounds(text)
    if own[0] < left or own[1] > top or own[2] > right or own[3] < bottom:
        found.clips[text] = moved((left, top, right, bottom), matrix)


def _read_path(each: Handle, matrix: Matrix | None, found: _Found) -> None:
    """Take in what a path draws; a filled area is a background, and says little of where a cell ends."""
    sides = bounds(each)
    fill, stroke = c_int(), c_int()
    if not _draw_mode_of(each, byref(fill), byref(stroke)) or not (stroke.value or fill.value):
        return
    thin = min(sides[2] - sides[0], sides[1] - sides[3]) <= _THIN
    if found.texts and fill.value:
        found.painted.append((moved(sides, matrix), len(found.texts)))
    if len(found.strokes) < _MOST_STROKES and thin:
        found.strokes.append(moved(sides, matrix))
    if not stroke.value or (thin and not found.texts):
        return
    count = _count_segments(each)
    whole = times(matrix_of(each), matrix)
    if found.texts and count == LINE:
        found.painted.append((line(each, whole), len(found.texts)))
    if len(found.strokes) < _MOST_STROKES and not thin and count <= _MOST_SEGMENTS:
        found.strokes.extend(moved(segment, whole) for segment in straight(each))
