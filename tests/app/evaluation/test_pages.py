"""Questions with known pages are read as they are laid out."""

import json
from pathlib import Path

import pytest

from app.evaluation.datasets import NoDataset, load
from app.evaluation.types import CorpusFile, Question

QUESTION = {"question": "How hot?", "doc_name": "metals", "evidence": [{"evidence_page_num": 0}]}


def folder_of(path: Path, *rows: object) -> Path:
    (path / "deep").mkdir()
    (path / "deep" / "metals.pdf").write_bytes(b"%PDF-1.7")
    (path / "README.txt").write_text("about")
    (path / "questions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return path


def test_evidence_pages_are_counted_from_one_and_may_be_of_another_file(tmp_path: Path) -> None:
    other = {"evidence_page_num": 4, "doc_name": "README"}
    row = {**QUESTION, "answer": "Very.", "evidence": [*QUESTION["evidence"], other]}

    dataset = load(folder_of(tmp_path, row))

    assert dataset.corpus == (
        CorpusFile("README", tmp_path / "README.txt"),
        CorpusFile("metals", tmp_path / "deep" / "metals.pdf"),
    )
    assert dataset.questions == (
        Question(
            "q1",
            "How hot?",
            grades={"metals": 1},
            answers=(("Very.",),),
            pages=frozenset({("metals", 1), ("README", 5)}),
        ),
    )


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoDataset, match="no file named gases"):
        load(folder_of(tmp_path, QUESTION, {**QUESTION, "doc_name": "gases"}))


def test_beside_a_corpus_questions_of_pages_are_not_looked_at(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, QUESTION)
    (folder / "corpus.jsonl").write_text("")

    with pytest.raises(NoDataset, match=r"queries\.jsonl is not there"):
        load(folder)
