"""Hits become the passages that a model is shown: numbered, within a token budget, and without repeats."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from retrieval import compression
from retrieval.compression import Compressed, excerpt, sentence_scores, whole
from retrieval.types import Context, Hit, Passage, Vector

CountTokens: TypeAlias = Callable[[Sequence[str]], list[int]]

SHINGLE = 12  # characters from each beginning of a word, or from each character where words have none
REPEATED_SHARE = 0.9  # of a passage's shingles already seen
_BEGINNING = re.compile(r"\b\w|[\u2e80-\uffff]")
_NUMBER = re.compile(r"\d[\d.,]*")


def pack(
    hits: Sequence[Hit],
    query: str,
    budget_tokens: int,
    compress: bool,  # noqa: FBT001 - the asker's choice, handed on
    count_tokens: CountTokens,
) -> Context:
    """As many passages as fit, in the order of the hits, labelled from 1; the last may lack some of its sentences.

    The budget counts each passage as `shown`. `tokens_uncompressed` is what the same passages would cost whole.
    """
    packed: list[Passage] = []
    seen = _Seen()
    tokens = 0
    for hit in hits:
        label, room = len(packed) + 1, budget_tokens - tokens
        chosen = compression.compress(hit, query) if compress else whole(hit.chunk)
        if seen.holds(chosen.text):
            continue
        cost = _cost(label, hit, chosen, count_tokens)
        cut = cost > room
        if cut:
            shorter = _cut(hit, chosen, sentence_scores(hit, query), label, room, count_tokens)
            if shorter is None:
                continue  # one long sentence; a later passage may still fit
            chosen, cost = shorter
        packed.append(Passage(label, hit, chosen.text, chosen.kept))
        seen.add(chosen.text)
        tokens += cost
        if cut:
            break
    uncut = count_tokens([shown(passage.label, passage.hit, passage.hit.chunk.text) for passage in packed])
    return Context(tuple(packed), tokens, sum(uncut))


def shown(label: int, hit: Hit, text: str) -> str:
    """A passage as a model is shown it: its label and where it stands, then its text."""
    return f"[{label}] {heading(hit)}\n{text}"


def heading(hit: Hit) -> str:
    """The document's title and the headings above the passage, outermost first."""
    title = hit.source.title or hit.source.name
    return " > ".join(dict.fromkeys([title, *hit.chunk.headings]))


@dataclass(slots=True)
class _Seen:
    """What has been packed, as overlapping runs of characters."""

    shingles: set[str] = field(default_factory=set[str])
    numbers: set[str] = field(default_factory=set[str])

    def holds(self, text: str) -> bool:
        """Whether nearly all of a text has been seen; with a number that has not, it says something else."""
        if not self.shingles:
            return False
        own = _shingles(text)
        repeated = len(own & self.shingles) >= REPEATED_SHARE * len(own)
        return repeated and self.numbers.issuperset(_NUMBER.findall(text))

    def add(self, text: str) -> None:
        self.shingles |= _shingles(text)
        self.numbers.update(_NUMBER.findall(text))


def _shingles(text: str) -> set[str]:
    plain = " ".join(text.casefold().split())
    starts = (found.start() for found in _BEGINNING.finditer(plain, 0, max(len(plain) - SHINGLE + 1, 0)))
    return {plain[start : start + SHINGLE] for start in starts} or {plain}


def _cost(label: int, hit: Hit, chosen: Compressed, count_tokens: CountTokens) -> int:
    return count_tokens([shown(label, hit, chosen.text)])[0]


def _cut(
    hit: Hit, chosen: Compressed, scores: Vector, label: int, room: int, count_tokens: CountTokens
) -> tuple[Compressed, int] | None:
    """As many of the chosen sentences around the best one as there is room for, with their cost."""
    if not chosen.kept:
        return None
    best = max(chosen.kept, key=lambda place: (scores[place], -place))
    nearest = sorted(chosen.kept, key=lambda place: (abs(place - best), place))
    least = excerpt(hit.chunk, nearest[:1])
    if _cost(label, hit, least, count_tokens) > room:
        return None
    options = [excerpt(hit.chunk, nearest[:number]) for number in range(1, len(nearest))] or [least]
    costs = count_tokens([shown(label, hit, option.text) for option in options])
    return max(
        ((option, cost) for option, cost in zip(options, costs, strict=True) if cost <= room),
        key=lambda fitting: len(fitting[0].kept),
    )
