"""A team's own questions, from a table or from feedback."""

from pathlib import Path
from typing import Any

import pytest

from app.evaluation.datasets import NoDataset
from app.evaluation.own_questions import load_table, of_feedback
from app.evaluation.types import Question


def test_rows_of_one_question_add_up(tmp_path: Path) -> None:
    path = tmp_path / "ours.csv"
    path.write_text(
        "\ufeffquestion,answer,document\nWhen?,in June,a.pdf\nWhen?,June,b.pdf\nWho?,,a.pdf\nWhy?,,\n,x,\n",
        encoding="utf-8",
    )

    dataset = load_table(path)

    assert (dataset.name, dataset.corpus) == ("ours", ())
    assert dataset.questions == (
        Question("When?", "When?", True, {"a.pdf": 1, "b.pdf": 1}, (("in June", "June"),)),
        Question("Who?", "Who?", True, {"a.pdf": 1}),
        Question("Why?", "Why?", False),
    )


def test_a_table_without_its_columns_is_told(tmp_path: Path) -> None:
    path = tmp_path / "ours.csv"
    path.write_text("question;answer\n")
    with pytest.raises(NoDataset, match="the column answer, question is not there"):
        load_table(path)


def test_a_table_in_another_encoding_is_told(tmp_path: Path) -> None:
    path = tmp_path / "ours.csv"
    path.write_bytes("question,answer\n谁？,他\n".encode("gb18030"))
    with pytest.raises(NoDataset, match="is not in UTF-8"):
        load_table(path)


def rated(question: str, rating: int, *documents: str) -> dict[str, Any]:
    citations = [{"document": {"id": each}} for each in documents]
    return {
        "question": question,
        "rating": rating,
        "answer": {"abstained": not documents, "citations": citations},
    }


def test_what_askers_thought_of_answers_says_what_is_right() -> None:
    dataset = of_feedback(
        [
            rated("good", 1, "doc_1", "doc_2", "doc_9"),
            rated("good", -1, "doc_3"),
            rated("bad", -1, "doc_1"),
            rated("rightly refused", 1),
            rated("wrongly refused", -1),
            rated("of another collection", 1, "doc_9"),
        ],
        {"doc_1", "doc_2", "doc_3"},
    )

    assert dataset.questions == (
        Question("good", "good", True, {"doc_1": 1, "doc_2": 1}),
        Question("rightly refused", "rightly refused", False),
        Question("wrongly refused", "wrongly refused", True),
    )
