"""What a new version costs: the chunks that changed, and no others."""

import io
from collections.abc import Sequence
from dataclasses import replace

from ingestion.intake import IncomingFile
from ingestion.types import DocumentId, WorkerId
from retrieval.embedders.hashing import HashingEmbedder
from retrieval.types import PassageEmbedding, PassageInput
from tests.builders import Known
from tests.ingestion.conftest import Library

WORDS = ("water", "iron", "paper", "light", "wood", "stone", "glass", "river", "field", "cloud", "letter", "winter")
PAGES = 500


class Counting(HashingEmbedder):
    """Knows how many passages it embedded."""

    embedded = 0

    def embed_passages(self, passages: Sequence[PassageInput]) -> list[PassageEmbedding]:
        self.embedded += len(passages)
        return super().embed_passages(passages)


def book() -> list[str]:
    """Five hundred pages of a hundred words, no two of them alike."""
    pages: list[str] = []
    for page in range(PAGES):
        words = [f"{WORDS[(page + number * 5) % 12]} {page * 100 + number}" for number in range(50)]
        sentences = [" ".join(words[start : start + 10]) for start in range(0, 50, 10)]
        pages.append(". ".join(sentences) + ".")
    return pages


def ingest(library: Library, text: str, document: DocumentId | None = None) -> DocumentId:
    accepted = library.intake.accept(
        IncomingFile("book.txt", io.BytesIO(text.encode()), {}, None, document), library.collection
    )
    library.pipeline.ingest(library.jobs.claim(WorkerId("tested"), 1, 1 << 30))
    return accepted.document


def chunk_ids(library: Library, document: DocumentId) -> set[int]:
    page = library.documents.chunks(document, library.scope, 100_000, None)
    return {int(chunk.id) for chunk in page.rows}


def test_one_word_in_five_hundred_pages_embeds_a_handful_of_chunks(library: Library) -> None:
    counting = Counting()
    counted = replace(library, pipeline=replace(library.pipeline, embedders=Known(counting)))
    pages = book()
    document = ingest(counted, "\n\n".join(pages))
    before = chunk_ids(library, document)
    first = library.documents.get(document, library.scope)
    assert first.chunks == first.counts["embedded_chunks"] == counting.embedded == len(before)
    assert len(before) > 100

    counting.embedded = 0
    pages[250] = pages[250].replace(" ", " changed ", 1)
    ingest(counted, "\n\n".join(pages), document)
    after = chunk_ids(library, document)
    second = library.documents.get(document, library.scope)
    assert second.version == 2
    assert second.counts["embedded_chunks"] == counting.embedded == len(after - before) <= 5
    assert second.counts["unchanged_chunks"] == len(after & before) >= len(before) - 5
