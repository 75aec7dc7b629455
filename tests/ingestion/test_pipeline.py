"""What a new version costs: the chunks that changed, and no others."""

import io
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import select

from app.db.tables import Chunk, Embedding
from app.db.types import ChunkRecord
from ingestion.intake import IncomingFile
from ingestion.types import DocumentId, Metadata, WorkerId
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


def ingest(
    library: Library,
    text: str,
    document: DocumentId | None = None,
    name: str = "book.txt",
    metadata: Metadata | None = None,
) -> DocumentId:
    accepted = library.intake.accept(
        IncomingFile(name, io.BytesIO(text.encode()), metadata or {}, None, document), library.collection
    )
    library.pipeline.ingest(library.jobs.claim(WorkerId("tested"), 1, 1 << 30))
    return accepted.document


def chunks(library: Library, document: DocumentId) -> Sequence[ChunkRecord]:
    return library.documents.chunks(document, library.scope, 100_000, None).rows


def chunk_ids(library: Library, document: DocumentId) -> set[int]:
    return {int(chunk.id) for chunk in chunks(library, document)}


def vectors(library: Library, document: DocumentId) -> list[bytes]:
    """Of the passages that answer now."""
    ids = chunk_ids(library, document)
    statement = select(Embedding.vector).join(Chunk, Chunk.embedding_id == Embedding.id).where(Chunk.id.in_(ids))
    with library.documents.db.read() as session:
        return list(session.scalars(statement))


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


def test_a_new_name_embeds_a_handful_of_chunks_however_often_it_changes(library: Library) -> None:
    counting = Counting()
    counted = replace(library, pipeline=replace(library.pipeline, embedders=Known(counting)))
    pages = book()
    document = ingest(counted, "\n\n".join(pages))
    whole = counting.embedded

    for version, name in enumerate(("book-2.txt", "the book as signed in June.txt", "book.v3.txt"), 2):
        counting.embedded = 0
        pages[250] = pages[250].replace(" ", f" changed{version} ", 1)
        ingest(counted, "\n\n".join(pages), document, name)
        renamed = library.documents.get(document, library.scope)
        assert (renamed.version, renamed.name) == (version, name)
        assert {chunk.headings for chunk in chunks(library, document)} == {(renamed.title,)}
        assert renamed.counts["embedded_chunks"] == counting.embedded
        assert 0 < counting.embedded <= 5 < whole / 50


def test_what_was_embedded_under_a_former_name_has_the_same_vectors(library: Library) -> None:
    document = ingest(library, "One passage.")
    [before] = vectors(library, document)
    ingest(library, "One passage.\n\n", document, "volume.txt")
    [after] = vectors(library, document)

    assert after == before


def test_another_declared_title_is_embedded_anew(library: Library) -> None:
    counting = Counting()
    counted = replace(library, pipeline=replace(library.pipeline, embedders=Known(counting)))
    document = ingest(counted, "One passage.", None, "book.txt", {"title": "Rules of 2023"})
    ingest(counted, "One passage.\n\n", document, "book.txt", {"title": "Rules of 2024"})

    assert counting.embedded == 2
    assert library.documents.get(document, library.scope).title == "Rules of 2024"
