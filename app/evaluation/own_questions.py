"""A team's own questions about a collection that is there: from a table, or from what askers thought of answers."""

import csv
from collections.abc import Container, Iterable, Mapping
from pathlib import Path

from app.client import Json
from app.evaluation.datasets import NoDataset
from app.evaluation.types import Dataset, Question


def load_table(path: Path) -> Dataset:
    """Read a CSV file with the columns `question`, `answer` and maybe `document` (a file's name). Raises NoDataset.

    Rows of one question add up: other wordings of its answer, further documents. A question without an answer and a
    document is one that the documents do not answer.
    """
    try:
        rows = _rows(path)
    except UnicodeDecodeError as error:
        raise NoDataset(f"{path} is not in UTF-8: save it as CSV UTF-8") from error
    except (OSError, csv.Error) as error:
        raise NoDataset(f"{path}: {error}") from error
    asked: dict[str, list[Mapping[str, str]]] = {}
    for row in rows:
        if row["question"]:
            asked.setdefault(row["question"], []).append(row)
    return Dataset(path.stem, (), tuple(_of_rows(question, given) for question, given in asked.items()))


def _rows(path: Path) -> list[Mapping[str, str]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        missing = {"question", "answer"} - set(reader.fieldnames or ())
        if missing:
            raise NoDataset(f"{path}: the column {', '.join(sorted(missing))} is not there")
        return [{name: (value or "").strip() for name, value in row.items() if name} for row in reader]


def _of_rows(question: str, rows: list[Mapping[str, str]]) -> Question:
    wordings = tuple(dict.fromkeys(row["answer"] for row in rows if row["answer"]))
    documents = {row["document"]: 1 for row in rows if row.get("document")}
    return Question(question, question, bool(wordings or documents), documents, (wordings,) if wordings else ())


def of_feedback(rated: Iterable[Json], documents: Container[str]) -> Dataset:
    """Questions whose answers askers rated, as `GET /v1/admin/feedback` lists them, about these documents.

    What an answer that was liked cites is right. An abstention that was liked was right to tell nothing, and one that
    was not should have told something. Of other answers that were not liked nothing is known: they are left out. Of a
    question that was asked more than once the first row counts, which is its newest.
    """
    questions: dict[str, Question] = {}
    for each in rated:
        text, answer, liked = str(each["question"]), each["answer"], each["rating"] > 0
        cited = {str(citation["document"]["id"]): 1 for citation in answer["citations"]}
        known = {document: grade for document, grade in cited.items() if document in documents}
        tells = answer["abstained"] or (liked and bool(known))
        if text not in questions and tells:
            questions[text] = Question(text, text, answer["abstained"] != liked, known)
    return Dataset("feedback", (), tuple(questions.values()))
