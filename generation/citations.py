"""From [n] in the text back to the chunk it came from: labels, quotes, pages and boxes, resolved by code alone."""

import re
from collections.abc import Collection, Mapping

from generation.types import Citation
from generation.wording import content_terms, numbers, share
from retrieval.types import Chunk, Passage, Span

_LABEL = re.compile(r"\[([1-9]\d*)\]")
# What models write for labels: [1], [1, 2], [1-3], [^1], [1†source], 【1】; never with a space after the bracket.
_WRITTEN = re.compile(
    r"(?P<space>[ \t]*)[\[【［]\^?(?P<labels>\d+(?:\s*[,，、;；–-]\s*\^?\d+)*)(?:[†:][^\[\]【】［］\n]{0,80})?[\]】］]"
)
_PART = re.compile(r"(\d+)(?:\s*[–-]\s*(\d+))?")
_LABEL_DIGITS = 4
_BRACKETED_NUMBER = re.compile(r"([\[【［])(\s*\d[\d\s,，、;；–-]*)([\]】］])")
_QUOTE_SENTENCES = 3  # at most
_WORTH_MORE = 0.15  # a neighbouring sentence joins a quote if it holds at least this share more


def labels_in(text: str) -> tuple[int, ...]:
    """The labels of a text, each once, in order."""
    return tuple(dict.fromkeys(int(label) for label in _LABEL.findall(text)))


def without_labels(text: str) -> str:
    """The text without its labels and the spaces before them."""
    return re.sub(r"[ \t]*\[[1-9]\d*\]", "", text)


def known_labels(text: str, known: Collection[int]) -> str:
    """The text with every label it may use written as [n]; others are dropped with the space before them."""

    def rewritten(found: re.Match[str]) -> str:
        labels = [label for label in _numbered(found.group("labels"), known) if label in known]
        return found.group("space") + "".join(f"[{label}]" for label in labels) if labels else ""

    return _WRITTEN.sub(rewritten, text)


def defused_labels(text: str, known: Collection[int] = ()) -> str:
    """The text with spaces inside every bracketed number that is no label, so that no reader takes it for one."""

    def defused(found: re.Match[str]) -> str:
        label = _LABEL.fullmatch(found.group())
        if label is not None and len(label.group(1)) <= _LABEL_DIGITS and int(label.group(1)) in known:
            return found.group() if label.group(1).isascii() else f"[{int(label.group(1))}]"
        return f"{found.group(1)} {found.group(2).strip()} {found.group(3)}"

    return _BRACKETED_NUMBER.sub(defused, text)


def cite(sentence: str, labels: Collection[int], passages: Mapping[int, Passage]) -> tuple[Citation, ...]:
    """One citation per label of the sentence: what the passage says that supports it best, and where it stands."""
    said = without_labels(sentence)
    return tuple(
        _citation(passages[label], quote_span(said, passages[label].hit.chunk, place_terms(passages[label])))
        for label in labels
    )


def place_terms(passage: Passage) -> frozenset[str]:
    """The terms of its document's title and its headings: what it speaks of without saying so in each sentence."""
    return content_terms("\n".join((passage.hit.source.title, *passage.hit.chunk.headings)))


def quote_span(sentence: str, chunk: Chunk, place: frozenset[str] = frozenset()) -> Span:
    """The stretch of the chunk that supports the sentence best: its own words, else one to three sentences.

    Terms of the `place` choose nothing, since all of the chunk is about it. A neighbour with a figure of the sentence
    that the stretch lacks joins it.
    """
    verbatim = _verbatim_span(sentence, chunk)
    if verbatim is not None:
        return verbatim
    if not chunk.sentences:
        return 0, len(chunk.text)
    figures = numbers(sentence)
    wanted = (content_terms(sentence) | figures) - place or content_terms(sentence) | figures
    held = [_terms_held(chunk.text[start:end]) for start, end in chunk.sentences]
    best = max(range(len(held)), key=lambda index: (share(wanted, held[index]), -len(held[index]), -index))
    first = last = best
    while last - first + 1 < _QUOTE_SENTENCES:
        covered = frozenset[str]().union(*held[first : last + 1])
        gains = {
            index: share(wanted, covered | held[index]) - share(wanted, covered) + bool(figures & held[index] - covered)
            for index in (first - 1, last + 1)
            if 0 <= index < len(held)
        }
        nearest = max(gains, key=lambda index: gains[index], default=None)
        if nearest is None or gains[nearest] < _WORTH_MORE:
            break
        first, last = min(first, nearest), max(last, nearest)
    return chunk.sentences[first][0], chunk.sentences[last][1]


def _verbatim_span(sentence: str, chunk: Chunk) -> Span | None:
    """Where the chunk says just this, white space aside; a part of a sentence is not enough."""
    words = "".join(sentence.split())
    at = "".join(chunk.text.split()).find(words) if words else -1
    if at < 0:
        return None
    places = [place for place, char in enumerate(chunk.text) if not char.isspace()]
    first, last = places[at], places[at + len(words) - 1] + 1
    return (first, last) if any(first <= start and end <= last for start, end in chunk.sentences) else None


def _terms_held(text: str) -> frozenset[str]:
    return content_terms(text) | numbers(text)


def _citation(passage: Passage, span: Span) -> Citation:
    hit = passage.hit
    start, end = span
    regions = [region for region in hit.placement.regions if region.start < end and region.end > start]
    page = regions[0].page if regions else next(iter(hit.placement.pages), None)
    return Citation(
        label=passage.label,
        source=hit.source,
        version=hit.placement.version,
        chunk_id=hit.chunk.id,
        page=page,
        page_label=hit.placement.label_of(page),
        quote=hit.chunk.text[start:end],
        boxes=tuple((region.page, region.box) for region in regions if region.box is not None),
        places=hit.places,
        recognised=any(region.recognised for region in regions),
    )


def _numbered(written: str, known: Collection[int]) -> list[int]:
    """The labels meant by «1, 2» or «1-3», each once, in order; absurdly long numbers mean none."""
    labels: list[int] = []
    for first, last in _PART.findall(written):
        if len(first) > _LABEL_DIGITS or len(last) > _LABEL_DIGITS:
            continue
        if last:
            labels.extend(label for label in sorted(known) if int(first) <= label <= int(last))
        else:
            labels.append(int(first))
    return list(dict.fromkeys(labels))
