"""A corpus cut as the service cuts it, and the passages that a question finds in it by terms."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from app.evaluation.corpus import markdown
from app.evaluation.datasets import load
from app.evaluation.types import CorpusDocument
from ingestion.chunking import chunk
from ingestion.parsers.markdown.parser import MarkdownParser
from retrieval.embedders.sentence_transformers import SentenceTransformerEmbedder
from retrieval.lexical_indexes.rank_bm25 import RankBM25Index
from retrieval.tokenizer import terms
from retrieval.types import Chunk, ChunkId, Hit, IndexedText, Passage, Placement, Scores, Source

PASSAGES = 10
"""In a context."""


class Shelf:
    """The chunks of a set's documents, cut for the packaged embedder's window; each is a passage labelled from 1."""

    def __init__(self, folder: Path, embedder: SentenceTransformerEmbedder) -> None:
        self.passages: list[Passage] = []
        for document in load(folder).corpus:
            if isinstance(document, CorpusDocument):
                self._add(document, embedder)
        self._texts = {passage.label: _squeezed(passage.hit.chunk.text) for passage in self.passages}
        self._index = RankBM25Index(terms)
        chunks = [passage.hit.chunk for passage in self.passages]
        self._index.add([IndexedText(each.id, each.headings, each.text) for each in chunks])

    def context(
        self, question: str, references: Mapping[str, Sequence[str]]
    ) -> tuple[Mapping[int, Passage], Mapping[int, str]]:
        """The best ten for the question, those that hold a reference among them, and of these what they hold."""
        found = [int(each.id) for each in self._index.search(question, PASSAGES)]
        held = {passage.label: said for passage in self.passages if (said := self._held(passage, references))}
        others = [label for label in found if label not in held][: max(0, PASSAGES - len(held))]
        chosen = [label for label in found if label in held or label in others]
        chosen += [label for label in held if label not in found]
        return {label: self.passages[label - 1] for label in chosen}, held

    def _held(self, passage: Passage, references: Mapping[str, Sequence[str]]) -> str:
        said = references.get(passage.hit.source.id, ())
        return " ".join(each for each in said if each.strip() and _squeezed(each) in self._texts[passage.label])

    def _add(self, document: CorpusDocument, embedder: SentenceTransformerEmbedder) -> None:
        source = Source(document.id, f"{document.id}.md", document.title, "default", "text/markdown", {})
        parsed = MarkdownParser().parse(markdown(document).encode())
        for ordinal, draft in enumerate(chunk(parsed, embedder.window, embedder.count_tokens)):
            label = len(self.passages) + 1
            cut = Chunk(ChunkId(label), draft.text, draft.headings, draft.sentences, draft.language, draft.tokens)
            hit = Hit(label, cut, Placement(1, ordinal, (), ()), source, Scores(None, None, 1.0, None), None)
            self.passages.append(Passage(label, hit, draft.text, tuple(range(len(draft.sentences)))))


def _squeezed(text: str) -> str:
    return "".join(text.split())
