"""Questions whose evidence stands on known pages of known files.

A folder of this kind holds `questions.jsonl` and, at any depth, the files that it speaks of. A row gives the
`question`, its file's name without the ending (`doc_name`), its `evidence` (a list of `evidence_page_num`, counted
from 0, each with a `doc_name` of its own where it differs), and maybe its `answer`.
"""

import json
from pathlib import Path
from typing import Any

from app.evaluation.types import CorpusFile, Dataset, Question
from ingestion.formats import SUFFIXES

QUESTIONS = "questions.jsonl"


def is_page_dataset(folder: Path) -> bool:
    """Whether the folder is laid out so, and not as BEIR."""
    return (folder / QUESTIONS).is_file() and not (folder / "corpus.jsonl").exists()


def load_pages(folder: Path) -> Dataset:
    """Read a folder; raises FileNotFoundError for a file that a question names and the folder does not hold."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    with (folder / QUESTIONS).open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines if line.strip()]
    questions = tuple(_question(f"q{number}", row) for number, row in enumerate(rows, start=1))
    missing = {name for question in questions for name in question.grades} - {path.stem for path in paths}
    if missing:
        raise FileNotFoundError(f"{folder}: there is no file named {', '.join(sorted(missing))}")
    return Dataset(folder.resolve().name, tuple(CorpusFile(path.stem, path) for path in paths), questions)


def _question(id: str, row: dict[str, Any]) -> Question:
    document = str(row["doc_name"])
    pages = frozenset(
        (str(each.get("doc_name") or document), int(each["evidence_page_num"]) + 1) for each in row["evidence"]
    )
    answer = str(row.get("answer") or "").strip()
    return Question(
        id=str(row.get("id") or id),
        text=str(row["question"]),
        grades={document: 1},
        answers=((answer,),) if answer else (),
        pages=pages,
    )
