"""tantivy: the contract, its dead, its files, and that it scores as the reference does."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.lexical_indexes.rank_bm25 import RankBM25Index
from retrieval.lexical_indexes.tantivy import TantivyIndex
from retrieval.tokenizer import terms
from tests.contracts.lexical_index import LexicalIndexContract, found, indexed


class TestTantivy(LexicalIndexContract):
    def new_index(self, folder: Path) -> TantivyIndex:
        return TantivyIndex(folder, terms)


def test_scores_are_those_of_the_living_once_a_fifth_is_dead(tmp_path: Path) -> None:
    index, fresh = TantivyIndex(tmp_path / "index", terms), TantivyIndex(tmp_path / "fresh", terms)
    living = [indexed(n, f"common word{n % 5}" + " more" * n) for n in range(40)]
    index.add([*living, *(indexed(n, "common dead words") for n in range(100, 130))])

    index.remove(np.arange(100, 130))

    fresh.add(living)
    assert index.search("common word3", 20) == fresh.search("common word3", 20)


def test_one_folder_is_kept_however_often_the_index_is_rebuilt(tmp_path: Path) -> None:
    index = TantivyIndex(tmp_path, terms)
    for n in range(6):
        index.add([indexed(n, "cat")])
        index.remove(np.array([n]))

    assert len(list(tmp_path.iterdir())) == 1


WORDS = ["alpha", "beta", "gamma", "delta", "x1", "x2", "x3"]
texts = st.lists(st.lists(st.sampled_from(WORDS), max_size=120).map(" ".join), min_size=1, max_size=40)
queries = st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(" ".join)


@settings(max_examples=60, deadline=None)
@given(texts=texts, query=queries, parts=st.integers(1, 3))
def test_the_top_ten_are_those_of_rank_bm25(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], query: str, parts: int
) -> None:
    index, reference = TantivyIndex(tmp_path_factory.mktemp("index"), terms), RankBM25Index(terms)
    chunks = [indexed(n, text) for n, text in enumerate(texts)]
    for part in range(parts):
        index.add(chunks[part::parts])
    reference.add(chunks)

    results, expected = index.search(query, 10), reference.search(query, 10)

    assert found(results) == found(expected)
    assert [one.score for one in results] == pytest.approx([one.score for one in expected], rel=1e-4)


def test_a_purge_leaves_no_term_of_the_removed_in_any_file_and_finds_the_others_as_before(tmp_path: Path) -> None:
    index = TantivyIndex(tmp_path, terms)
    index.add([indexed(n, f"common word{n}") for n in range(20)])
    index.add([indexed(98, "common other"), indexed(99, "common zyxquorvexil")])
    index.remove(np.array([99]))
    before = found(index.search("common word3", 20))
    assert index.dead == 1

    index.purge()

    assert (index.dead, len(index.ids())) == (0, 21)
    assert found(index.search("common word3", 20)) == before
    assert not [file for file in tmp_path.rglob("*") if file.is_file() and b"zyxquorvexil" in file.read_bytes()]
