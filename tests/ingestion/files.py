"""Files to parse, written by hand: small PDFs and Word archives whose every byte is known."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pypdfium2 as pdfium
from PIL import Image, ImageDraw, ImageFont

SCAN_DPI = 200
CONTENT_TYPES = (
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/><Override PartName="/word/document.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>'
)
RELATIONS = (
    '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="rId1" Target="word/document.xml" '
    'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"/></Relationships>'
)
W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


@dataclass(frozen=True, slots=True)
class Text:
    """A line of a PDF page; x and y are the baseline's start in the page's own coordinates, y upwards.

    `paint` are operators before it, such as "1 g" for white and "3 Tr" for no paint at all.
    """

    x: float
    y: float
    text: str
    size: float = 10
    bold: bool = False
    paint: str = ""


@dataclass(frozen=True, slots=True)
class PdfPage:
    """A page; `drawing` are operators before its texts (see `rules`, `picture`), `over` those after them.

    `states` are graphics states by name, such as "/Half << /ca 0.5 >>" for `/Half gs`; with a matrix `as_form` all of
    it is a form that the page draws.
    """

    texts: Sequence[Text] = ()
    drawing: str = ""
    over: str = ""
    states: str = ""
    as_form: str = ""
    media: tuple[float, float, float, float] = (0, 0, 612, 792)
    crop: tuple[float, float, float, float] | None = None
    rotate: int = 0


def pdf(*pages: PdfPage, info: Mapping[str, str] | None = None, meant: Mapping[str, str] | None = None) -> bytes:
    """A PDF in Helvetica, with a cross-reference table that holds; `meant` says what else its letters stand for."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"",
        _font("Helvetica", "/ToUnicode 6 0 R" if meant else ""),
        _font("Helvetica-Bold"),
        ("<< " + " ".join(f"/{key} ({value})" for key, value in (info or {}).items()) + " >>").encode("latin-1"),
    ]
    if meant:
        objects.append(_stream(_to_unicode(meant).encode()))
    kids: list[int] = []
    for page in pages:
        stream = "\n".join([page.drawing, *(_shown(text) for text in page.texts), page.over]).encode("cp1252")
        resources = f"/Resources << /Font << /F1 3 0 R /F2 4 0 R >> /ExtGState << {page.states} >> >>"
        if page.as_form:
            objects.append(_stream(stream, f"/Type /XObject /Subtype /Form /BBox [{_numbers(page.media)}] {resources}"))
            resources = f"/Resources << /XObject << /Inner {len(objects)} 0 R >> >>"
            stream = f"q {page.as_form} cm /Inner Do Q".encode()
        objects.append(_stream(stream))
        crop = f"/CropBox [{_numbers(page.crop)}]" if page.crop else ""
        objects.append(
            (
                f"<< /Type /Page /Parent 2 0 R /MediaBox [{_numbers(page.media)}] {crop} /Rotate {page.rotate} "
                f"{resources} /Contents {len(objects)} 0 R >>"
            ).encode()
        )
        kids.append(len(objects))
    objects[1] = f"<< /Type /Pages /Count {len(kids)} /Kids [{' '.join(f'{kid} 0 R' for kid in kids)}] >>".encode()
    return _file(objects)


def scanned(content: bytes, turned: bool = False) -> bytes:
    """A PDF as a scanner makes it of the printed pages: pictures of them, each on its page, nothing else."""
    pictures: list[Image.Image] = []
    with closing(pdfium.PdfDocument(content)) as document:
        for page in document:
            bitmap = page.render(scale=SCAN_DPI / 72)  # pyright: ignore - its types say int, and a float will do
            picture = cast("pdfium.PdfBitmap", bitmap).to_pil().convert("L")
            pictures.append(picture.rotate(180) if turned else picture)
    packed = io.BytesIO()
    pictures[0].save(packed, "PDF", save_all=True, append_images=pictures[1:], resolution=SCAN_DPI)
    return packed.getvalue()


def scanned_with(font: Path, *said: str) -> bytes:
    """A page that a scanner made of these lines of 14 points, of which the first is 0.4 inches below the top."""
    picture = Image.new("L", (round(8.3 * SCAN_DPI), round(2 * SCAN_DPI)), 255)
    letters = ImageFont.truetype(font, round(0.2 * SCAN_DPI))
    for number, line in enumerate(said):
        ImageDraw.Draw(picture).text((0.5 * SCAN_DPI, (0.4 + 0.35 * number) * SCAN_DPI), line, fill=0, font=letters)
    packed = io.BytesIO()
    picture.save(packed, "PDF", resolution=SCAN_DPI)
    return packed.getvalue()


def lines(*texts: str, x: float = 72, top: float = 720, leading: float = 12, size: float = 10) -> list[Text]:
    """Texts one below the other."""
    return [Text(x, top - leading * number, text, size) for number, text in enumerate(texts)]


def word_archive(body: str, **parts: str) -> bytes:
    """A Word file with that body; `parts` are more entries by name, "/" written as "__"."""
    document = f'<?xml version="1.0"?><w:document {W}><w:body>{body}</w:body></w:document>'
    return archive(
        {
            "[Content_Types].xml": CONTENT_TYPES,
            "_rels/.rels": RELATIONS,
            "word/document.xml": document,
            **{name.replace("__", "/"): content for name, content in parts.items()},
        }
    )


def archive(entries: Mapping[str, str | bytes]) -> bytes:
    """A ZIP file of the entries, the same bytes at any time: test processes name their tests by them."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as writer:
        for name, content in entries.items():
            writer.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def rules(xs: Sequence[float], ys: Sequence[float]) -> str:
    """A grid of rules: upright ones at `xs`, level ones at `ys`."""
    upright = [f"{x} {min(ys)} m {x} {max(ys)} l S" for x in xs]
    return "\n".join([*upright, *(f"{min(xs)} {y} m {max(xs)} {y} l S" for y in ys)])


def picture(x: float, y: float, width: float, height: float, greys: Sequence[int] = (68,)) -> str:
    """An image with its lower left corner at x, y: upright stripes of these shades, from 0 for black to 255."""
    shades = "".join(f"{grey:02X}" for grey in greys)
    return f"q {width} 0 0 {height} {x} {y} cm BI /W {len(greys)} /H 1 /CS /G /BPC 8 /F /AHx ID {shades}> EI Q"


def _font(name: str, more: str = "") -> bytes:
    return f"<< /Type /Font /Subtype /Type1 /BaseFont /{name} /Encoding /WinAnsiEncoding {more} >>".encode()


def _stream(content: bytes, more: str = "") -> bytes:
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(content), more.encode(), content)


def _to_unicode(meant: Mapping[str, str]) -> str:
    pairs = "\n".join(f"<{ord(sign):02X}> <{text.encode('utf-16-be').hex()}>" for sign, text in meant.items())
    return (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapType 2 def 1 begincodespacerange <00> <FF> "
        f"endcodespacerange {len(meant)} beginbfchar\n{pairs}\nendbfchar endcmap end end"
    )


def _numbers(box: Sequence[float]) -> str:
    return " ".join(map(str, box))


def _shown(text: Text) -> str:
    escaped = text.text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    shown = f"BT /F{2 if text.bold else 1} {text.size} Tf 1 0 0 1 {text.x} {text.y} Tm ({escaped}) Tj ET"
    return f"q {text.paint} {shown} Q" if text.paint else shown


def _file(objects: Sequence[bytes]) -> bytes:
    content, offsets = b"%PDF-1.7\n", list[int]()
    for number, body in enumerate(objects, 1):
        offsets.append(len(content))
        content += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    trailer = b"trailer << /Size %d /Root 1 0 R /Info 5 0 R >>" % (len(objects) + 1)
    start = len(content)
    return content + b"xref\n0 %d\n0000000000 65535 f \n%s%s\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1,
        table,
        trailer,
        start,
    )
