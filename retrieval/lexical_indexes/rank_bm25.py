"""BM25 by rank_bm25, made to score as tantivy does: the reference that the other indexes are tested against.

It scores every chunk for every term in Python: right for small collections and for checking, nothing else.
"""

import json
import math
import threading
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray
from rank_bm25 import BM25Okapi  # pyright: ignore[reportMissingTypeStubs]

from retrieval.errors import IndexDamaged
from retrieval.ports import LexicalIndex, Persistent
from retrieval.ranking import QUESTIONS_WEIGHT, TITLE_WEIGHT, best
from retrieval.tokenizer import weighed
from retrieval.types import ChunkIds, IndexedText, Scored

FILE = "terms.json"
WEIGHTS = (TITLE_WEIGHT, 1.0, QUESTIONS_WEIGHT)


def _norms() -> list[int]:
    """The lengths that one byte tells apart: exact to 40, then with 4 significant bits (Lucene's SmallFloat)."""
    return [code if code < 40 else 24 + ((code - 24) % 8 + 8 << (code - 24) // 8 - 1) for code in range(256)]


NORMS = _norms()


class _Okapi(BM25Okapi):
    """Okapi with tantivy's idf and its rounding of lengths."""

    def __init__(self, corpus: Sequence[Sequence[str]]) -> None:
        super().__init__(corpus, k1=1.2, b=0.75)
        self.doc_len = [NORMS[bisect_right(NORMS, len(terms)) - 1] for terms in corpus]

    def _calc_idf(self, nd: Mapping[str, int]) -> None:
        self.idf = {term: math.log1p((self.corpus_size - n + 0.5) / (n + 0.5)) for term, n in nd.items()}

    def scores(self, query: Sequence[str]) -> NDArray[np.float64]:
        return cast("NDArray[np.float64]", self.get_scores(query))


@dataclass(frozen=True, slots=True, eq=False)
class _Weighed:
    """Every chunk's terms with their weights; a field without terms in any chunk has none."""

    ids: ChunkIds
    fields: Sequence[tuple[float, _Okapi]]

    def scores(self, words: Sequence[str]) -> NDArray[np.float64]:
        total = np.zeros(len(self.ids))
        for weight, okapi in self.fields:
            total += weight * okapi.scores(words)
        return total


class RankBM25Index(LexicalIndex, Persistent):
    """Holds the terms of every chunk in memory; weighs them anew at the first search after a change."""

    def __init__(self, tokenize: Callable[[str], list[str]]) -> None:
        self._tokenize = tokenize
        self._lock = threading.Lock()
        self._terms: dict[int, list[list[str]]] = {}  # by field
        self._weighed: _Weighed | None = None

    def add(self, texts: Sequence[IndexedText]) -> None:
        added = {int(text.id): [self._tokenize(part) for part in text.fields] for text in texts}
        with self._lock:
            self._terms.update(added)
            self._weighed = None

    def remove(self, ids: ChunkIds) -> None:
        with self._lock:
            for chunk in ids.tolist():
                self._terms.pop(chunk, None)
            self._weighed = None

    def search(self, query: str, k: int, allowed: ChunkIds | None = None) -> list[Scored]:
        words = list(weighed(self._tokenize(query)).elements())
        held = self._weigh()
        if not words:
            return []
        scores = held.scores(words)
        kept = scores > 0
        if allowed is not None:
            kept &= np.isin(held.ids, allowed)
        return best(held.ids[kept], scores[kept], k)

    def ids(self) -> ChunkIds:
        with self._lock:
            return np.array(sorted(self._terms), np.int64)

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        with self._lock:
            (folder / FILE).write_text(json.dumps(self._terms), encoding="utf-8")

    def restore(self, folder: Path) -> None:
        try:
            read: object = json.loads((folder / FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise IndexDamaged(f"{folder / FILE}: {error}") from error
        terms = _checked(read)
        if terms is None:
            raise IndexDamaged(f"{folder / FILE}: expected {len(WEIGHTS)} lists of terms by chunk id")
        with self._lock:
            self._terms = terms
            self._weighed = None

    def _weigh(self) -> _Weighed:
        with self._lock:
            if self._weighed is None:
                ids = sorted(self._terms)
                fields = [[self._terms[chunk][place] for chunk in ids] for place in range(len(WEIGHTS))]
                # With no term in any chunk the average length is zero, and there is nothing to find.
                okapis = [(weight, _Okapi(terms)) for weight, terms in zip(WEIGHTS, fields, strict=True) if any(terms)]
                self._weighed = _Weighed(np.array(ids, np.int64), okapis)
            return self._weighed


def _checked(read: object) -> dict[int, list[list[str]]] | None:
    if not isinstance(read, dict):
        return None
    terms: dict[int, list[list[str]]] = {}
    for chunk, fields in cast("dict[str, object]", read).items():
        if not chunk.isdecimal() or not isinstance(fields, list) or len(cast("list[object]", fields)) != len(WEIGHTS):
            return None
        if not all(_is_terms(words) for words in cast("list[object]", fields)):
            return None
        terms[int(chunk)] = cast("list[list[str]]", fields)
    return terms


def _is_terms(words: object) -> bool:
    return isinstance(words, list) and all(isinstance(word, str) for word in cast("list[object]", words))
