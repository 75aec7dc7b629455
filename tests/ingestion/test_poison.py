"""Files made to hurt, through the real intake, children and worker: each ends soon, with a reason, and harms nobody."""

import io
import time
import zlib
from collections.abc import Callable
from dataclasses import replace

import pytest

from ingestion.intake import IncomingFile
from ingestion.types import Accepted
from tests.ingestion.conftest import Library
from tests.ingestion.files import word_archive
from tests.ingestion.test_worker import upload, wait_for, working

_SETTLED = {"ready", "partial", "failed"}
SECONDS = 60.0  # on a busy machine; a bomb that goes off takes minutes, or all memory


def many_paragraphs() -> bytes:
    """Nine million paragraphs in a file of some hundred kilobytes."""
    return word_archive("<w:p><w:r><w:t>a</w:t></w:r></w:p>" * 9_000_000)


def deep_html() -> bytes:
    return b"<p>the beginning</p>" + b"<div>" * 200_000 + b"the end" + b"</div>" * 200_000


def flat_html() -> bytes:
    return b"<p" + b" a=b" * 500_000 + b">text</p>" + b"<b>" * 100_000


def inflating_pdf() -> bytes:
    """A page of a few kilobytes whose content inflates, twice, to 64 MiB."""
    squeezed = zlib.compress(zlib.compress(b"q Q " * (16 << 20), 1), 9)
    return _pdf(b"<< /Length %d /Filter [/FlateDecode /FlateDecode] >>" % len(squeezed), squeezed)


def looping_pdf() -> bytes:
    """Pages that are their own parents and children."""
    return (
        b"%PDF-1.7\n1 0 obj << /Type /Catalog /Pages 2 0 R >> endobj\n"
        b"2 0 obj << /Type /Pages /Kids [2 0 R 2 0 R] /Count 2000000000 /Parent 2 0 R >> endobj\n"
        b"trailer << /Root 1 0 R /Prev 0 >>\nstartxref\n0\n%%EOF"
    )


def _pdf(head: bytes, stream: bytes) -> bytes:
    return (
        b"%PDF-1.7\n1 0 obj << /Type /Catalog /Pages 2 0 R >> endobj\n"
        b"2 0 obj << /Type /Pages /Kids [3 0 R] /Count 1 >> endobj\n"
        b"3 0 obj << /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R >> endobj\n"
        b"4 0 obj " + head + b" stream\n" + stream + b"\nendstream endobj\ntrailer << /Root 1 0 R >>\n%%EOF"
    )


@pytest.mark.parametrize(
    ("name", "bomb"),
    [
        ("many.docx", many_paragraphs),
        ("deep.html", deep_html),
        ("flat.html", flat_html),
        ("inflating.pdf", inflating_pdf),
        ("looping.pdf", looping_pdf),
    ],
)
def test_a_bomb_ends_with_a_reason_beside_others(library: Library, name: str, bomb: Callable[[], bytes]) -> None:
    content = bomb()
    assert len(content) < 1 << 24
    began = time.monotonic()
    intake = replace(library.intake, max_bytes=1 << 24)
    [outcome] = intake.accept_all([IncomingFile(name, io.BytesIO(content), {})], library.collection)
    document = outcome.document if isinstance(outcome, Accepted) else None
    good = upload(library, *(f"Fact number {n}." for n in range(5)))

    with working(library):
        wait_for(lambda: all(library.documents.get(each, library.scope).status == "ready" for each in good))
        if document is not None:
            bombed = document
            wait_for(lambda: library.documents.get(bombed, library.scope).status in _SETTLED)

    assert time.monotonic() - began < SECONDS
    if document is not None:
        found = library.documents.get(document, library.scope)
        assert found.status == "ready" or found.warnings or found.error_message
