"""Newer before older where they say it equally well: what is left of a score by its document's age.

The decay is exponential, as in Li and Croft, "Time-based language models" (CIKM 2003), and like theirs counts from the
newest of the documents, not from today: what a collection has about a thing may be all old.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from retrieval.types import Hit

HALF_LIFE = timedelta(days=365)
UNDATED = 0.5  # of the share that age may take: neither new nor old


def aged(hits: Sequence[Hit], prefer_recent: float) -> list[Hit]:
    """The hits with what age leaves of their scores; all of it where newer ones are not preferred."""
    if not prefer_recent:
        return list(hits)
    left = shares_left([hit.source.effective_at for hit in hits], prefer_recent)
    return [replace(hit, scores=replace(hit.scores, recency=share)) for hit, share in zip(hits, left, strict=True)]


def shares_left(dates: Sequence[datetime | None], prefer_recent: float) -> list[float]:
    """For each date what is left of a score, from 1 for the newest down to 1 - `prefer_recent` for the oldest."""
    newest = max((date for date in dates if date is not None), default=None)
    return [1 - prefer_recent * _aged(date, newest) for date in dates]


def _aged(date: datetime | None, newest: datetime | None) -> float:
    """From 0 for the newest to 1; every half-life takes half of what was left."""
    if date is None or newest is None:
        return UNDATED
    return 1 - 0.5 ** ((newest - date) / HALF_LIFE)
