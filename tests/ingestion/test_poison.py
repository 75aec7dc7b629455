"""Files made to hurt, through the real intake, child and worker: each ends as told here, and harms nobody."""

import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest

from ingestion.intake import IncomingFile
from ingestion.sandbox.sandbox import Sandbox
from ingestion.types import Accepted, DocumentId
from tests.ingestion import bombs
from tests.ingestion.conftest import Library
from tests.ingestion.test_worker import upload, wait_for, working

MEBIBYTE = 1 << 20
SETTLED = {"ready", "partial", "failed"}
TOO_MUCH_MEMORY = r"needs more memory .*OPENBOOK_PARSE_MEMORY_MEBIBYTES"


@dataclass(frozen=True, slots=True)
class End:
    """What users see of a file: of a `refused` one in the upload's reply, else in the document and its job.

    `says` is a pattern of the error's message, or of the warning.
    """

    status: str
    code: str | None
    attempts: int
    says: str


@pytest.fixture(scope="module")
def tight() -> Iterator[Sandbox]:
    """The real child with as much time as a service gives it, and a quarter of the memory: bombs go off sooner."""
    opened = Sandbox(1, 120.0, 256 * MEBIBYTE, 64 * MEBIBYTE)
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("name", "bomb", "end"),
    [
        ("many.docx", bombs.many_paragraphs, End("refused", "parse_limit", 0, r"inflates to \d+ MiB; at most 200")),
        ("dense.docx", bombs.dense_paragraphs, End("failed", "parse_limit", 1, TOO_MUCH_MEMORY)),
        ("laughing.docx", bombs.laughing_docx, End("failed", "unreadable", 1, "amplification")),
        ("wide.docx", bombs.wide_docx, End("ready", None, 1, "^$")),
        ("deep.html", bombs.deep_html, End("partial", None, 1, "nests too deeply and was read flat")),
        ("flat.html", bombs.flat_html, End("partial", None, 1, "nests too deeply and was read flat")),
        ("long.html", bombs.long_html, End("failed", "parse_limit", 1, TOO_MUCH_MEMORY)),
        ("inflating.pdf", bombs.inflating_pdf, End("failed", "no_text", 1, "pages are empty")),
        ("swelling.pdf", bombs.swelling_pdf, End("failed", "parse_limit", 1, TOO_MUCH_MEMORY)),
        ("laughing.pdf", bombs.laughing_pdf, End("failed", "parse_limit", 1, TOO_MUCH_MEMORY)),
        ("repeating.pdf", bombs.repeating_pdf, End("failed", "parse_limit", 1, "500,000 pages")),
        ("looping.pdf", bombs.looping_pdf, End("failed", "unreadable", 1, "the PDF is damaged")),
    ],
)
def test_a_bomb_ends_with_its_reason_beside_others(
    library: Library, tight: Sandbox, name: str, bomb: Callable[[], bytes], end: End
) -> None:
    library = replace(
        library,
        intake=replace(library.intake, sandbox=tight, max_bytes=16 * MEBIBYTE),
        pipeline=replace(library.pipeline, sandbox=tight),
    )
    [outcome] = library.intake.accept_all([IncomingFile(name, io.BytesIO(bomb()), {})], library.collection)
    good = upload(library, *(f"Fact number {n}." for n in range(5)))
    with working(library):
        wait_for(lambda: {library.documents.get(each, library.scope).status for each in good} == {"ready"})
        if isinstance(outcome, Accepted):
            wait_for(lambda: library.documents.get(outcome.document, library.scope).status in SETTLED)
            found = seen(library, outcome.document)
        else:
            found = End("refused", outcome.code, 0, str(outcome))

    assert found == replace(end, says=found.says)
    assert re.search(end.says, found.says), found.says


def seen(library: Library, id: DocumentId) -> End:
    """What the document shows, which is what its job does."""
    document = library.documents.get(id, library.scope)
    assert document.job_id is not None
    job = library.jobs.get(document.job_id, library.scope)
    assert (job.error_code, job.error_message) == (document.error_code, document.error_message)
    says = document.error_message or "\n".join(document.warnings)
    return End(document.status, document.error_code, job.attempts, says)
