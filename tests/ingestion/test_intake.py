"""What is accepted is stored once and queued; what is refused leaves nothing and says why."""

import io
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfWriter

from app.db.errors import DatabaseUnavailable
from ingestion.errors import (
    EmptyFile,
    FormatMismatch,
    PasswordRequired,
    QueueFull,
    TooLarge,
    UnknownDocument,
    Unreadable,
    UnsupportedFormat,
)
from ingestion.intake import IncomingFile, display_name
from ingestion.types import Accepted, DocumentId, WorkerId
from tests.ingestion.conftest import Library


def note(text: str, name: str = "note.txt") -> IncomingFile:
    return IncomingFile(name, io.BytesIO(text.encode()), {"year": 2024})


def encrypted_pdf(password: str) -> bytes:
    writer = PdfWriter()
    writer.add_blank_page(200, 200)
    writer.encrypt(password, algorithm="AES-256")
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


def test_an_upload_becomes_a_queued_document(library: Library) -> None:
    accepted = library.intake.accept(note("One fact."), library.collection)

    document = library.documents.get(accepted.document, library.scope)
    assert (document.name, document.status, document.version, document.metadata) == (
        "note.txt",
        "queued",
        None,
        {"year": 2024},
    )
    assert library.stored() == 1


def test_the_same_bytes_are_the_same_document_and_kept_once(library: Library) -> None:
    first = library.intake.accept(note("One fact."), library.collection)
    again = library.intake.accept(note("One fact.", "copy.txt"), library.collection)

    assert again == Accepted(first.document, duplicate=True)
    assert library.stored() == 1


def test_a_refused_file_does_not_keep_the_others_out(library: Library) -> None:
    files = [note("Good."), note("", "empty.txt"), IncomingFile("a.exe", io.BytesIO(b"MZ\x90"), {}), note("Fine.")]

    outcomes = library.intake.accept_all(files, library.collection)

    assert [type(outcome) for outcome in outcomes] == [Accepted, EmptyFile, UnsupportedFormat, Accepted]
    assert library.stored() == 2


@pytest.mark.parametrize(
    ("name", "content", "refusal"),
    [
        ("page.pdf", b"<!doctype html><html><body>hello</body></html>", FormatMismatch),
        ("big.txt", b"x" * ((1 << 20) + 1), TooLarge),
        ("big.pdf", b"%PDF-1.7\n" + b"x" * (1 << 20), TooLarge),
        ("broken.pdf", b"%PDF-1.7\nnothing else", Unreadable),
        ("sheet.xlsx", b"PK\x03\x04", UnsupportedFormat),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(
    library: Library, name: str, content: bytes, refusal: type[Exception]
) -> None:
    with pytest.raises(refusal, match=r"\w{3,}"):
        library.intake.accept(IncomingFile(name, io.BytesIO(content), {}), library.collection)

    assert library.stored() == 0


def test_a_zip_bomb_is_refused_before_it_is_inflated(library: Library) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", b"0" * (300 << 20))

    (outcome,) = library.intake.accept_all(
        [IncomingFile("bomb.docx", io.BytesIO(buffer.getvalue()), {})], library.collection
    )

    assert not isinstance(outcome, Accepted)
    assert library.stored() == 0


def test_an_encrypted_pdf_asks_for_its_password_and_is_kept_decrypted(library: Library) -> None:
    locked = IncomingFile("locked.pdf", io.BytesIO(encrypted_pdf("sesame")), {})

    with pytest.raises(PasswordRequired):
        library.intake.accept(locked, library.collection)
    with pytest.raises(PasswordRequired):
        library.intake.accept(replace(locked, password="wrong"), library.collection)
    library.intake.accept(replace(locked, password="sesame"), library.collection)

    ((key, _),) = library.blobs.stored()
    with library.blobs.open(key) as file:
        assert b"/Encrypt" not in file.read()


def test_when_the_queue_is_full_nothing_is_kept(library: Library) -> None:
    small = replace(library.intake, register=replace(library.documents, queue_max_jobs=1))

    with pytest.raises(QueueFull, match="OPENBOOK_QUEUE_MAX_JOBS"):
        small.accept_all([note("One."), note("Two.")], library.collection)

    assert library.stored() == 0


def test_a_new_version_of_a_document_that_is_gone_keeps_nothing(library: Library) -> None:
    with pytest.raises(UnknownDocument):
        library.intake.accept(replace(note("One."), document=DocumentId("doc_gone")), library.collection)

    assert library.stored() == 0


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("report.pdf", "report.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\plan.docx", "plan.docx"),
        ("a\r\nb\x00.md", "ab.md"),
        ("计划.md", "计划.md"),
        ("..", "unnamed"),
        ("", "unnamed"),
        ("x" * 300 + ".md", "x" * 252 + ".md"),
    ],
)
def test_names_are_shown_without_paths_and_controls(given: str, shown: str) -> None:
    assert display_name(given) == shown


def test_originals_lie_under_names_of_our_own(library: Library) -> None:
    library.intake.accept(note("One.", "../../evil.txt"), library.collection)

    (path,) = [path for path in Path(library.blobs.folder).rglob("*") if path.is_file()]
    assert "evil" not in path.name


def test_an_upload_whose_commit_lost_its_reply_keeps_its_original(library: Library) -> None:
    class Lost:
        def register(self, *arguments: Any) -> Any:
            library.documents.register(*arguments)
            raise DatabaseUnavailable("the connection broke")

    with pytest.raises(DatabaseUnavailable):
        replace(library.intake, register=Lost()).accept(note("One fact."), library.collection)

    library.pipeline.ingest(library.jobs.claim(WorkerId("tested"), 1, 1 << 20))
    (document,) = library.documents.page(library.scope, None, None, 10, None).rows
    assert document.status == "ready"


def test_the_title_that_an_uploader_gives_goes_before_the_file_s(library: Library) -> None:
    file = IncomingFile("a.md", io.BytesIO(b"# Inside\n\nWords."), {"title": "Given"})
    accepted = library.intake.accept(file, library.collection)

    library.pipeline.ingest(library.jobs.claim(WorkerId("tested"), 1, 1 << 20))

    document = library.documents.get(accepted.document, library.scope)
    assert (document.title, document.metadata) == ("Given", {"title": "Given"})
