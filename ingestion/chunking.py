"""Blocks → chunk drafts: by heading, then by the embedder's token budget, cut where the content itself says.

The cut is content-defined (after Muthitacharoen, Chen and Mazières, "A low-bandwidth network file system", 2001):
among the boundaries that give a chunk of fitting size, the one whose following text hashes lowest, paragraphs before
sentences. An edit moves the boundaries near it and none further on: all other chunks keep their keys, ids and vectors.
"""

import hashlib
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, groupby

from ingestion.language import UNKNOWN, language_of
from ingestion.pace import Look, Pace, TokenCounter
from ingestion.table_heads import data_start
from ingestion.types import Block, ChunkDraft, ParsedDocument
from retrieval.sentences import each_sentence, line_spans
from retrieval.types import Region, Span

CHUNKER_VERSION = "2"
"""Raise it with any change to where chunks begin and end: collections that were cut otherwise then say so."""

BETWEEN_BLOCKS = "\n\n"
_PREFIX_SHARE = 4  # the headings may take a quarter of the window
_SMALLEST_SHARE = 3  # a chunk is at least a third of the budget, unless its section is smaller
_BLOCKS = 512  # of one section that are weighed at once: a book may be a single one
_WIDEST_HEADING = 200  # code points
_WIDEST_TOKEN = 32  # code points; tokenizers make one unknown token of a word of any length


@dataclass(frozen=True, slots=True)
class _Atom:
    """The smallest stretch that a chunk may be cut from: a sentence, or a line of a table or of code."""

    block: Block
    position: int  # the block's among those of its section
    start: int
    end: int
    tokens: int
    opens_block: bool

    @property
    def text(self) -> str:
        return self.block.text[self.start : self.end]


@dataclass(frozen=True, slots=True)
class _Section:
    """The blocks under one path of headings; a heading without text below it is its own block."""

    headings: tuple[str, ...]
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class _Above:
    """What stands above a chunk: its headings, as the model reads them, and how many tokens they leave."""

    headings: tuple[str, ...]
    prefix: str
    room: int


def chunk(
    parsed: ParsedDocument, window: int, count_tokens: TokenCounter, look: Look = lambda _: None
) -> tuple[ChunkDraft, ...]:
    """Drafts in reading order that together hold all text of the document once; none passes `window` tokens.

    A chunk that begins within a table has the rows that tell the columns as its innermost headings.
    """
    pace = Pace(count_tokens, look, 3 * sum(len(block.text) for block in parsed.blocks))
    language = cache(lambda: language_of(" ".join(block.text for block in parsed.blocks[:50])))
    labels = _page_labels(parsed)
    drafts: list[ChunkDraft] = []
    for section in _sections(parsed):
        headings = with_title(parsed.title, section.headings)
        plain = _headed(headings, window, pace.count)
        above = _above_each(plain, window, pace.count)
        atoms: list[_Atom] = []
        for first in range(0, len(section.blocks), _BLOCKS):
            atoms += _atoms(section.blocks[first : first + _BLOCKS], first, plain.room, pace)
            is_last = first + _BLOCKS >= len(section.blocks)
            end = 0
            for start, end in _cut(atoms, plain.room, above, is_last=is_last):
                drafts.append(_draft(atoms[start:end], above(atoms[start]), language, labels))
                pace.step(len(drafts[-1].text))
            del atoms[:end]
    return tuple(drafts)


def identity(headings: tuple[str, ...], text: str, window: int, count_tokens: TokenCounter) -> tuple[str, str]:
    """Prefix and key of a chunk that was cut before, under the same window; nobody's word for them is needed."""
    prefix = _headed(headings, window, count_tokens).prefix
    return prefix, _key(prefix, text)


def document_language(drafts: Sequence[ChunkDraft]) -> str:
    """The language that most text of a document is in."""
    weights: dict[str, int] = {}
    for draft in drafts:
        weights[draft.language] = weights.get(draft.language, 0) + len(draft.text)
    return max(weights, key=lambda language: weights[language], default=UNKNOWN)


def chunk_languages(drafts: Sequence[ChunkDraft]) -> dict[str, int]:
    """How many chunks are in each language, as `chunks_en`, the most frequent first."""
    return {
        f"chunks_{language}": count for language, count in Counter(draft.language for draft in drafts).most_common()
    }


def _sections(parsed: ParsedDocument) -> Iterator[_Section]:
    path: list[Block] = []
    body: list[Block] = []
    bare = False  # the last heading has no text below it yet
    for block in parsed.blocks:
        if block.kind != "heading":
            body.append(block)
            bare = False
            continue
        if body:
            yield _Section(_texts(path), tuple(body))
            body = []
        deeper = bool(path) and block.level > path[-1].level
        if bare and not deeper:
            yield _Section(_texts(path[:-1]), (path[-1],))
        path = [heading for heading in path if heading.level < block.level]
        path.append(block)
        bare = True
    if body:
        yield _Section(_texts(path), tuple(body))
    elif bare:
        yield _Section(_texts(path[:-1]), (path[-1],))


def _texts(headings: Sequence[Block]) -> tuple[str, ...]:
    return tuple(_line(heading.text) for heading in headings)


def _line(text: str) -> str:
    return " ".join(text.split())[:_WIDEST_HEADING]


def with_title(title: str, headings: tuple[str, ...]) -> tuple[str, ...]:
    """A document's title above its headings, unless the first of them says it already."""
    title = _line(title)
    return headings if not title or title in headings[:1] else (title, *headings)


def _headed(headings: tuple[str, ...], window: int, count_tokens: TokenCounter) -> _Above:
    """The headings as the model reads them before the text; the outermost go first when they are too long together."""
    for start in range(len(headings)):
        prefix = " > ".join(headings[start:]) + "\n"
        [tokens] = count_tokens([prefix])
        if tokens <= window // _PREFIX_SHARE:
            return _Above(headings, prefix, window - tokens)
    return _Above(headings, "", window)


def _above_each(plain: _Above, window: int, count_tokens: TokenCounter) -> Callable[[_Atom], _Above]:
    """What stands above a chunk of the section that begins with an atom: a table's heads, if it begins below them."""

    @cache
    def under(heads: str) -> _Above:
        return _headed((*plain.headings, *map(_line, heads.splitlines())), window, count_tokens)

    def above(atom: _Atom) -> _Above:
        heads = atom.block.text[: data_start(atom.block.text)] if atom.block.kind == "table" else ""
        if not heads or atom.start < len(heads):
            return plain
        headed = under(heads)
        return headed if atom.tokens <= headed.room else plain

    return above


def _key(prefix: str, text: str) -> str:
    return hashlib.sha256((prefix + text).encode()).hexdigest()


def _atoms(blocks: Sequence[Block], first: int, budget: int, pace: Pace) -> list[_Atom]:
    spans: list[tuple[Block, int, Span, bool]] = []
    for position, block in enumerate(blocks, first):
        for index, span in enumerate(line_spans(block.text) if _is_lined(block) else each_sentence(block.text)):
            spans.append((block, position, span, index == 0))
            pace.step(span[1] - span[0])
    tokens = _weigh([block.text[start:end] for block, _, (start, end), _ in spans], budget, pace.count)
    atoms: list[_Atom] = []
    for (block, position, (start, end), opens), count in zip(spans, tokens, strict=True):
        if count <= budget:
            atoms.append(_Atom(block, position, start, end, count, opens))
            continue
        pieces = _split(block.text, start, end, budget, pace.count)
        atoms.extend(_Atom(block, position, *span, size, opens and i == 0) for i, (span, size) in enumerate(pieces))
    return atoms


def _is_lined(block: Block) -> bool:
    return block.kind in {"table", "code"}


def _split(text: str, start: int, end: int, budget: int, count_tokens: TokenCounter) -> list[tuple[Span, int]]:
    """Halve a stretch that no chunk can hold, at white space where there is some near the middle."""
    [count] = _weigh([text[start:end]], budget, count_tokens)
    if count <= budget or end - start <= 1:
        return [((start, end), min(count, budget))]
    middle = (start + end) // 2
    space = text.rfind(" ", start + (end - start) // 4, middle)
    cut = space if space > start else middle
    right = cut + 1 if text[cut] == " " else cut
    return _split(text, start, cut, budget, count_tokens) + _split(text, right, end, budget, count_tokens)


def _weigh(texts: Sequence[str], budget: int, count_tokens: TokenCounter) -> list[int]:
    """Tokens of each text, none wider than a token can be; what is past the budget by its length is not read."""
    most = budget * _WIDEST_TOKEN
    counts = iter(count_tokens([text for text in texts if len(text) <= most]))
    return [max(next(counts), len(text) // _WIDEST_TOKEN) if len(text) <= most else budget + 1 for text in texts]


def _cut(atoms: Sequence[_Atom], budget: int, above: Callable[[_Atom], _Above], *, is_last: bool) -> Iterator[Span]:
    """Ranges of atoms, one per chunk, in order and without gaps; what is above a chunk may leave it less than `budget`.

    Of atoms that are not the last of their section, no range is given that those to come might change.
    """
    totals = [0, *accumulate(atom.tokens for atom in atoms)]
    start = 0
    while start < len(atoms) and (is_last or totals[-1] - totals[start] > 2 * budget):
        end, own = len(atoms), above(atoms[start]).room
        if totals[end] - totals[start] > own:
            end = _boundary(atoms, totals, start, own)
        yield start, end
        start = end


def _boundary(atoms: Sequence[_Atom], totals: Sequence[int], start: int, budget: int) -> int:
    last = bisect_right(totals, totals[start] + budget) - 1
    smallest = budget // _SMALLEST_SHARE
    fitting = [end for end in range(start + 1, last + 1) if totals[end] - totals[start] >= smallest]
    leaving_enough = [end for end in fitting if totals[-1] - totals[end] >= smallest]
    choices = leaving_enough or fitting or [max(last, start + 1)]
    return min(choices, key=lambda end: (not atoms[end].opens_block, _hash(atoms[end].text)))


def _hash(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=8).digest()


def _page_labels(parsed: ParsedDocument) -> Mapping[int, str]:
    """What is printed on each page, unless that is its number on all of them."""
    labels = {page.number: page.label or str(page.number) for page in parsed.pages}
    return labels if any(label != str(number) for number, label in labels.items()) else {}


def _draft(
    atoms: Sequence[_Atom],
    above: _Above,
    language: Callable[[], str],
    labels: Mapping[int, str],
) -> ChunkDraft:
    text = ""
    sentences: list[Span] = []
    regions: list[Region] = []
    for run in _runs(atoms):
        block, start, end = run[0].block, run[0].start, run[-1].end
        text += BETWEEN_BLOCKS if text else ""
        shift = len(text) - start
        text += block.text[start:end]
        sentences.extend((atom.start + shift, atom.end + shift) for atom in run)
        regions.extend(
            Region(
                max(region.start, start) + shift,
                min(region.end, end) + shift,
                region.page,
                region.box,
                region.recognised,
            )
            for region in block.regions
            if region.start < end and region.end > start
        )
    pages = tuple(sorted({region.page for region in regions}))
    return ChunkDraft(
        key=_key(above.prefix, text),
        prefix=above.prefix,
        text=text,
        headings=above.headings,
        sentences=tuple(sentences),
        regions=tuple(regions),
        pages=pages,
        language=language_of(text, otherwise=language),
        tokens=sum(atom.tokens for atom in atoms),
        page_labels=tuple(labels.get(page, str(page)) for page in pages) if labels else (),
    )


def _runs(atoms: Sequence[_Atom]) -> Iterator[list[_Atom]]:
    """The atoms of one block each: what lies between two of them belongs to the chunk as well."""
    for _, run in groupby(atoms, key=lambda atom: atom.position):
        yield list(run)
