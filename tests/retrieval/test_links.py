"""A hit that the best ones name comes forward; hits that nothing links stay as they are."""

from dataclasses import replace

import numpy as np
import pytest

from retrieval.links import FOLLOWED, WALK_WEIGHT, followed, linked_to_best
from retrieval.types import Chunk, ChunkId, Hit, Placement, Scores, Source


def hit(number: int, title: str, text: str, score: float, document: str = "") -> Hit:
    chunk = Chunk(ChunkId(number), text, (title,) if title else (), (), "en", 1)
    source = Source(document or f"doc_{number}", f"{number}.md", title, "default", "text/markdown", {})
    return Hit(number, chunk, Placement(1, 0, (), ()), source, Scores(None, None, score, None), None)


BRIDGE = hit(1, "Bell of Vedra", "The bell of Vedra was cast by Ilse Marrow in 1703.", 0.9)
OTHER = hit(2, "Bells", "Bells are cast in bronze, and hang in towers.", 0.6)
ANSWER = hit(3, "Ilse Marrow (founder)", "She was born in Tarn and learned her trade there.", 0.5)


def order(hits: list[Hit]) -> list[int]:
    return [int(each.chunk.id) for each in sorted(hits, key=lambda each: -each.scores.final)]


def test_a_document_that_the_best_hit_names_comes_before_what_only_speaks_of_the_same() -> None:
    hits = followed([BRIDGE, OTHER, ANSWER])

    assert order(hits) == [1, 3, 2]
    assert [each.chunk for each in hits] == [each.chunk for each in (BRIDGE, OTHER, ANSWER)]
    assert all(each.scores.linked == each.scores.final for each in hits)


def test_the_walk_is_personalised_pagerank() -> None:
    links = np.array([[0, 0, 1], [0, 0, 0], [1, 0, 0]], float)
    start = np.array([0.9, 0.6, 0.5]) ** 4
    start /= start.sum()
    # what no link leads on from ends there, so the walk is start (1 - d) / (1 - d P)
    visits = (1 - FOLLOWED) * start @ np.linalg.inv(np.eye(3) - FOLLOWED * links)

    scores = [each.scores.final for each in followed([BRIDGE, OTHER, ANSWER])]
    expected = (1 - WALK_WEIGHT) * np.array([0.9, 0.6, 0.5]) + WALK_WEIGHT * 0.9 * visits / visits.max()
    assert scores == pytest.approx(expected.tolist(), abs=1e-4)


@pytest.mark.parametrize(
    "named",
    [
        hit(3, "Marrow", "A vegetable.", 0.5, document="doc_1"),  # of the same document
        hit(3, "arrow", "A thing that flies.", 0.5),  # inside a word
        hit(3, "the", "An article.", 0.5),
        hit(3, "", "Without a title.", 0.5),
        hit(3, "ilse marrow", "Written otherwise.", 0.5),
    ],
)
def test_what_is_no_link_changes_nothing(named: Hit) -> None:
    assert followed([BRIDGE, named]) == [BRIDGE, named]


def test_a_chinese_title_is_found_inside_the_text() -> None:
    bridge = hit(1, "编钟", "这口钟由李白石铸造。", 0.9)
    hits = followed([bridge, hit(2, "钟", "钟声很远。", 0.6), hit(3, "李白石", "他生于苏州。", 0.5)])

    assert order(hits) == [1, 3, 2]


def test_nothing_and_scores_of_nought_are_no_trouble() -> None:
    nought = [replace(each, scores=Scores(None, None, 0.0, None)) for each in (BRIDGE, ANSWER)]

    assert followed([]) == []
    assert [each.scores.final for each in followed(nought)] == [0.0, 0.0]


def test_what_the_best_name_or_what_names_their_document_is_linked_to_them() -> None:
    naming = hit(4, "Towers", "In Tarn hangs the Bell of Vedra.", 0.4)
    further = hit(5, "Tarn", "Ilse Marrow was born here.", 0.3)
    assert linked_to_best([BRIDGE, OTHER, ANSWER, naming, further], 1) == {ChunkId(3), ChunkId(4)}
    assert linked_to_best([BRIDGE, OTHER, ANSWER, naming, further], 3) == {
        ChunkId(1),
        ChunkId(3),
        ChunkId(4),
        ChunkId(5),
    }
    assert linked_to_best([], 3) == frozenset()
