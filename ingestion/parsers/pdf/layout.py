"""Lines and tables of a PDF → blocks: paragraphs by gaps and indents, whole over breaks, lists, headings, notes."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from ingestion.normalize import line_joint
from ingestion.parsers.pdf.headings import Headings, Outline, body_size, headings
from ingestion.parsers.pdf.hyphens import Hyphens, hyphens, stem
from ingestion.parsers.pdf.lines import Line, union
from ingestion.parsers.pdf.rows import Table
from ingestion.types import Block, BlockKind
from retrieval.types import Region

_SAME_SIZE = 0.15
_PARAGRAPH_GAP = 0.35  # in line heights, on top of the page's usual gap
_INDENT = 0.8
_NOTE_SIZE = 0.93  # times the body's

_SENTENCE_END = re.compile(r"[.!?:;。！？：；…][\"'”’)\]」』）]*$")
_ITEM = re.compile(r"[•·▪◦‣●○■□]|(?:[–—*-]|\[\d{1,3}\]|\(?(?:\d{1,2}|[A-Za-z]|[ivx]{1,4})[.)])\s")
_NOTE = re.compile(r"\(?(?:\d{1,3}|[*†‡§¶#]{1,3}|[a-z])[.)]?\s?\S")
_CAPTION = re.compile(r"(?:fig(?:ure|\.)|table|chart|exhibit|图|圖|表)\s*\d", re.IGNORECASE)


@dataclass(slots=True)
class Group:
    """Lines of one paragraph, or a table; `is_note` for what stands at the foot of a page."""

    lines: list[Line]
    table: Table | None = None
    is_note: bool = False

    @property
    def text(self) -> str:
        return " ".join(line.text for line in self.lines)

    @property
    def is_item(self) -> bool:
        return self.table is None and _ITEM.match(self.lines[0].text) is not None


def blocks(pages: Sequence[Sequence[Line | Table]], outline: Outline) -> Iterator[Block]:
    """Yield the document's blocks in reading order, each character of which lies in at most one region."""
    body = body_size(line for page in pages for item in page for line in _lines(item))
    groups = [group for page in pages for group in _with_notes_last(list(_groups(page)), body)]
    styles = headings([group.lines for group in groups if group.table is None], body, outline)
    groups = list(_whole(groups, styles))
    told = hyphens([lines for group in groups for lines in _paragraphs(group)])
    items: list[Group] = []
    for group in groups:
        level = 0 if group.table is not None or group.is_note else styles.level(group.lines)
        is_item = not level and group.is_item
        if items and not (is_item and _goes_on(items[-1], group)):
            yield _block("list", items, told)
            items = []
        if is_item:
            items.append(group)
        elif group.table is not None:
            yield _table_block(group.table, told)
        else:
            yield _block("heading" if level else "paragraph", [group], told, level)
    if items:
        yield _block("list", items, told)


def compose(groups: Sequence[Sequence[Line]], told: Hyphens) -> tuple[str, tuple[Region, ...]]:
    """Return the groups' text, one line each, with a region per PDF line."""
    parts: list[str] = []
    regions: list[Region] = []
    length = 0
    for group in groups:
        for number, line in enumerate(group):
            between = "\n" if parts else ""
            if number:
                between, previous = _between(group[number - 1], line, told)
                length += len(previous) - len(parts[-1])
                regions[-1] = _shortened(regions[-1], length)
                parts[-1] = previous
            if between:
                parts.append(between)
            length += len(between)
            regions.append(Region(length, length + len(line.text), line.page, line.box))
            parts.append(line.text)
            length += len(line.text)
    return "".join(parts), tuple(regions)


def _between(above: Line, below: Line, told: Hyphens) -> tuple[str, str]:
    """What joins two lines of one paragraph, and the one above without the hyphen of its broken word."""
    left = stem(above, below)
    if left is None:
        return line_joint(above.text, below.text), above.text
    return told.joint(left, below.text), left


def _shortened(region: Region, end: int) -> Region:
    return region if region.end == end else Region(region.start, end, region.page, region.box)


def _block(kind: BlockKind, groups: Sequence[Group], told: Hyphens, level: int = 0) -> Block:
    text, regions = compose([group.lines for group in groups], told)
    return Block(kind, text, level, regions)


def _table_block(table: Table, told: Hyphens) -> Block:
    """A line for each row; its region is around the whole row, so that a number is shown with its label."""
    text = ""
    regions: list[Region] = []
    for row in table.rows:
        cells = [compose([cell], told)[0] for cell in row]
        line = " | ".join(cells).strip(" ").rstrip(" |")
        if line:
            text += "\n" if text else ""
            lines = [line for cell in row for line in cell]
            regions.append(Region(len(text), len(text) + len(line), lines[0].page, union([each.box for each in lines])))
            text += line
    return Block("table", text, 0, tuple(regions))


def _lines(item: Line | Table) -> Sequence[Line]:
    return [item] if isinstance(item, Line) else [line for row in item.rows for cell in row for line in cell]


def _paragraphs(group: Group) -> Sequence[Sequence[Line]]:
    return [group.lines] if group.table is None else [cell for row in group.table.rows for cell in row]


def _groups(page: Sequence[Line | Table]) -> Iterator[Group]:
    """The page's tables and paragraphs, in order."""
    gap = _usual_gap(page)
    open_group: list[Line] = []
    for item in page:
        if isinstance(item, Line) and open_group and _is_same_paragraph(open_group, item, gap):
            open_group.append(item)
            continue
        if open_group:
            yield Group(open_group)
        open_group = [item] if isinstance(item, Line) else []
        if isinstance(item, Table):
            yield Group(list(_lines(item)), item)
    if open_group:
        yield Group(open_group)


def _usual_gap(page: Sequence[Line | Table]) -> float:
    gaps = [
        below.box[1] - above.box[3]
        for above, below in pairwise(page)
        if isinstance(above, Line)
        and isinstance(below, Line)
        and -above.height < below.box[1] - above.box[3] < 1.5 * above.height
        and _is_same_size(above, below)
    ]
    return median(gaps) if gaps else 0.0


def _is_same_size(one: Line, other: Line) -> bool:
    return abs(one.height - other.height) <= _SAME_SIZE * max(one.height, other.height)


def _is_same_paragraph(lines: Sequence[Line], line: Line, usual_gap: float) -> bool:
    above = lines[-1]
    if not _is_same_size(above, line) or above.bold != line.bold or line.box[3] <= above.box[1]:
        return False
    if above.hyphen:
        return True
    if _ITEM.match(line.text):
        return False
    ended = _SENTENCE_END.search(above.text) is not None
    gap = line.box[1] - above.box[3]
    if gap > usual_gap + _PARAGRAPH_GAP * line.height:
        return False
    right = max(other.box[2] for other in (*lines, line))
    short = above.box[2] < right - 4 * line.height
    indented = line.box[0] > above.box[0] + _INDENT * line.height
    return not (ended and (short or indented))


def _with_notes_last(groups: Sequence[Group], body: float) -> list[Group]:
    """The page's groups with its footnotes at the end: small, and with no text below them in their column.

    They are marked, or stand where a sentence has not ended.
    """
    notes: list[Group] = []
    for place, group in enumerate(groups):
        small = group.table is None and max(line.size for line in group.lines) < _NOTE_SIZE * body
        above = groups[place - 1] if place else None
        goes_on = bool(notes) and notes[-1] is above and _is_over(notes[-1], group)
        parts = above is not None and above.table is None and not _SENTENCE_END.search(above.text)
        if (
            small
            and (goes_on or _NOTE.match(group.text) or (parts and len(group.lines) > 1))
            and not any(
                _is_over(group, other) and (other.table is not None or other.lines[0].size >= _NOTE_SIZE * body)
                for other in groups
            )
        ):
            group.is_note = True
            notes.append(group)
    return [group for group in groups if not group.is_note] + notes


def _is_over(above: Group, below: Group) -> bool:
    one, other = union([line.box for line in above.lines]), union([line.box for line in below.lines])
    return other[1] >= one[3] - 1 and min(one[2], other[2]) > max(one[0], other[0])


def _whole(groups: Sequence[Group], styles: Headings) -> Iterator[Group]:
    """The groups with each paragraph in one, even if it goes on in the next column or on the next page."""
    whole: list[Group] = []
    last: Group | None = None
    passed = False  # a table or a caption since then
    for group in groups:
        if group.is_note or group.table is not None or _CAPTION.match(group.text):
            passed = passed or not group.is_note
        elif last is not None and _continues(last, group, strictly=passed) and not styles.level(group.lines):
            last.lines = last.lines + group.lines
            passed = False
            continue
        else:
            last = None if styles.level(group.lines) else group
            passed = False
        whole.append(group)
    yield from whole


def _continues(above: Group, below: Group, *, strictly: bool) -> bool:
    """Whether a paragraph that a break interrupts goes on; `strictly` if something else stands in between."""
    last, first = above.lines[-1], below.lines[0]
    if not 0 <= first.page - last.page <= 1 or (first.page == last.page and first.box[3] > last.box[1]):
        return False
    if abs(first.size - last.size) > 0.08 * last.size or first.bold != last.bold or _ITEM.match(first.text):
        return False
    if stem(last, first) is not None:
        return True
    if _SENTENCE_END.search(last.text):
        return False
    if first.text[:1].islower():
        return True
    right = max(line.box[2] for line in above.lines)
    is_full = len(above.lines) > 1 and last.box[2] > right - 2 * last.height
    is_flush = len(below.lines) > 1 and first.box[0] <= below.lines[1].box[0] + _INDENT * first.height
    return not strictly and is_full and is_flush


def _goes_on(above: Group, below: Group) -> bool:
    """Whether the second item stands in the same list as the first."""
    last, first = above.lines[-1], below.lines[0]
    return last.page == first.page and 0 <= first.box[1] - last.box[1] < 3 * last.height
