"""rank_bm25 as the reference: the contract, and its arithmetic by hand."""

import math
from pathlib import Path

import pytest

from retrieval.errors import IndexDamaged
from retrieval.lexical_indexes.rank_bm25 import NORMS, RankBM25Index
from retrieval.tokenizer import terms
from tests.contracts.lexical_index import LexicalIndexContract, indexed


class TestRankBM25(LexicalIndexContract):
    def new_index(self, folder: Path) -> RankBM25Index:
        return RankBM25Index(terms)


def test_the_score_is_bm25_with_k1_of_1_2_and_b_of_three_quarters() -> None:
    index = RankBM25Index(terms)
    index.add([indexed(1, "cat cat dog"), indexed(2, "dog"), indexed(3, "bird bird")])
    idf = math.log(1 + (3 - 1 + 0.5) / (1 + 0.5))

    [result] = index.search("cat", 5)

    assert result.score == pytest.approx(idf * 2 * 2.2 / (2 + 1.2 * (0.25 + 0.75 * 3 / 2)))


def test_lengths_are_told_apart_to_forty_and_then_by_four_bits() -> None:
    assert NORMS[:41] == list(range(41))
    assert NORMS[40:50] == [40, 42, 44, 46, 48, 50, 52, 54, 56, 60]
    assert len(NORMS) == 256
    assert NORMS[-1] == 2_013_265_944


@pytest.mark.parametrize(
    "content",
    [
        "[]",
        '{"x": [[], [], []]}',
        '{"1": "cat"}',
        '{"1": ["cat", "dog", "cow"]}',
        '{"1": [[], []]}',
        '{"1": [[], [], [2]]}',
    ],
)
def test_a_file_of_another_shape_is_damaged(tmp_path: Path, content: str) -> None:
    (tmp_path / "terms.json").write_text(content)

    with pytest.raises(IndexDamaged, match="expected 3 lists of terms"):
        RankBM25Index(terms).restore(tmp_path)
