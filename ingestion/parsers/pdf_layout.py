"""Lines of a PDF → blocks: paragraphs by gaps and indents, headings by size, weight and outline, tables by columns."""

import re
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, zip_longest
from statistics import median

from ingestion.normalize import hyphen_joint, line_joint
from ingestion.parsers.pdf_lines import Line
from ingestion.types import Block, BlockKind
from retrieval.types import Region

Outline = Mapping[tuple[int, str], int]
"""Level of each entry by its page and its letters (see `letters`)."""

_HEADING_SIZE = 1.15  # times the body's line height
_HEADING_CHARACTERS = 200
_SAME_SIZE = 0.15
_PARAGRAPH_GAP = 0.35  # in line heights, on top of the page's usual gap
_INDENT = 0.8
_ROW_GAP = 2.5
_RIGHT_PART = 0.33
_WIDE = 0.7  # of the page's text width: a line without cells and this wide is prose, not a row

_NOT_LETTERS = re.compile(r"[\W_]+")
_WORDS = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_SENTENCE_END = re.compile(r"[.!?:;。！？：；…][\"'”’)\]」』）]*$")
_ITEM = re.compile(r"[•·▪◦‣●○■□]|(?:[–—*-]|\[\d{1,3}\]|\(?(?:\d{1,2}|[A-Za-z]|[ivx]{1,4})[.)])\s")
_BROKEN_WORD = re.compile(r"[^\W\d_]-$")


@dataclass(frozen=True, slots=True)
class _Group:
    """Lines that belong together; a table's are its rows."""

    lines: Sequence[Line]
    is_table: bool = False

    @property
    def text(self) -> str:
        return " ".join(line.text for line in self.lines)


def letters(text: str) -> str:
    """What of a title is compared: letters and digits, in one case."""
    return _NOT_LETTERS.sub("", text).casefold()


def blocks(pages: Sequence[Sequence[Line]], outline: Outline) -> Iterator[Block]:
    """Yield the document's blocks in reading order, each character of which lies in at most one region."""
    body = _body_height(line for page in pages for line in page)
    groups = [group for page in pages for group in _groups(page)]
    sizes = _heading_sizes(groups, body)
    words = _known_words(pages)
    items: list[_Group] = []
    for group, below in zip_longest(groups, groups[1:]):
        is_text = group.is_table or (below is not None and _is_over_columns(group, below))
        level = 0 if is_text else _level(group, body, sizes, outline)
        is_item = not level and not group.is_table and _ITEM.match(group.lines[0].text) is not None
        if items and not (is_item and _goes_on(items[-1], group)):
            yield _block("list", items, words)
            items = []
        if is_item:
            items.append(group)
        elif group.is_table:
            yield _block("table", [_Group([line]) for line in group.lines], words)
        else:
            yield _block("heading" if level else "paragraph", [group], words, level)
    if items:
        yield _block("list", items, words)


def compose(
    groups: Sequence[Sequence[Line]], words: Container[str], joint: str = " "
) -> tuple[str, tuple[Region, ...]]:
    """Return the groups' text, one line each, with a region per PDF line; `joint` stands between a line's cells."""
    parts: list[str] = []
    regions: list[Region] = []
    length = 0
    for group in groups:
        for number, line in enumerate(group):
            text = joint.join(line.cells)
            between = "\n" if parts else ""
            if number:
                between, previous = _between(parts[-1], text, group[number - 1], words)
                length += len(previous) - len(parts[-1])
                regions[-1] = _shortened(regions[-1], length)
                parts[-1] = previous
            if between:
                parts.append(between)
            length += len(between)
            regions.append(Region(length, length + len(text), line.page, line.box))
            parts.append(text)
            length += len(text)
    return "".join(parts), tuple(regions)


def _between(left: str, right: str, line: Line, words: Container[str]) -> tuple[str, str]:
    """What joins two lines of one paragraph, and the left one without the hyphen of its broken word."""
    if line.hyphen:
        return hyphen_joint(left, right, words), left
    if _BROKEN_WORD.search(left) and right[:1].islower():
        return hyphen_joint(left[:-1], right, words), left[:-1]
    return line_joint(left, right), left


def _shortened(region: Region, end: int) -> Region:
    return region if region.end == end else Region(region.start, end, region.page, region.box)


def _block(kind: BlockKind, groups: Sequence[_Group], words: Container[str], level: int = 0) -> Block:
    text, regions = compose([group.lines for group in groups], words, " | " if kind == "table" else " ")
    return Block(kind, text, level, regions)


def _known_words(pages: Sequence[Sequence[Line]]) -> Container[str]:
    """The words that stand whole in the document: they tell which broken ones had a hyphen of their own."""
    if not any(line.hyphen or line.text.endswith("-") for page in pages for line in page):
        return ()
    return {word for page in pages for line in page for word in _WORDS.findall(line.text.lower())}


def _body_height(lines: Iterable[Line]) -> float:
    """The line height in which most of the document is set."""
    sizes: Counter[float] = Counter()
    for line in lines:
        sizes[round(line.height * 2) / 2] += len(line.text)
    return max(sizes, key=lambda size: sizes[size], default=0.0)


def _groups(page: Sequence[Line]) -> Iterator[_Group]:
    """The page's tables and paragraphs, in order."""
    gap = _usual_gap(page)
    width = max((line.box[2] for line in page), default=0) - min((line.box[0] for line in page), default=0)
    start = 0
    while start < len(page):
        end = _table_end(page, start, width)
        if end > start:
            yield _Group(page[start:end], is_table=True)
        else:
            end = start + 1
            while end < len(page) and _is_same_paragraph(page[start:end], page[end], gap):
                if _table_end(page, end, width) > end:
                    break
                end += 1
            yield _Group(page[start:end])
        start = end


def _usual_gap(page: Sequence[Line]) -> float:
    gaps = [
        below.box[1] - above.box[3]
        for above, below in pairwise(page)
        if -above.height < below.box[1] - above.box[3] < 1.5 * above.height and _is_same_size(above, below)
    ]
    return median(gaps) if gaps else 0.0


def _table_end(page: Sequence[Line], start: int, width: float) -> int:
    """Where the table that begins at `start` ends; `start` itself if there is none. Two rows make a table."""
    if len(page[start].cells) < 2:
        return start
    rows, end = 1, start + 1
    for number in range(start + 1, len(page)):
        above, line = page[number - 1], page[number]
        apart = line.box[1] - above.box[3] > _ROW_GAP * above.height or line.box[1] < above.box[1] - 0.5 * above.height
        prose = len(line.cells) < 2 and (line.box[2] - line.box[0] > _WIDE * width or number - end >= 1)
        if apart or prose:
            break
        if len(line.cells) >= 2:
            rows, end = rows + 1, number + 1
    return end if rows >= 2 else start


def _is_same_size(one: Line, other: Line) -> bool:
    return abs(one.height - other.height) <= _SAME_SIZE * max(one.height, other.height)


def _is_same_paragraph(lines: Sequence[Line], line: Line, usual_gap: float) -> bool:
    above = lines[-1]
    if not _is_same_size(above, line) or above.bold != line.bold:
        return False
    if above.hyphen:
        return True
    if _ITEM.match(line.text):
        return False
    ended = _SENTENCE_END.search(above.text) is not None
    gap = line.box[1] - above.box[3]
    if line.box[3] <= above.box[1]:  # the next column
        return not ended and not line.text[0].isupper() and not above.bold
    if gap > usual_gap + _PARAGRAPH_GAP * line.height:
        return False
    right = max(other.box[2] for other in (*lines, line))
    short = above.box[2] < right - 4 * line.height
    indented = line.box[0] > above.box[0] + _INDENT * line.height
    return not (ended and (short or indented))


def _goes_on(above: _Group, below: _Group) -> bool:
    """Whether the second item stands in the same list as the first."""
    last, first = above.lines[-1], below.lines[0]
    return last.page == first.page and 0 <= first.box[1] - last.box[1] < 3 * last.height


def _is_heading_like(group: _Group, body: float) -> bool:
    """Whether the group stands out as a title does: short, with letters, larger than the body or bold throughout."""
    text, line = group.text, group.lines[0]
    if group.is_table or len(text) > _HEADING_CHARACTERS or not any(sign.isalpha() for sign in text):
        return False
    if line.height >= _HEADING_SIZE * body:
        return len(group.lines) <= 3 and not text.endswith((",", ";"))
    return line.bold and len(group.lines) <= 2 and not text.endswith((".", ",", ";", "。"))


def _is_over_columns(group: _Group, table: _Group) -> bool:
    """Whether a bold line is what stands over a table's right-hand columns, as "Years ended December 31" does."""
    if not table.is_table or table.lines[0].page != group.lines[0].page:
        return False
    left = min(line.box[0] for line in table.lines)
    width = max(line.box[2] for line in table.lines) - left
    return group.lines[0].box[0] > left + _RIGHT_PART * width


def _heading_sizes(groups: Iterable[_Group], body: float) -> list[int]:
    """The line heights of headings that are larger than the body, largest first, to the point."""
    sizes = {round(g.lines[0].height) for g in groups if _is_heading_like(g, body)}
    return sorted((size for size in sizes if size >= _HEADING_SIZE * body - 0.5), reverse=True)


def _level(group: _Group, body: float, sizes: Sequence[int], outline: Outline) -> int:
    """The heading's level, as the outline has it or by its size's rank; 0 for no heading."""
    if outline and len(group.lines) <= 3:
        level = outline.get((group.lines[0].page, letters(group.text)), 0)
        if level:
            return level
    if not _is_heading_like(group, body):
        return 0
    size = round(group.lines[0].height)
    is_larger = group.lines[0].height >= _HEADING_SIZE * body
    return min(sizes.index(size) + 1 if is_larger and size in sizes else len(sizes) + 1, 6)
