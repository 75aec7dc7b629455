"""Questions whose evidence stands on known pages of known files: is the right page of the right document found?

A folder of this kind holds `questions.jsonl` and, at any depth, the files that it speaks of. A row gives the
`question`, its file's name without the ending (`doc_name`) and its `evidence`: a list of `evidence_page_num`, counted
from 0, each with a `doc_name` of its own where it differs.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any, TypeAlias

from app.client import Client, Json
from ingestion.formats import SUFFIXES
from retrieval.types import SearchMode

QUESTIONS = "questions.jsonl"
_HITS = 10

Place: TypeAlias = tuple[str, int]
"""A file without its ending, and a page of it, counted from 1."""


@dataclass(frozen=True, slots=True)
class PageQuestion:
    """A question, the document that answers it, and the pages of which any one will do."""

    text: str
    document: str
    evidence: frozenset[Place]


@dataclass(frozen=True, slots=True)
class PageDataset:
    """Questions and the files that they are about, among others maybe."""

    name: str
    files: tuple[Path, ...]
    questions: tuple[PageQuestion, ...]


@dataclass(frozen=True, slots=True)
class PageRow:
    """What became of one question: whether the right document came first, and the rank of the first right page."""

    question: PageQuestion
    document_first: bool
    page_rank: int | None
    milliseconds: float


@dataclass(frozen=True, slots=True)
class PagesMeasured:
    """One search mode on one dataset, question by question."""

    mode: SearchMode
    rows: tuple[PageRow, ...]

    @property
    def document_at_1(self) -> float:
        return mean(row.document_first for row in self.rows)

    @property
    def milliseconds(self) -> float:
        return mean(row.milliseconds for row in self.rows)

    def page_at(self, k: int) -> float:
        """The share of questions with a right page among those of the first k hits."""
        return mean(row.page_rank is not None and row.page_rank <= k for row in self.rows)


def is_page_dataset(folder: Path) -> bool:
    """Whether the folder is laid out so, and not as BEIR."""
    return (folder / QUESTIONS).is_file() and not (folder / "corpus.jsonl").exists()


def load_pages(folder: Path) -> PageDataset:
    """Read a folder; raises FileNotFoundError for a file that a question names and the folder does not hold."""
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    with (folder / QUESTIONS).open(encoding="utf-8") as lines:
        questions = tuple(_question(json.loads(line)) for line in lines if line.strip())
    missing = {question.document for question in questions} - {path.stem for path in files}
    if missing:
        raise FileNotFoundError(f"{folder}: there is no file named {', '.join(sorted(missing))}")
    return PageDataset(folder.name, tuple(files), questions)


def fill_pages(client: Client, dataset: PageDataset, collection: str) -> Mapping[str, list[str]]:
    """Bring the files into the collection; gives their names by document id (equal files are one document)."""
    client.ensure_collection(collection)
    names: dict[str, list[str]] = {}
    for path, reply in client.upload(dataset.files, collection):
        if "id" in reply:  # a file that is refused answers nothing, and its questions say so
            names.setdefault(reply["id"], []).append(path.stem)
    for _ in client.settled(collection, set(names)):
        pass
    return names


def measure_pages(
    client: Client, dataset: PageDataset, collection: str, names: Mapping[str, Sequence[str]], mode: SearchMode
) -> PagesMeasured:
    """Search every question."""
    rows: list[PageRow] = []
    for question in dataset.questions:
        body: Json = {"query": question.text, "collections": [collection], "k": _HITS, "mode": mode}
        reply = client.post("/v1/search", body)
        places = [_places(hit, names) for hit in reply["hits"]]
        first = next((rank for rank, at in enumerate(places, start=1) if at & question.evidence), None)
        right = bool(reply["hits"]) and question.document in names.get(reply["hits"][0]["document"]["id"], ())
        rows.append(PageRow(question, right, first, reply["timings_ms"]["total"]))
    return PagesMeasured(mode, tuple(rows))


def _places(hit: Json, names: Mapping[str, Sequence[str]]) -> set[Place]:
    return {(name, page) for name in names.get(hit["document"]["id"], ()) for page in hit["chunk"]["pages"]}


def _question(row: dict[str, Any]) -> PageQuestion:
    document = str(row["doc_name"])
    evidence = frozenset(
        (str(each.get("doc_name") or document), int(each["evidence_page_num"]) + 1) for each in row["evidence"]
    )
    return PageQuestion(str(row["question"]), document, evidence)
