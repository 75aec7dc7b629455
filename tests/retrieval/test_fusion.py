import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.fusion import (
    DENSE_WEIGHT,
    SEPARATION_GAIN,
    convex,
    dense_weight,
    leaned,
    reciprocal_rank,
    separation,
)
from retrieval.types import ChunkId, Scored

scores = st.dictionaries(st.integers(1, 20), st.floats(0.01, 30, allow_nan=False), max_size=12)
cosines = st.dictionaries(st.integers(1, 20), st.floats(-1, 1, allow_nan=False), max_size=12)


def run(found: dict[int, float]) -> list[Scored]:
    return [Scored(ChunkId(chunk), score) for chunk, score in found.items()]


def order(found: list[Scored]) -> list[int]:
    return [int(scored.id) for scored in found]


def test_a_chunk_found_by_both_beats_a_chunk_found_by_one() -> None:
    fused = convex(run({1: 8.0, 2: 8.0}), run({2: 0.5, 3: 0.6}), 0.5)

    assert order(fused)[0] == 2


def test_bm25_is_divided_by_its_best_score_and_cosine_taken_as_it_is() -> None:
    fused = convex(run({1: 12.0, 2: 3.0}), run({1: 0.5, 2: 0.9}), 0.6)

    assert order(fused) == [1, 2]
    assert [scored.score for scored in fused] == pytest.approx([0.4 * 1 + 0.6 * 0.5, 0.4 * 0.25 + 0.6 * 0.9])


def test_a_cosine_below_nothing_counts_nothing() -> None:
    assert convex([], run({1: -0.8}), 1.0) == [Scored(ChunkId(1), 0.0)]


def test_without_a_dense_share_the_terms_alone_decide() -> None:
    lexical = {1: 1.0, 2: 5.0, 3: 2.5}

    assert order(convex(run(lexical), run({9: 1.0, 1: 0.9}), 0.0))[:3] == [2, 3, 1]


def test_ties_go_to_the_lower_id() -> None:
    assert order(convex(run({7: 2.0, 3: 2.0, 5: 2.0}), [], 0.5)) == [3, 5, 7]
    assert order(reciprocal_rank([run({7: 2.0}), run({3: 9.0})])) == [3, 7]


def test_reciprocal_ranks_are_summed_with_sixty_added() -> None:
    fused = reciprocal_rank([run({1: 9.0, 2: 8.0}), run({2: 0.7, 3: 0.6})])

    assert order(fused) == [2, 1, 3]
    assert [scored.score for scored in fused] == pytest.approx([1 / 62 + 1 / 61, 1 / 61, 1 / 62])


def test_equal_scores_share_a_rank() -> None:
    assert {scored.score for scored in reciprocal_rank([run({1: 4.0, 2: 4.0})])} == {1 / 61}


def test_a_best_score_stands_out_by_its_share_above_the_next_nine() -> None:
    assert separation(run({1: 4.0, 2: 2.0, 3: 1.0})) == pytest.approx(1 - 1.5 / 4)
    assert separation(run({chunk: 1.0 if chunk < 11 else 0.0 for chunk in range(1, 20)})) == 0
    assert separation(run({1: 4.0})) == separation([]) == separation(run({1: -0.1, 2: -0.2})) == 0


def test_the_weight_moves_towards_the_side_that_stands_out() -> None:
    sure, unsure = run({1: 0.8, 2: 0.0}), run({3: 5.0, 4: 5.0})

    assert leaned(0.6, unsure, sure) == pytest.approx(0.6 + SEPARATION_GAIN)
    assert leaned(0.6, sure, unsure) == pytest.approx(0.6 - SEPARATION_GAIN)
    assert leaned(0.6, sure, sure) == leaned(0.6, [], []) == pytest.approx(0.6)
    assert leaned(0.9, unsure, sure) == 1


@given(scores, cosines, st.floats(0, 1))
def test_the_order_in_which_convex_is_given_its_candidates_does_not_matter(
    lexical: dict[int, float], dense: dict[int, float], weight: float
) -> None:
    fused = convex(run(lexical), run(dense), weight)

    assert convex(reversed(run(lexical)), sorted(run(dense), key=lambda scored: scored.score), weight) == fused
    assert {int(scored.id) for scored in fused} == lexical.keys() | dense.keys()
    assert all(0 <= scored.score <= 1 for scored in fused)


@given(st.lists(scores, max_size=4), st.permutations(range(4)))
def test_neither_the_order_of_the_runs_nor_that_within_them_matters(
    runs: list[dict[int, float]], places: list[int]
) -> None:
    shuffled = [list(reversed(run(runs[place]))) for place in places if place < len(runs)]

    assert reciprocal_rank(shuffled) == reciprocal_rank([run(found) for found in runs])


@pytest.mark.parametrize(
    ("query", "languages", "speaks"),
    [
        ("How do I declare a query parameter?", {"en"}, True),
        ("Wie heißt das?", {"en"}, True),
        ("ＦＡＳＴＡＰＩ", {"en"}, True),
        ("2023 / 17", {"en"}, True),
        ("如何声明查询参数", {"en"}, False),
        ("如何声明 query 参数？", {"en"}, False),
        ("Как объявить параметр?", {"en"}, False),
        ("如何声明查询参数", {"en", "zh"}, True),
        ("ひらがなと漢字", {"zh"}, False),
        ("ひらがなと漢字", {"ja"}, True),
        ("ひらがなと漢字", set[str](), True),
    ],
)
def test_the_dense_side_counts_only_in_scripts_that_the_embedder_knows(
    query: str, languages: set[str], speaks: bool
) -> None:
    assert dense_weight(query, frozenset(languages)) == (DENSE_WEIGHT if speaks else 0)
