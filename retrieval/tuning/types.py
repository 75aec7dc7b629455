"""What models are tuned by."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Example:
    """A query, the text that it is about, and texts that a search takes for it by mistake."""

    query: str
    positive: str
    negatives: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Trained:
    """How far a training came before its time or its examples ran out."""

    steps: int
    seconds: float
    precision: str


Trainer: TypeAlias = Callable[[Sequence[Example], Path, float], Trained]
"""Trains on the examples for so many seconds at most and leaves a model in the folder. Raises ModelUnavailable."""
