"""Files made to hurt: a few kilobytes to a few megabytes that inflate, nest, repeat or point in circles."""

import random
import zlib

from tests.ingestion.files import CONTENT_TYPES, RELATIONS, W, archive, word_archive

_TEXT = b"BT /F 9 Tf (ha) Tj ET "


def many_paragraphs() -> bytes:
    """Nine million paragraphs in a file of some hundred kilobytes."""
    return word_archive("<w:p><w:r><w:t>a</w:t></w:r></w:p>" * 9_000_000)


def dense_paragraphs() -> bytes:
    """As many as may pass for a document: 60 MiB, packed no more than 100 to 1."""
    numbers = random.Random(7)
    some = "".join(f"<w:p><w:r><w:t>{numbers.randrange(10**6)}</w:t></w:r></w:p>" for _ in range(20_000))
    return word_archive(some * 75)


def laughing_docx() -> bytes:
    """Entities of ten entities each, ten deep."""
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 11))
    document = f'<!DOCTYPE d [<!ENTITY e0 "ha">{entities}]><w:document {W}><w:body>&e10;</w:body></w:document>'
    return archive({"[Content_Types].xml": CONTENT_TYPES, "_rels/.rels": RELATIONS, "word/document.xml": document})


def wide_docx() -> bytes:
    """A table whose every cell claims two thousand million columns."""
    cell = '<w:tc><w:tcPr><w:gridSpan w:val="2000000000"/></w:tcPr><w:p><w:r><w:t>a</w:t></w:r></w:p></w:tc>'
    return word_archive(f"<w:tbl>{f'<w:tr>{cell}</w:tr>' * 1000}</w:tbl>")


def deep_html() -> bytes:
    return b"<p>the beginning</p>" + b"<div>" * 200_000 + b"the end" + b"</div>" * 200_000


def flat_html() -> bytes:
    return b"<p" + b" a=b" * 500_000 + b">text</p>" + b"<b>" * 100_000


def long_html() -> bytes:
    """A million and a half lines."""
    return b"a<br>" * 1_500_000


def inflating_pdf() -> bytes:
    """A page of a kilobyte whose content inflates, twice, to 64 MiB of nothing."""
    return _twice_packed(b"q Q " * (16 << 20))


def swelling_pdf() -> bytes:
    """A page of a kilobyte whose content inflates to a word, six million times."""
    return _twice_packed(_TEXT * (6 << 20))


def laughing_pdf() -> bytes:
    """A form that shows another ten times, ten deep."""
    ten_times = b"/X Do " * 10
    forms = [_form(b"/XObject << /X %d 0 R >>" % (number + 1), ten_times) for number in range(5, 15)]
    return _pdf(_stream(ten_times), *forms, _form(b"", _TEXT))


def repeating_pdf() -> bytes:
    """One page, half a million times."""
    kids = 500_000
    return (
        b"%PDF-1.7\n1 0 obj << /Type /Catalog /Pages 2 0 R >> endobj\n"
        b"2 0 obj << /Type /Pages /Kids ["
        + b"3 0 R " * kids
        + b"] /Count %d >> endobj\n" % kids
        + b"3 0 obj << /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >> endobj\n"
        b"trailer << /Root 1 0 R >>\n%%EOF"
    )


def looping_pdf() -> bytes:
    """Pages that are their own parents and children."""
    return (
        b"%PDF-1.7\n1 0 obj << /Type /Catalog /Pages 2 0 R >> endobj\n"
        b"2 0 obj << /Type /Pages /Kids [2 0 R 2 0 R] /Count 2000000000 /Parent 2 0 R >> endobj\n"
        b"trailer << /Root 1 0 R /Prev 0 >>\nstartxref\n0\n%%EOF"
    )


def _twice_packed(content: bytes) -> bytes:
    packed = zlib.compress(zlib.compress(content, 1), 9)
    return _pdf(_stream(packed, b"/Filter [/FlateDecode /FlateDecode]"))


def _pdf(content: bytes, *others: bytes) -> bytes:
    """A page of that content, which is object 4; the others follow it."""
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R /Resources << /XObject << /X 5 0 R >> >> >>",
        content,
        *others,
    )
    body = b"".join(b"%d 0 obj %s endobj\n" % numbered for numbered in enumerate(objects, 1))
    return b"%PDF-1.7\n" + body + b"trailer << /Root 1 0 R >>\n%%EOF"


def _form(resources: bytes, content: bytes) -> bytes:
    return _stream(content, b"/Type /XObject /Subtype /Form /BBox [0 0 99 99] /Resources << %s >>" % resources)


def _stream(content: bytes, words: bytes = b"") -> bytes:
    return b"<< %s /Length %d >> stream\n%s\nendstream" % (words, len(content), content)
