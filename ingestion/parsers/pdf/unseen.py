"""Which characters of a PDF page nobody sees, although they are on it: geometry asks, the page's picture answers.

They are not painted, in the colour of what is behind, under what is drawn later, or cut off by a clipping path. The
last three are told by drawing the page with the pieces of text in question and without them. A searchable scan's text
is none of it, painted or not, below its picture or above: the picture says the same.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import closing
from itertools import repeat
from typing import cast

import numpy as np
import pypdfium2 as pdfium
from numpy.typing import NDArray

from ingestion.parsers.pdf.drawn import Drawn, Floats, middles
from ingestion.parsers.pdf.native import Handle, handle, plain
from ingestion.parsers.pdf.objects import bounds, size_of

Flags = NDArray[np.bool_]
Grey = NDArray[np.uint8]
Pieces = NDArray[np.int64]
"""For each character the address of the text object that draws it; 0 where nobody asks."""

_piece_of, _set_drawn = plain("FPDFText_GetTextObject"), plain("FPDFPageObj_SetIsActive")

_SCAN_SHARE = 0.1  # of the page: images that cover less are no scan, and unseen text on them is no scan's
_CONTRAST = 12  # levels of grey, of 256, by which text that is seen stands out
_INSET = 0.2  # of the characters' height, at their top and at their bottom
_PIXELS_PER_POINT = 2.0
_LONGEST_SIDE = 2400  # pixels


def unseen_characters(
    page: pdfium.PdfPage, text_page: pdfium.PdfTextPage, boxes: Floats, asked: Flags, drawn: Drawn
) -> Flags:
    """Which of the characters asked for are unseen."""
    painted, pictured = drawn.painted.over(boxes), drawn.pictured.over(boxes)
    if not (drawn.unpainted or drawn.pale or drawn.clips):
        asked = asked & ((painted > 0) | (pictured > 0))
    if not asked.any():
        return asked
    pieces = _pieces(text_page, asked)
    order = _order(pieces, drawn)
    unpainted, pale = np.isin(pieces, list(drawn.unpainted)), np.isin(pieces, list(drawn.pale))
    is_painted_over = painted > order
    covered = ~unpainted & (is_painted_over | (pictured > order))
    cut = ~unpainted & _is_cut(boxes, pieces, drawn)
    on_scan = asked & _is_on_scan(boxes, drawn.images, size_of(page))
    unseen = unpainted & (~on_scan | is_painted_over)
    if not (pale | covered | cut | (unseen & on_scan)).any():
        return unseen
    screen = _Screen(page, boxes)
    for flags in (covered, cut):  # one after the other: the one may lie on the other
        missing = flags & ~screen.changes(flags, pieces, drawn.texts)
        unseen |= missing & ~_stands_in(text_page, pieces, missing, drawn.texts)
    for flags in (is_painted_over, ~is_painted_over):  # a scan that is blackened there, and one that is not
        for places in _groups(pieces, unseen & on_scan & flags):
            unseen[places] = not screen.has_contrast(places)
    for places in _groups(pieces, pale):
        unseen[places] |= not screen.has_contrast(places)
    return unseen


class _Screen:
    """The page as it is shown, with all of its text or without some of it, where its characters stand."""

    def __init__(self, page: pdfium.PdfPage, boxes: Floats) -> None:
        self._page, self._boxes = page, boxes
        self._scale = min(_PIXELS_PER_POINT, _LONGEST_SIDE / max(*size_of(page), 1.0))
        self._shown = self._picture()

    def changes(self, flags: Flags, pieces: Pieces, texts: Sequence[Handle]) -> Flags:
        """Which of the characters flagged are missed where the pieces that they are of are not drawn."""
        if not flags.any():
            return flags
        flagged = set(pieces[flags].tolist())
        away = [text for text in texts if text in flagged]
        for text in away:
            _set_drawn(text, 0)
        without = self._picture()
        for text in away:
            _set_drawn(text, 1)
        changed = np.maximum(self._shown, without) - np.minimum(self._shown, without)
        missed = np.zeros(len(flags), dtype=np.bool_)
        for place in np.flatnonzero(flags).tolist():
            missed[place] = self._part(changed, *self._boxes[place].tolist()).max(initial=0) >= _CONTRAST
        return missed

    def has_contrast(self, places: Sequence[int]) -> bool:
        """Whether something stands out where the characters stand; what is above and below may reach in there."""
        boxes = self._boxes[places]
        x0, y0, x1, y1 = boxes[:, 0].min(), boxes[:, 1].min(), boxes[:, 2].max(), boxes[:, 3].max()
        inset = _INSET * (y1 - y0)
        part = self._part(self._shown, x0, y0 + inset, x1, y1 - inset)
        return bool(part.size) and int(part.max()) - int(part.min()) >= _CONTRAST

    def _part(self, picture: Grey, *sides: float) -> Grey:
        x0, y0, x1, y1 = (max(int(side * self._scale), 0) for side in sides)
        return picture[y0 : y1 + 1, x0 : x1 + 1]

    def _picture(self) -> Grey:
        bitmap = self._page.render(scale=self._scale, grayscale=True)  # pyright: ignore - it takes a float, as it says
        with closing(cast("pdfium.PdfBitmap", bitmap)) as drawn:
            grey = cast("Grey", drawn.to_numpy())
            return grey.reshape(grey.shape[:2]).copy()


def _stands_in(text_page: pdfium.PdfTextPage, pieces: Pieces, flags: Flags, texts: Sequence[Handle]) -> Flags:
    """Which of the characters flagged are drawn twice and read once: PDFium leaves out the double, unseen or not."""
    if not flags.any():
        return flags
    read = set(_pieces(text_page, np.ones(len(pieces), dtype=np.bool_)).tolist())
    doubles = {_place(text) for text in texts if text not in read}
    flagged = set(pieces[flags].tolist())
    doubled = [text for text in texts if text in flagged and _place(text) in doubles]
    return flags & np.isin(pieces, doubled)


def _place(text: Handle) -> tuple[int, ...]:
    return tuple(round(side) for side in bounds(text))


def _pieces(text_page: pdfium.PdfTextPage, asked: Flags) -> Pieces:
    pieces = np.zeros(len(asked), dtype=np.int64)
    places = np.flatnonzero(asked).tolist()
    pieces[places] = list(map(_piece_of, repeat(handle(text_page)), places))
    return pieces


def _order(pieces: Pieces, drawn: Drawn) -> NDArray[np.intp]:
    """For each character how many pieces of text are drawn before its own; past all where nobody asks."""
    last = len(drawn.texts)
    if not (last and pieces.any()):
        return np.full(len(pieces), last)
    texts = np.array(drawn.texts, dtype=np.int64)
    sorter = np.argsort(texts)
    order = sorter[np.searchsorted(texts, pieces, sorter=sorter).clip(max=last - 1)]
    return np.where(texts[order] == pieces, order, last)


def _is_cut(boxes: Floats, pieces: Pieces, drawn: Drawn) -> Flags:
    """Which characters may be outside their clipping path."""
    is_cut = np.zeros(len(pieces), dtype=np.bool_)
    places = np.flatnonzero(np.isin(pieces, list(drawn.clips)))
    if len(places):
        clips = np.array([drawn.clips[piece] for piece in pieces[places].tolist()])
        x, y = middles(boxes[places])
        is_cut[places] = (x < clips[:, 0]) | (y < clips[:, 1]) | (x > clips[:, 2]) | (y > clips[:, 3])
    return is_cut


def _is_on_scan(boxes: Floats, images: Floats, size: tuple[float, float]) -> Flags:
    """Which characters stand on an image, if images cover enough of the page for a scan."""
    areas = (images[:, 2] - images[:, 0]) * (images[:, 3] - images[:, 1])
    on_scan = np.zeros(len(boxes), dtype=np.bool_)
    if areas.sum() >= _SCAN_SHARE * size[0] * size[1]:
        x, y = middles(boxes)
        for image in images:
            on_scan |= (image[0] <= x) & (x <= image[2]) & (image[1] <= y) & (y <= image[3])
    return on_scan


def _groups(pieces: Pieces, flags: Flags) -> Iterable[list[int]]:
    """The places flagged, by the piece of text that they are of."""
    groups: dict[int, list[int]] = defaultdict(list)
    for place in np.flatnonzero(flags).tolist():
        groups[int(pieces[place])].append(place)
    return groups.values()
