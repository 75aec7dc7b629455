"""Datasets are read as they are laid out, and their texts reach the product unchanged."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.evaluation.datasets import CorpusDocument, load
from ingestion.parsers.markdown.parser import MarkdownParser


def test_queries_without_a_judgement_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "corpus.jsonl").write_text(json.dumps({"_id": "d", "title": "T", "text": "x"}))
    (tmp_path / "queries.jsonl").write_text(
        "\n".join(json.dumps({"_id": name, "text": name}) for name in ("judged", "alone"))
    )
    (tmp_path / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\njudged\td\t2\n")

    dataset = load(tmp_path)

    assert dataset.queries == {"judged": "judged"}
    assert dataset.qrels == {"judged": {"d": 2}}
    assert dataset.corpus == (CorpusDocument("d", "T", "x"),)


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"corpus\.jsonl"):
        load(tmp_path)


@given(st.text(alphabet="ab1 *_`#<>[]|~^$&\\.-+(){}!'\"\n", min_size=1, max_size=60))
def test_a_text_comes_through_markdown_unchanged(text: str) -> None:
    words = text.split()
    parsed = MarkdownParser().parse(CorpusDocument("d", "", f"Text {text}").markdown().encode())

    assert "".join("".join(block.text.split()) for block in parsed.blocks) == "Text" + "".join(words)
