"""Hits on other pages before more of the same page: who opens a page for one hit has the others before their eyes.

A greedy choice, as in Carbonell and Goldstein, "The use of MMR" (SIGIR 1998), with the page in the place of similarity.
"""

import heapq
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeAlias

from retrieval.types import Hit

SHARE_LEFT = 0.9  # of a hit's score, for each better hit on the page that it begins on

_Page: TypeAlias = tuple[str, int]


def spread(hits: Sequence[Hit]) -> list[Hit]:
    """The hits best first, ties by id, with what is left of each score; where there are no pages, all of it."""
    waiting = [(-hit.scores.final, hit.chunk.id, 0, place) for place, hit in enumerate(hits)]
    heapq.heapify(waiting)
    taken: Counter[_Page] = Counter()
    chosen: list[Hit] = []
    while waiting:
        _, chunk, better, place = heapq.heappop(waiting)
        hit = hits[place]
        page = _page(hit)
        if page is not None and taken[page] > better:
            left = hit.scores.final * SHARE_LEFT ** taken[page]
            heapq.heappush(waiting, (-left, chunk, taken[page], place))
            continue
        if page is not None:
            taken[page] += 1
        share = SHARE_LEFT**better if better else None
        chosen.append(replace(hit, rank=len(chosen) + 1, scores=replace(hit.scores, spread=share)))
    return chosen


def _page(hit: Hit) -> _Page | None:
    pages = hit.placement.pages
    return (hit.source.id, pages[0]) if pages else None
