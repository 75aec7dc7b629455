"""Datasets are read as they are laid out; what a row does not say is not known."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.evaluation.datasets import NoDataset, answer_parts, load
from app.evaluation.types import CorpusDocument, Question, sample


def folder_of(folder: Path, queries: list[dict[str, Any]], qrels: str | None = "") -> Path:
    (folder / "corpus.jsonl").write_text(json.dumps({"_id": "d", "title": "T", "text": "x"}))
    (folder / "queries.jsonl").write_text("\n".join(map(json.dumps, queries)))
    if qrels is not None:
        (folder / "qrels.tsv").write_text(f"query-id\tcorpus-id\tscore\n{qrels}")
    return folder


def test_a_query_without_a_judgement_is_one_that_the_documents_do_not_answer(tmp_path: Path) -> None:
    queries = [{"_id": name, "text": name} for name in ("judged", "alone", "wrong")]

    dataset = load(folder_of(tmp_path, queries, "judged\td\t2\nwrong\td\t0\n"))

    assert dataset.corpus == (CorpusDocument("d", "T", "x"),)
    assert [question.answerable for question in dataset.questions] == [True, False, False]
    assert dataset.qrels == {"judged": {"d": 2}, "wrong": {"d": 0}}


def test_what_a_query_says_of_itself_goes_first(tmp_path: Path) -> None:
    queries = [
        {"_id": 1, "text": "a", "answerable": True, "answers": ["x", "y"], "references": {"d": ["One."], "e": []}},
        {"_id": 2, "text": "b", "gold_sentences": [["One.", "Two."], ["Two."]], "nq_passage": "d"},
    ]

    first, second = load(folder_of(tmp_path, queries)).questions

    assert first == Question("1", "a", True, answers=(("x", "y"),), references={"d": ("One.",)})
    assert second == Question("2", "b", False, references={"d": ("One.", "Two.")})


def test_without_qrels_every_question_is_taken_for_answerable(tmp_path: Path) -> None:
    (question,) = load(folder_of(tmp_path, [{"_id": "q", "text": "a"}], None)).questions
    assert question == Question("q", "a", True)


@pytest.mark.parametrize(
    ("given", "parts"),
    [
        ("June", (("June",),)),
        (["June", "6th month"], (("June", "6th month"),)),
        ([["June", "6th month"], "2023"], (("June", "6th month"), ("2023",))),
        (["", " "], ()),
        (None, ()),
    ],
)
def test_answers_come_as_a_text_as_wordings_or_as_parts(given: object, parts: tuple[tuple[str, ...], ...]) -> None:
    assert answer_parts(given) == parts


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoDataset, match=r"corpus\.jsonl is not there"):
        load(tmp_path)


def test_a_row_that_lacks_its_text_is_told(tmp_path: Path) -> None:
    with pytest.raises(NoDataset, match="KeyError: 'text'"):
        load(folder_of(tmp_path, [{"_id": "q"}]))


def test_a_question_without_words_is_left_out(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"_id": "q", "text": " "}, {"_id": "r", "text": "Who?"}]

    assert [question.id for question in load(folder_of(tmp_path, rows)).questions] == ["r"]


def test_a_file_is_no_folder_and_is_told_so(tmp_path: Path) -> None:
    path = tmp_path / "questions.csv"
    path.write_text("question,answer\n")
    with pytest.raises(NoDataset, match=r"a dataset is corpus\.jsonl"):
        load(path)


def test_halves_and_samples_are_the_same_whatever_else_is_asked() -> None:
    questions = tuple(Question(str(number), "?") for number in range(200))
    tune, report = sample(questions, None, "tune"), sample(questions, None, "report")

    assert sorted((*tune, *report), key=lambda question: int(question.id)) == list(questions)
    assert 70 < len(tune) < 130
    assert {q.id for q in sample(questions, 10, None)} <= {q.id for q in sample(questions, 20, None)}
    assert sample(questions[:150], None, "tune") == tuple(each for each in tune if int(each.id) < 150)
