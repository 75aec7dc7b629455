"""A page's second hit makes room for other pages, by a bounded share; documents without pages stay as they are."""

from dataclasses import replace

from retrieval.embedders.hashing import HashingEmbedder
from retrieval.spread import SHARE_LEFT, spread
from retrieval.types import Hit, Scores
from tests.builders import hit, source

EMBEDDER = HashingEmbedder(8)


def made(number: int, score: float, *pages: int, document: str = "a.pdf") -> Hit:
    found = hit("words", EMBEDDER, number)
    placement = replace(found.placement, pages=pages)
    return replace(found, placement=placement, source=source(document), scores=Scores(None, None, score, None))


def ranked(*hits: Hit) -> list[tuple[int, int]]:
    return [(each.rank, each.chunk.id) for each in spread(hits)]


def test_hits_on_other_pages_pass_by_where_their_score_is_near() -> None:
    hits = made(1, 1.0, 7), made(2, 0.98, 7), made(3, 0.95, 8), made(4, 0.94, 7, document="b.pdf"), made(5, 0.5, 9)

    assert ranked(*hits) == [(1, 1), (2, 3), (3, 4), (4, 2), (5, 5)]
    assert [each.scores.spread for each in spread(hits)] == [None, None, None, SHARE_LEFT, None]
    assert [each.scores.final for each in spread(hits)][3] == 0.98 * SHARE_LEFT


def test_each_further_hit_of_a_page_loses_more() -> None:
    hits = [made(number, 1.0, 7) for number in (1, 2, 3)]

    assert [each.scores.final for each in spread(hits)] == [1.0, SHARE_LEFT, SHARE_LEFT**2]


def test_without_pages_the_order_of_scores_stands_with_ties_by_id() -> None:
    assert ranked(made(3, 0.9), made(2, 0.9), made(1, 0.5), made(4, 1.0)) == [(1, 4), (2, 2), (3, 3), (4, 1)]
