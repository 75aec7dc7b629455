"""Personal data out of a parsed document, before chunks are cut: what is found gives way to its kind, as in [EMAIL]."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from ingestion.redaction.personal import Found, find
from ingestion.types import Block, ParsedDocument, PersonalKind
from retrieval.types import MetadataValue, Region


def redact(parsed: ParsedDocument, kinds: Collection[PersonalKind]) -> ParsedDocument:
    """The document without personal data of these kinds in its blocks, title and metadata; counts say how much.

    What the regions say about all other text stays true.
    """
    if not kinds:
        return parsed
    ink = _Ink(frozenset(kinds), Counter())
    return replace(
        parsed,
        title=ink.over(parsed.title),
        blocks=tuple(ink.over_block(block) for block in parsed.blocks),
        metadata={key: ink.over_value(value) for key, value in parsed.metadata.items()},
        counts={**parsed.counts, **{f"redacted_{kind}": count for kind, count in sorted(ink.counts.items())}},
    )


@dataclass(frozen=True, slots=True)
class _Ink:
    """What is blackened, and how often that was needed so far."""

    kinds: frozenset[PersonalKind]
    counts: Counter[str]

    def over(self, text: str) -> str:
        return _blackened(text, self._found(text))

    def over_block(self, block: Block) -> Block:
        found = self._found(block.text)
        if not found:
            return block
        shift = _Shift(found)
        regions = tuple(_moved(region, shift) for region in block.regions)
        return replace(block, text=_blackened(block.text, found), regions=regions)

    def over_value(self, value: MetadataValue) -> MetadataValue:
        if isinstance(value, tuple):
            return tuple(self.over(part) if isinstance(part, str) else part for part in value)
        return self.over(value) if isinstance(value, str) else value

    def _found(self, text: str) -> list[Found]:
        found = [each for each in find(text) if each.kind in self.kinds]
        self.counts.update(each.kind for each in found)
        return found


class _Shift:
    """Where a place of the text as it was stands in the text as it is."""

    def __init__(self, found: Sequence[Found]) -> None:
        self._found = found
        self._starts = [each.start for each in found]
        self._gains = [0]
        for each in found:
            self._gains.append(self._gains[-1] + len(_placeholder(each)) - (each.end - each.start))

    def start(self, place: int) -> int:
        """Of what begins here; inside what was blackened, the placeholder's own beginning."""
        before = bisect_right(self._starts, place)
        last = self._found[before - 1] if before else None
        if last is not None and place < last.end:
            return last.start + self._gains[before - 1]
        return place + self._gains[before]

    def end(self, place: int) -> int:
        """Of what ends here; inside what was blackened, the placeholder's own end."""
        before = bisect_right(self._starts, place - 1)
        last = self._found[before - 1] if before else None
        if last is not None and place < last.end:
            return last.end + self._gains[before]
        return place + self._gains[before]


def _moved(region: Region, shift: _Shift) -> Region:
    return replace(region, start=shift.start(region.start), end=shift.end(region.end))


def _blackened(text: str, found: Sequence[Found]) -> str:
    parts: list[str] = []
    last = 0
    for each in found:
        parts += [text[last : each.start], _placeholder(each)]
        last = each.end
    return "".join([*parts, text[last:]])


def _placeholder(found: Found) -> str:
    return f"[{found.kind.upper()}]"
