"""Questions with known pages are read as they are laid out, and counted by the first hit on a right page."""

import json
from pathlib import Path

import pytest

from app.evaluation.pages import PageQuestion, PageRow, PagesMeasured, is_page_dataset, load_pages

QUESTION = {"question": "How hot?", "doc_name": "metals", "evidence": [{"evidence_page_num": 0}]}


def folder_of(path: Path, *rows: object) -> Path:
    (path / "deep").mkdir()
    (path / "deep" / "metals.pdf").write_bytes(b"%PDF-1.7")
    (path / "README.txt").write_text("about")
    (path / "questions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return path


def test_evidence_pages_are_counted_from_one_and_may_be_of_another_file(tmp_path: Path) -> None:
    other = {"evidence_page_num": 4, "doc_name": "README"}

    dataset = load_pages(folder_of(tmp_path, {**QUESTION, "evidence": [*QUESTION["evidence"], other]}))

    assert [file.name for file in dataset.files] == ["README.txt", "metals.pdf"]
    assert dataset.questions == (PageQuestion("How hot?", "metals", frozenset({("metals", 1), ("README", 5)})),)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no file named gases"):
        load_pages(folder_of(tmp_path, QUESTION, {**QUESTION, "doc_name": "gases"}))


def test_a_folder_is_recognised_by_its_files(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, QUESTION)
    assert is_page_dataset(folder)

    (folder / "corpus.jsonl").write_text("")
    assert not is_page_dataset(folder)


def test_figures_are_shares_of_the_questions() -> None:
    question = PageQuestion("How hot?", "metals", frozenset({("metals", 1)}))
    ranks = (1, 5, 6, None)
    measured = PagesMeasured("hybrid", tuple(PageRow(question, rank == 1, rank, 2.0) for rank in ranks))

    assert [measured.page_at(k) for k in (1, 5, 10)] == [0.25, 0.5, 0.75]
    assert (measured.document_at_1, measured.milliseconds) == (0.25, 2.0)
