import io
import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from difflib import SequenceMatcher
from pathlib import Path

import pytest
from pypdf import PdfWriter
from sqlalchemy import select

from app.db.tables import ParsedBlob
from ingestion import parsed_json
from ingestion.errors import NoLongerWanted, TookTooLong
from ingestion.intake import IncomingFile
from ingestion.ocr import Ocr
from ingestion.sandbox.sandbox import Sandbox
from ingestion.tesseract import NotRecognised, Tesseract
from ingestion.types import Accepted, ParsedDocument, PersonalKind, WorkerId
from retrieval.types import Box
from tests.ingestion.conftest import Library
from tests.ingestion.files import PdfPage, Text, pdf, scanned, scanned_with
from tests.ingestion.sandbox.test_sandbox import ended
from tests.ingestion.test_worker import wait_for, working

pytestmark = pytest.mark.skipif(shutil.which("tesseract") is None, reason="needs tesseract")

SIZE = (0, 0, 320, 90)
SAID = "Osmium is the densest stable element."
FIRST = Text(20, 60, SAID, 14)
SECOND = Text(20, 40, "It weighs 22.59 grams per cubic", 14)
THIRD = Text(20, 22, "centimetre. Ask ann@example.org", 14)
PRINTED = pdf(PdfPage([FIRST, SECOND, THIRD], media=SIZE))
WORKER = WorkerId("tested")
ENGLISH = Tesseract("eng", 30.0, 1 << 30)
CHINESE = Tesseract("chi_sim+eng", 30.0, 1 << 30)
ROOT = Path(__file__).parents[2]
CHINESE_FONT = Path("/usr/share/fonts/truetype/wqy/wqy-microhei.ttc")


@pytest.fixture
def slow(tmp_path: Path) -> Path:
    """In Tesseract's place, what knows English and reads nothing for a minute."""
    program = tmp_path / "slow-tesseract"
    program.write_text('#!/bin/sh\n[ "$1" = --list-langs ] && echo eng && exit\nexec sleep 60\n')
    program.chmod(0o755)
    return program


def read(
    sandbox: Sandbox, content: bytes, tesseract: Tesseract | None = ENGLISH, *redact: PersonalKind
) -> ParsedDocument:
    found = sandbox.read(content, "application/pdf", "scan.pdf", redact)
    return parsed_json.load(Ocr(sandbox, tesseract).complete(content, found, redact, _unwatched))


def boxes(document: ParsedDocument) -> dict[str, Box | None]:
    return {block.text[region.start : region.end]: region.box for block in document.blocks for region in block.regions}


def test_a_scanned_page_is_read_in_its_place_and_says_so(sandbox: Sandbox) -> None:
    text = PdfPage([Text(20, 60, "This page has text of its own.", 14)], media=SIZE)
    content = _merged(pdf(text), scanned(PRINTED), pdf(text))
    document = read(sandbox, content)
    assert [(page, " ".join(texts)) for page, texts in _by_page(document).items()] == [
        (1, "This page has text of its own."),
        (2, f"{SAID} It weighs 22.59 grams per cubic centimetre. Ask ann@example.org"),
        (3, "This page has text of its own."),
    ]
    assert document.warnings == ("1 of 3 pages (2) is an image without text and was read by OCR",)
    marked = {(region.page, region.recognised) for block in document.blocks for region in block.regions}
    assert marked == {(1, False), (2, True), (3, False)}
    assert {step: document.counts[step] for step in ("image_only_pages", "ocr_pages")} == {
        "image_only_pages": 1,
        "ocr_pages": 1,
    }


@pytest.mark.parametrize("turned", [False, True])
def test_every_line_has_its_box_where_it_stands_on_the_page(sandbox: Sandbox, turned: bool) -> None:
    found = boxes(read(sandbox, scanned(PRINTED, turned)))
    assert list(found) == [SAID, "It weighs 22.59 grams per cubic", "centimetre. Ask ann@example.org"]
    for line, printed in zip(found.values(), (FIRST, SECOND, THIRD), strict=True):
        assert line is not None
        x0, y0, x1, y1 = (320 - line[2], 90 - line[3], 320 - line[0], 90 - line[1]) if turned else line
        baseline = 90 - printed.y
        assert abs(x0 - 20) < 3
        assert baseline - 14 < y0 < baseline - 5
        assert baseline - 2 < y1 < baseline + 6
        assert 180 < x1 < 320


@pytest.mark.skipif(CHINESE.lacks() is not None, reason="needs tesseract-ocr-chi-sim")
@pytest.mark.skipif(not CHINESE_FONT.exists(), reason="needs fonts-wqy-microhei")
def test_a_scanned_page_in_chinese_is_read_with_its_boxes(sandbox: Sandbox) -> None:
    said = ("员工每年享有十五天带薪休假。", "出差住宿费每晚不超过600元。")
    found = boxes(read(sandbox, scanned_with(CHINESE_FONT, *said), CHINESE))
    assert len(found) == len(said)
    for number, (line, box) in enumerate(found.items()):
        same = SequenceMatcher(None, line.replace(" ", ""), said[number]).ratio()
        assert same > 0.8, line  # Tesseract takes one sign or another for its like
        assert box is not None
        assert abs(box[0] - 36) < 6
        assert 72 * (0.4 + 0.35 * number) - 4 < box[1] < box[3] < 72 * (0.75 + 0.35 * number)


def test_personal_data_on_pictures_is_blackened_too(sandbox: Sandbox) -> None:
    document = read(sandbox, scanned(PRINTED), ENGLISH, "email")
    assert document.blocks[-1].text.endswith("centimetre. Ask [EMAIL]")
    assert document.counts["redacted_email"] == 1


def test_without_ocr_a_document_says_which_pages_need_it(sandbox: Sandbox) -> None:
    document = read(sandbox, scanned(PRINTED), None)
    assert document.blocks == ()
    [warning] = document.warnings
    assert warning.startswith("1 of 1 pages (1) is an image without text and was not read: OPENBOOK_OCR_LANGUAGES=eng")
    assert "ocr_pages" not in document.counts


def test_a_language_that_is_not_installed_is_named_with_its_package(sandbox: Sandbox) -> None:
    [warning] = read(sandbox, scanned(PRINTED), replace(ENGLISH, languages="eng+xx_yy")).warnings
    assert warning.endswith("OPENBOOK_OCR_LANGUAGES names: install them (Debian's tesseract-ocr-xx-yy)")


def test_a_missing_tesseract_is_named_with_its_package(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    content = scanned(PRINTED)
    found = sandbox.read(content, "application/pdf", "scan.pdf")
    monkeypatch.setattr(os, "defpath", "/nowhere")
    document = parsed_json.load(Ocr(sandbox, ENGLISH).complete(content, found, (), _unwatched))
    assert document.warnings[0].endswith("there is no tesseract: install it (Debian's package tesseract-ocr)")


def test_a_page_that_takes_too_long_or_too_much_memory_is_named_and_the_rest_is_kept(sandbox: Sandbox) -> None:
    content = _merged(pdf(PdfPage([Text(20, 60, "Printed.", 14)], media=SIZE)), scanned(PRINTED))
    slow = read(sandbox, content, replace(ENGLISH, timeout_seconds=0.01))
    small = read(sandbox, content, replace(ENGLISH, memory_bytes=20 << 20))
    assert [[block.text for block in document.blocks] for document in (slow, small)] == [["Printed."], ["Printed."]]
    assert "took longer than 0.01 s (OPENBOOK_PARSE_TIMEOUT_SECONDS)" in slow.warnings[0]
    assert "(OPENBOOK_PARSE_MEMORY_MEBIBYTES)" in small.warnings[0]


def test_a_document_with_text_passes_as_it_is(sandbox: Sandbox) -> None:
    found = sandbox.read(PRINTED, "application/pdf", "text.pdf")
    assert Ocr(sandbox, ENGLISH).complete(PRINTED, found, (), _unwatched) is found


def test_nothing_stays_of_a_recognition_that_nobody_wants_any_more(sandbox: Sandbox) -> None:
    large = pdf(PdfPage([Text(20, 700 - 12 * row, f"{SAID} {row}", 10) for row in range(50)]))
    png = sandbox.picture(large, 1, 300 / 72, 0)

    def look() -> None:
        raise NoLongerWanted("cancelled")

    start = time.monotonic()
    with pytest.raises(NoLongerWanted):
        ENGLISH.paragraphs(png, 300, look)
    assert time.monotonic() - start < 2
    assert not _children("tesseract", os.getpid())
    with pytest.raises(NotRecognised):
        replace(ENGLISH, timeout_seconds=0.1).paragraphs(png, 300, lambda: None)


def test_a_recognition_ends_with_a_killed_worker(slow: Path) -> None:
    program = (
        "import sys; from ingestion import tesseract\n"
        "tesseract._BINARY = sys.argv[1]\n"
        "tesseract.Tesseract('eng', 60.0, 1 << 30).paragraphs(b'', 300, lambda: None)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(slow)], cwd=ROOT) as worker:
        wait_for(lambda: bool(_children("sleep", worker.pid)))
        [recognition] = _children("sleep", worker.pid)
        worker.kill()

    assert ended(recognition)


def test_a_cancelled_recognition_ends_within_two_seconds_and_leaves_nothing(
    library: Library, slow: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingestion.tesseract._BINARY", str(slow))
    upload = IncomingFile("scan.pdf", io.BytesIO(scanned(PRINTED)), {})
    document = library.intake.accept(upload, library.collection).document
    job = library.documents.get(document, library.scope).job_id
    assert job is not None
    pipeline = replace(library.pipeline, ocr=Ocr(library.pipeline.sandbox, ENGLISH))

    with working(library, pipeline=pipeline, lease_seconds=60.0):
        wait_for(lambda: bool(_children("sleep", os.getpid())))
        library.jobs.cancel(job, library.scope)
        began = time.monotonic()
        wait_for(lambda: not _children("sleep", os.getpid()))
        took = time.monotonic() - began

    assert took < 2
    assert library.jobs.get(job, library.scope).status == "cancelled"
    assert (library.stored(), library.sweeper.run()) == (1, {})  # the original, for another try
    with library.documents.db.read() as session:
        assert session.scalars(select(ParsedBlob.sha256)).all() == []


def test_a_scan_becomes_searchable_or_fails_and_says_what_it_needs(library: Library) -> None:
    upload = IncomingFile("scan.pdf", io.BytesIO(scanned(PRINTED)), {})
    [outcome] = library.intake.accept_all([upload], library.collection)
    assert isinstance(outcome, Accepted)
    [job] = library.jobs.claim(WORKER, 1, 1 << 30)
    with pytest.raises(TookTooLong):
        library.pipeline.read(job, lambda _: True, 5.0)
    library.pipeline.ingest([job])
    failed = library.documents.get(outcome.document, library.scope)
    assert (failed.status, failed.error_code) == ("failed", "no_text")
    assert "OPENBOOK_OCR_LANGUAGES" in (failed.error_message or "")
    library.jobs.retry(job.id, library.scope)
    pipeline = replace(library.pipeline, ocr=Ocr(library.pipeline.sandbox, ENGLISH))
    pipeline.ingest([replace(each, stage="parse") for each in library.jobs.claim(WORKER, 1, 1 << 30)])
    found = library.documents.get(outcome.document, library.scope)
    assert (found.status, found.counts["ocr_pages"], found.chunks) == ("partial", 1, 1)
    [chunk] = library.documents.chunks(outcome.document, library.scope, 10, None).rows
    assert SAID in chunk.text
    assert chunk.pages == (1,)


def _unwatched(done: int | None, total: int | None) -> None:
    pass


def _by_page(document: ParsedDocument) -> dict[int, list[str]]:
    pages: dict[int, list[str]] = {}
    for block in document.blocks:
        pages.setdefault(block.regions[0].page, []).append(block.text)
    return pages


def _children(name: str, parent: int) -> list[int]:
    found: list[int] = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            number, command, rest = path.read_text().replace("(", ")").split(")")
        except OSError:
            continue
        if command == name and int(rest.split()[1]) == parent and rest.split()[0] != "Z":
            found.append(int(number))
    return found


def _merged(*files: bytes) -> bytes:
    writer = PdfWriter()
    for content in files:
        writer.append(io.BytesIO(content))
    packed = io.BytesIO()
    writer.write(packed)
    return packed.getvalue()
