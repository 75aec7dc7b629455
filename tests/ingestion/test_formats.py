import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.errors import EmptyFile, FormatMismatch, Refused, UnsupportedFormat
from ingestion.formats import DOCX, HEAD_BYTES, SUFFIXES, detect
from tests.ingestion.files import archive, pdf, word_archive

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100)


@pytest.mark.parametrize(
    ("name", "head", "media_type"),
    [
        ("report.pdf", pdf(), "application/pdf"),
        ("REPORT.PDF", b"\n%PDF-1.4\n%\xe2\xe3\xcf\xd3", "application/pdf"),
        ("letter.docx", word_archive(""), DOCX),
        ("page.html", b"<!DOCTYPE html><html><p>x", "text/html"),
        ("page.htm", b"\xef\xbb\xbf<!-- saved -->\n<HTML>", "text/html"),
        ("page.xhtml", b'<?xml version="1.0"?><html xmlns="x">', "text/html"),
        ("fragment.html", b"<p>just a paragraph", "text/html"),
        ("page.html", b"\xff\xfe" + "<html>".encode("utf-16-le"), "text/html"),
        ("notes.md", b"# Notes", "text/markdown"),
        ("notes.markdown", b"<p align=center>Logo</p>", "text/markdown"),
        ("notes.txt", "für alle".encode("cp1252"), "text/plain"),
        ("notes.text", "中文".encode("gbk"), "text/plain"),
        ("notes.txt", "plain\r\ntext".encode("utf-16-le"), "text/plain"),
        (
            "notes.txt",
            "一是一，二是二，三是三；不要一说再说。\n这里有一个人，他是我们的人。".encode("utf-16-be"),
            "text/plain",
        ),
        ("page.html", "<!DOCTYPE html><p>x".encode("utf-16-le"), "text/html"),
        ("build.txt", b"\x1b[32mok\x1b[0m", "text/plain"),
    ],
)
def test_a_name_and_content_that_agree_give_the_media_type(name: str, head: bytes, media_type: str) -> None:
    assert detect(name, head) == media_type


@pytest.mark.parametrize(
    ("name", "head", "says"),
    [
        ("evil.pdf", b"<html><script>alert(1)</script>", "content is HTML"),
        ("evil.pdf", b"<svg xmlns='http://www.w3.org/2000/svg' onload='x()'>", "an SVG image"),
        ("evil.pdf", b"alert(document.cookie)", "content is text"),
        ("polyglot.pdf", b"<!doctype html>%PDF-1.4", "content is HTML"),
        ("photo.txt", PNG, "a PNG image"),
        ("junk.txt", bytes(range(256)) * 8, "binary"),
        ("report.txt", pdf(), "content is PDF"),
        ("report.docx", pdf(), "content is PDF"),
        ("page.txt", b"<!DOCTYPE html><html>", "content is HTML"),
        ("page.html", b"no tags at all", "content is text"),
        ("page.html", b"<svg><script>x()</script></svg>", "an SVG image"),
        ("archive.md", word_archive(""), "a ZIP archive"),
    ],
)
def test_a_name_that_the_content_belies_is_refused(name: str, head: bytes, says: str) -> None:
    with pytest.raises(FormatMismatch, match=says):
        detect(name, head)


@pytest.mark.parametrize(
    ("name", "head", "says"),
    [
        ("report.pages", b"x", "report.pages: expected pdf, docx, html, md or txt"),
        ("report", pdf(), "expected pdf"),
        ("sheet.xlsx", archive({"xl/workbook.xml": ""}), "expected pdf"),
        ("sheet.docx", archive({"xl/workbook.xml": ""}), "an Excel workbook"),
        ("slides.docx", archive({"ppt/presentation.xml": ""}), "a PowerPoint presentation"),
        (
            "text.docx",
            archive({"mimetype": ""})[:30] + b"mimetypeapplication/vnd.oasis.opendocument.text",
            "OpenDocument",
        ),
        ("old.docx", OLE, "an old or password-protected Office file"),
    ],
)
def test_a_format_that_is_not_read_is_refused_with_what_is(name: str, head: bytes, says: str) -> None:
    with pytest.raises(UnsupportedFormat, match=says):
        detect(name, head)


def test_an_empty_file_is_refused_whatever_its_name() -> None:
    with pytest.raises(EmptyFile, match=r"a\.pdf"):
        detect("a.pdf", b"")


@given(st.text(max_size=20), st.sampled_from(sorted(SUFFIXES)), st.binary(max_size=HEAD_BYTES))
def test_any_bytes_under_any_name_are_taken_or_refused(stem: str, suffix: str, head: bytes) -> None:
    try:
        media_type = detect(stem + suffix, head)
    except Refused:
        return
    assert media_type in ("application/pdf", DOCX, "text/html", "text/markdown", "text/plain")
