"""Sentences of reference answers in the contexts that their questions find, with the passages that bear them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.evaluation.types import Question, Split
from claims.contexts import Shelf
from generation.wording import content_terms, numbers, share
from retrieval.sentences import sentence_spans
from retrieval.types import Passage

NEAR = 0.8
"""A sentence is near its source when that holds so much of its terms; the others are paraphrases."""

References = Mapping[str, Sequence[str]]
"""By document, the sentences that bear an answer."""


@dataclass(frozen=True, slots=True)
class Case:
    """A sentence of a reference answer, the sentences it rests on, and the context it is held to.

    `labels`: the fewest passages whose own of those sentences hold all that any of them holds of its terms.
    """

    name: str
    half: Split
    said: str
    quoted: str
    titles: tuple[str, ...]
    passages: Mapping[int, Passage]
    labels: tuple[int, ...]

    @property
    def is_near(self) -> bool:
        return share(content_terms(self.said), content_terms(self.quoted)) >= NEAR

    @property
    def whole(self) -> str:
        """The passages that it cites."""
        return "\n".join(self.passages[label].hit.chunk.text for label in self.labels)


def rageval(folder: Path, shelf: Shelf) -> Iterator[Case]:
    titles = {str(row["_id"]): str(row["title"]) for row in _rows(folder / "corpus.jsonl")}
    for query in _rows(folder / "queries.jsonl"):
        references: dict[str, list[str]] = query.get("references") or {}
        known = {document: said for document, said in references.items() if document in titles}
        if query["answerable"] and known:
            named = tuple(titles[document] for document in known)
            yield from _cases(folder.name, query, query["answers"][0], known, named, shelf)


def clapnq(folder: Path, shelf: Shelf) -> Iterator[Case]:
    for query in _rows(folder / "queries.jsonl"):
        if query["answerable"]:
            for answer, gold in zip(query["answers"], query["gold_sentences"], strict=False):
                yield from _cases(folder.name, query, answer, {query["nq_passage"]: gold}, (), shelf)


def verbatim(folder: Path, shelf: Shelf) -> Iterator[Case]:
    """The sentences of the documents, each cited from the passage that it stands in."""
    for passage in shelf.passages:
        for start, end in passage.hit.chunk.sentences:
            said = passage.hit.chunk.text[start:end].strip()
            yield Case(f"{folder.name}, verbatim", "report", said, said, (), {passage.label: passage}, (passage.label,))


def _cases(
    name: str, query: Mapping[str, Any], answer: str, known: References, titles: tuple[str, ...], shelf: Shelf
) -> Iterator[Case]:
    passages, held = shelf.context(str(query["text"]), known)
    quoted = " ".join((*(f"{title}." for title in titles), *(said for each in known.values() for said in each)))
    half = Question(str(query["_id"]), "").split
    for start, end in sentence_spans(answer):
        said = answer[start:end].strip()
        labels = _labels(said, {label: f"{passages[label].hit.source.title}. {text}" for label, text in held.items()})
        if said and labels:
            yield Case(name, half, said, quoted, titles, passages, labels)


def _labels(said: str, held: Mapping[int, str]) -> tuple[int, ...]:
    wanted = content_terms(said) | numbers(said)
    left = {label: wanted & (content_terms(text) | numbers(text)) for label, text in held.items()}
    covered = frozenset[str]()
    labels: list[int] = []
    while left:
        best = max(left, key=lambda label: (len(left[label] - covered), -label))
        gained = left.pop(best) - covered
        if not gained:
            break
        covered |= gained
        labels.append(best)
    return tuple(sorted(labels))


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
