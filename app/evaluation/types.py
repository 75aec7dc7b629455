"""What is evaluated: documents, the questions asked of them, and what is known about each answer."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

Place: TypeAlias = tuple[str, int]
"""A document of the corpus, and a page of it, counted from 1."""
Split: TypeAlias = Literal["tune", "report"]
"""One of two halves of a set's questions, so that what was tuned on one is reported on the other."""

_NO_GRADES: Mapping[str, int] = {}
_NO_REFERENCES: Mapping[str, tuple[str, ...]] = {}


@dataclass(frozen=True, slots=True)
class CorpusDocument:
    """A document that a corpus gives as text."""

    id: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class CorpusFile:
    """A document that is a file of its own."""

    id: str
    path: Path


@dataclass(frozen=True, slots=True)
class Question:
    """A question with what is known about it; what is empty is not known, and not measured.

    `grades`: documents by how well they answer, above 0 when they do. `answers`: the parts of a right answer, each in
    the wordings that will do. `references`: by document, the sentences that bear the answer. `pages`: where it stands.
    """

    id: str
    text: str
    answerable: bool = True
    grades: Mapping[str, int] = field(default_factory=lambda: _NO_GRADES)
    answers: tuple[tuple[str, ...], ...] = ()
    references: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: _NO_REFERENCES)
    pages: frozenset[Place] = frozenset()

    @property
    def split(self) -> Split:
        """Its half, by a hash of its id: the same whatever else is asked."""
        return "tune" if _hash(self.id)[0] % 2 else "report"


@dataclass(frozen=True, slots=True)
class Dataset:
    """A corpus and questions; an empty corpus stands for a collection that is there already."""

    name: str
    corpus: tuple[CorpusDocument | CorpusFile, ...]
    questions: tuple[Question, ...]

    @property
    def queries(self) -> Mapping[str, str]:
        """The questions' texts by their ids."""
        return {question.id: question.text for question in self.questions}

    @property
    def qrels(self) -> Mapping[str, Mapping[str, int]]:
        """Grades by question, of those that have any."""
        return {question.id: question.grades for question in self.questions if question.grades}


def sample(questions: tuple[Question, ...], limit: int | None, split: Split | None) -> tuple[Question, ...]:
    """At most `limit` of a half or of all, drawn by a hash of their ids: always the same, and no file's beginning."""
    chosen = [question for question in questions if split is None or question.split == split]
    drawn = sorted(chosen, key=lambda question: _hash(question.id))[:limit]
    kept = {question.id for question in drawn}
    return tuple(question for question in chosen if question.id in kept)


def _hash(id: str) -> bytes:
    return hashlib.sha256(id.encode()).digest()
