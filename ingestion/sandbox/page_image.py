"""A PDF's page as an image, with what is cited marked on it. Runs in the sandbox's child."""

from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from io import BytesIO
from typing import cast

import pypdfium2 as pdfium
from PIL import Image, ImageDraw

from ingestion.errors import Unreadable
from retrieval.types import Box

_LONGEST_SIDE = 4000  # pixels: a page may claim to be 200 inches wide
_MARK = (255, 214, 10, 90)
_MARGIN = 1.5  # points around a box


def render(content: bytes, number: int, boxes: Sequence[Box], scale: float) -> bytes:
    """Return page `number` (from 1) as PNG at `scale` pixels per point; raises Unreadable where there is none."""
    with _page(content, number) as page:
        scale = _bounded(page, scale)
        image = _drawn(page, scale)
    marks = Image.new("RGBA", image.size, (0, 0, 0, 0))
    pen = ImageDraw.Draw(marks)
    for x0, y0, x1, y1 in boxes:
        left, top = (x0 - _MARGIN) * scale, (y0 - _MARGIN) * scale
        right, bottom = (x1 + _MARGIN) * scale, (y1 + _MARGIN) * scale
        pen.rectangle((left, top, max(left, right), max(top, bottom)), fill=_MARK)
    image.paste(marks, mask=marks)
    png = BytesIO()
    image.save(png, "PNG")
    return png.getvalue()


def picture(content: bytes, number: int, scale: float, rotation: int) -> bytes:
    """Return page `number` (from 1) as PNG in grey, as whoever reads pictures wants it; raises Unreadable."""
    with _page(content, number) as page:
        image = _drawn(page, _bounded(page, scale), rotation).convert("L")
    png = BytesIO()
    image.save(png, "PNG", compress_level=1)
    return png.getvalue()


@contextmanager
def _page(content: bytes, number: int) -> Generator[pdfium.PdfPage]:
    try:
        with closing(pdfium.PdfDocument(content)) as document, closing(document[number - 1]) as page:
            yield page
    except (pdfium.PdfiumError, IndexError) as error:
        raise Unreadable(f"page {number} cannot be shown: {error}") from error


def _bounded(page: pdfium.PdfPage, scale: float) -> float:
    return min(scale, _LONGEST_SIDE / max(*page.get_size(), 1.0))


def _drawn(page: pdfium.PdfPage, scale: float, rotation: int = 0) -> Image.Image:
    bitmap = page.render(scale=scale, rotation=rotation)  # pyright: ignore - its types say int, its documentation float
    with closing(cast("pdfium.PdfBitmap", bitmap)) as drawn:
        return drawn.to_pil().convert("RGB")
