"""Evaluation sets in the BEIR layout: `corpus.jsonl`, `queries.jsonl` and `qrels.tsv` in one folder."""

import csv
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~^$&])")


@dataclass(frozen=True, slots=True)
class CorpusDocument:
    """One document of a corpus."""

    id: str
    title: str
    text: str

    def markdown(self) -> str:
        """The document as a Markdown file whose plain text is exactly its title and text."""
        return f"# {_escaped(self.title)}\n\n{_escaped(self.text)}\n" if self.title else f"{_escaped(self.text)}\n"


@dataclass(frozen=True, slots=True)
class Dataset:
    """Documents, queries and which document answers which query how well; queries without one are left out."""

    name: str
    corpus: tuple[CorpusDocument, ...]
    queries: Mapping[str, str]
    qrels: Mapping[str, Mapping[str, int]]


def load(folder: Path) -> Dataset:
    """Read a folder; raises FileNotFoundError for a part that is missing."""
    corpus = tuple(
        CorpusDocument(str(row["_id"]), str(row.get("title") or ""), str(row["text"]))
        for row in _rows(folder / "corpus.jsonl")
    )
    qrels: dict[str, dict[str, int]] = {}
    with (folder / "qrels.tsv").open(newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            qrels.setdefault(row["query-id"], {})[row["corpus-id"]] = int(row["score"])
    queries = {str(row["_id"]): str(row["text"]) for row in _rows(folder / "queries.jsonl") if str(row["_id"]) in qrels}
    return Dataset(folder.name, corpus, queries, {query: qrels[query] for query in queries})


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open() as file:
        for line in file:
            yield json.loads(line)


def _escaped(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))
