"""Evaluation sets as folders, in the BEIR layout or with questions about pages of files.

The BEIR layout: `corpus.jsonl` has `_id`, `title` and `text`; `queries.jsonl` has `_id` and `text` and may have more;
`qrels.tsv` (query-id, corpus-id, score) may be left out. What more a question may say: `answers`, or `answer` or
`long_answer` (a text; a list of wordings that will do; a list with lists in it: parts, each in its wordings),
`references` (sentences by corpus id) and `answerable`; without the last, a question without qrels has no answer.
Questions without words are left out.
"""

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from app.evaluation.pages import is_page_dataset, load_pages
from app.evaluation.types import CorpusDocument, Dataset, Question

QUERIES = "queries.jsonl"
_ANSWERS = ("answers", "answer", "long_answer")


class NoDataset(Exception):
    """The folder or file is not laid out as evaluation sets are; the message says what is wrong."""


def load(folder: Path) -> Dataset:
    """Read a folder of either layout. Raises NoDataset."""
    try:
        return load_pages(folder) if is_page_dataset(folder) else _load_beir(folder)
    except (FileNotFoundError, NotADirectoryError) as error:
        named = f"{error.filename} is not there" if error.filename else str(error)
        raise NoDataset(
            f"{named}: a dataset is corpus.jsonl, queries.jsonl and qrels.tsv, or questions.jsonl beside the files it "
            "asks about"
        ) from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise NoDataset(f"{folder}: a row is not as it should be: {type(error).__name__}: {error}") from error


def _load_beir(folder: Path) -> Dataset:
    corpus = tuple(
        CorpusDocument(str(row["_id"]), str(row.get("title") or ""), str(row["text"]))
        for row in rows(folder / "corpus.jsonl")
    )
    qrels = _qrels(folder / "qrels.tsv") if (folder / "qrels.tsv").exists() else None
    questions = tuple(_question(row, qrels) for row in rows(folder / QUERIES) if str(row["text"]).strip())
    return Dataset(folder.resolve().name, corpus, questions)


def _qrels(path: Path) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            found.setdefault(row["query-id"], {})[row["corpus-id"]] = int(row["score"])
    return found


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a file of JSON lines."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.strip():
                yield json.loads(line)


def _question(row: Mapping[str, Any], qrels: Mapping[str, Mapping[str, int]] | None) -> Question:
    query = str(row["_id"])
    grades = (qrels or {}).get(query, {})
    judged = qrels is None or any(grade > 0 for grade in grades.values())
    answers: object = next((row[name] for name in _ANSWERS if row.get(name)), None)
    return Question(
        id=query,
        text=str(row["text"]),
        answerable=bool(row.get("answerable", judged)),
        grades=grades,
        answers=answer_parts(answers),
        references=_references(row),
    )


def answer_parts(given: object) -> tuple[tuple[str, ...], ...]:
    """The parts of an answer, each in its wordings, from a text, a list of wordings, or a list with lists in it."""
    listed = _listed(given)
    parts = listed if any(isinstance(part, list) for part in listed) else [listed]
    return tuple(wordings for wordings in map(_wordings, parts) if wordings)


def _wordings(given: object) -> tuple[str, ...]:
    return tuple(str(each) for each in _listed(given) if str(each).strip())


def _listed(given: object) -> list[object]:
    if given is None:
        return []
    return cast("list[object]", given) if isinstance(given, list) else [given]


def _references(row: Mapping[str, Any]) -> Mapping[str, tuple[str, ...]]:
    """`references`, or the `gold_sentences` of annotators who all read the passage `nq_passage`."""
    if row.get("gold_sentences"):
        sentences = dict.fromkeys(str(each) for annotator in row["gold_sentences"] for each in annotator)
        return {str(row["nq_passage"]): tuple(sentences)}
    given: Mapping[str, list[Any]] = row.get("references") or {}
    return {str(document): tuple(map(str, sentences)) for document, sentences in given.items() if sentences}
