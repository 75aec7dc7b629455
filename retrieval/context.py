"""Hits become the passages that a model is shown: numbered, within a token budget, and without repeats."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from retrieval import compression
from retrieval.compression import Compressed, Weighing, excerpt, whole
from retrieval.duplicates import Said, Seen, Verdict, said
from retrieval.links import linked_to_best
from retrieval.types import ChunkId, Context, Hit, Passage, Vector

CountTokens: TypeAlias = Callable[[Sequence[str]], list[int]]

MOST = 100  # hits that anybody may ask for
NEWCOMERS = 3  # places that variants leave to what says something else
NEWCOMERS_SHARE = 0.5  # of the best sentence's weight, for which one of theirs is kept
SPARED = 3  # passages of which compression keeps something, however far they are behind: a second view, an exception
"""So it does of those that name one of these, or that one of these names: a question that leads to them by way of the
first says none of their words."""


def pack(
    hits: Sequence[Hit],
    query: str,
    budget_tokens: int,
    compress: bool,  # noqa: FBT001 - the asker's choice, handed on
    count_tokens: CountTokens,
    most: int = MOST,
) -> Context:
    """As many passages as fit, `most` at most, in the order of the hits, labelled from 1; the last may be cut.

    The budget counts each passage as `shown`. `tokens_uncompressed` is what the same passages would cost whole, with
    those that compression left out. Hits past the first `most` fill up when those repeat each other: variants of what
    is packed wait for them.
    """
    first, more = hits[:most], hits[most:]
    linked = linked_to_best(first, SPARED) if compress else frozenset[ChunkId]()
    packing = _Packing(Weighing(query, first), linked, budget_tokens, compress, count_tokens)
    variants = [hit for hit in first if packing.offer(hit) == "variant"]
    left_out = len(variants) + packing.repeats
    free = most - len(packing.packed)
    newcomers = max(free - len(variants), min(free, NEWCOMERS))
    for hit in more:
        if newcomers:
            before = len(packing.packed)
            packing.offer(hit, share=NEWCOMERS_SHARE)
            newcomers -= len(packing.packed) - before
    for hit in variants[: most - len(packing.packed)]:
        packing.offer(hit, as_variant=True)
    return packing.context(left_out)


@dataclass(slots=True)
class _Packing:
    """A context under way."""

    weighing: Weighing
    linked: frozenset[ChunkId]
    budget_tokens: int
    compress: bool
    count_tokens: CountTokens
    packed: list[Passage] = field(default_factory=list[Passage])
    beside_the_point: list[Hit] = field(default_factory=list[Hit])
    seen: Seen = field(default_factory=Seen)
    tokens: int = 0
    repeats: int = 0
    is_full: bool = False

    def offer(self, hit: Hit, *, as_variant: bool = False, share: float = compression.KEPT_SHARE) -> Verdict:
        """Pack the hit unless it is a repeat, a variant that has to wait, or more than there is room for."""
        if self.is_full:
            return "new"
        if self.seen.repeats(hit):
            self.repeats += 1
            return "repeat"
        chosen = self._compressed(hit, share) if self.compress else whole(hit.chunk)
        if chosen is None:
            self.beside_the_point.append(hit)
            return "new"
        text = said(chosen.text)
        verdict = self.seen.judge(hit, text)
        if verdict == "new" or (verdict == "variant" and as_variant):
            self._pack(hit, chosen, text)
        self.repeats += verdict == "repeat"
        return verdict

    def context(self, left_out: int) -> Context:
        """What was packed, each passage with the places of its repeats."""
        passages = tuple(
            replace(passage, hit=self.seen.with_places(at, passage.hit)) for at, passage in enumerate(self.packed)
        )
        looked_at = [*(each.hit for each in passages), *self.beside_the_point]
        uncut = self.count_tokens([shown(label, hit, hit.chunk.text) for label, hit in enumerate(looked_at, start=1)])
        beside_the_point = tuple(hit.chunk.id for hit in self.beside_the_point)
        return Context(passages, self.tokens, sum(uncut), left_out, beside_the_point)

    def _compressed(self, hit: Hit, share: float) -> Compressed | None:
        spare = len(self.packed) < SPARED or hit.chunk.id in self.linked
        return compression.compress(self.weighing.of(hit), spare=spare, share=share)

    def _pack(self, hit: Hit, chosen: Compressed, text: Said) -> None:
        label, room = len(self.packed) + 1, self.budget_tokens - self.tokens
        cost = _cost(label, hit, chosen, self.count_tokens)
        cut = cost > room
        if cut:
            scores = self.weighing.of(hit).weights
            shorter = _cut(hit, chosen, scores, label, room, self.count_tokens)
            if shorter is None:
                return  # one long sentence; a later passage may still fit
            chosen, cost = shorter
            text = said(chosen.text)
        self.packed.append(Passage(label, hit, chosen.text, chosen.kept))
        self.seen.add(hit, text)
        self.tokens += cost
        self.is_full = cut


def shown(label: int, hit: Hit, text: str) -> str:
    """A passage as a model is shown it: its label and where it stands, then its text."""
    return f"[{label}] {heading(hit)}\n{text}"


def heading(hit: Hit) -> str:
    """The document's title and the headings above the passage, outermost first."""
    title = hit.source.title or hit.source.name
    return " > ".join(dict.fromkeys([title, *hit.chunk.headings]))


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
