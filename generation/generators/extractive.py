"""Answers in the documents' own words: the few sentences that fit the question best, each whole and cited; no model."""

import re
import textwrap
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from generation.citations import defused_labels
from generation.expected import Kind, kinds_asked_for, kinds_told
from generation.inquiry.named_documents import named_side_by_side, without_names
from generation.language import reply_language
from generation.ports import Generator
from generation.threads import in_thread
from generation.types import GeneratedText, GenerationRequest, GeneratorEvent, Usage
from generation.wording import content_terms, share
from retrieval.compression import HEADING_SHARE
from retrieval.types import Chunk, Hit, Passage

_PASSAGE_WEIGHT = 0.5
_TERM_WEIGHT = 0.3  # the prototype, with two sentences: gold in .882 of xquad_en, .835 without
_TERM_WEIGHT_ALONE = 1.0
_SAID_WEIGHT = 0.3  # what a further sentence loses for terms of the question that those before it have said
_SECOND_SHARE = 0.6  # of the best sentence's score, for a second sentence
_THIRD_SHARE = 0.75  # of 200 each, hotpotqa's answers .425 at .9, .460 here; clapnq's gold tokens .665 and .709
_CHARACTERS = 600  # a further sentence must fit; the best, or the best of each document named, is given whole
_CODE_LINES = 12
_ASKS = -1.0  # a question in a document is near every question and answers none; what follows it does
_REPLIES = 0.05  # what the first sentence of a reply loses against its question
_REPLIES_ON = 0.1  # what each further one does beside that
_LABELLED = 0.25  # a line as «Owner: Finance» answers who the owner is, where all that is asked about is its label
_TIE = 1e-6
_BARE = -0.15  # a heading or a stub: no verb, no full stop
# What a sentence gains that has what is asked of documents named side by side; asked of one subject alone, it would let
# in whatever has a number. Logistic regression on the tune halves of nine sets, in units of a similarity: a date .2 to
# .7, a number .1 to .4; from .2 and .15 on no more is gained.
_KIND_WEIGHTS: dict[Kind, float] = {"date": 0.2, "number": 0.15}

_ROW = " | "
_ENDS = re.compile(r"[.!?:;。！？：；…][\"'”’)\]」』”’）》】]*\Z")
_QUESTION = re.compile(r"[?？][\"'”’)\]」』）》】]*\Z")
_CODE = re.compile(
    r"\A(?:[@#$>]|>>>|(?:def|class|import|from|return|if|for|while|with|const|let|var|function|public|SELECT|async|await)\b)"
    r"|[{};:(,\[\\]\Z|\A[})\]]|\w\(.*\)|\w\s*(?:=|->|=>|:=)\s*\S|\A\s*[\"']?\w+[\"']?:\s|\A[a-z]+ --?\w"
)
_LABEL = re.compile(r"(?:\A|(?<=[\s;；,，。]))[^\s:：;；,，。|]{1,24}(?: [^\s:：;；,，。|]{1,24}){0,3} ?[:：](?=\s*\S)")
_REFERS = re.compile(r"[:：]\s*(?:(?:see|below|above|n/a|tbd|unknown)\b|[参详]?见|同上|待定)", re.IGNORECASE)
_ITEM = re.compile(r"(?:[-*•]|\d{1,3}[.)]) ")
_CJK_END = re.compile("[。！？；…」』）》】\u3400-\u9fff]\\Z")


@dataclass(frozen=True, slots=True)
class ExtractiveGenerator(Generator):
    """The default where no model decodes, and the fallback where one fails."""

    count_tokens: Callable[[Sequence[str]], list[int]]
    sentences: int = 3

    @property
    def name(self) -> str:
        return "extractive"

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[GeneratorEvent, None]:
        """One piece per sentence, quoted; terms decide alone where there are no similarities."""
        pieces = await in_thread(self._pieces, request)
        for piece in pieces:
            yield GeneratedText(piece, quoted=True)
        yield Usage(0, sum(self.count_tokens(pieces)) if pieces else 0)

    def _pieces(self, request: GenerationRequest) -> list[str]:
        passages = request.context.passages
        named = named_side_by_side(request.question, (passage.hit.source.title for passage in passages))
        titles = [one.title for one in named]
        wanted = content_terms(request.question)
        of_each = content_terms(without_names(request.question, named))
        kinds = kinds_asked_for(request.question) if named else frozenset[Kind]()
        extracts = [
            replace(one, score=one.score + sum(_KIND_WEIGHTS[kind] for kind in kinds_told(one.text, kinds)))
            for one in _extracts(passages, lambda title: of_each if title in titles else wanted)
        ]
        chosen = _chosen(extracts, titles, max(self.sentences, len(titles)), wanted)
        return list(_written(sorted(chosen, key=lambda extract: extract.place)))


@dataclass(frozen=True, slots=True)
class _Extract:
    """A sentence, a table's row or a block of code, with its score and its place in reading order.

    `title` is its document's; `held` are the question's terms that it holds, or the headings above it.
    """

    label: int
    title: str
    text: str
    score: float
    place: tuple[int, int, int]
    lines: bool
    held: frozenset[str]


def _extracts(passages: Sequence[Passage], wanted: Callable[[str], frozenset[str]]) -> Iterator[_Extract]:
    best = max((_passage_score(passage.hit) for passage in passages), default=0.0)
    opens: dict[str, int] = {}  # a document's place is that of its first passage
    for passage in passages:
        order = opens.setdefault(passage.hit.source.id, passage.label)
        standing = _passage_score(passage.hit) / best if best > 0 else 0.0
        yield from _of_passage(passage, order, _PASSAGE_WEIGHT * standing, wanted(passage.hit.source.title))


def _of_passage(passage: Passage, order: int, standing: float, wanted: frozenset[str]) -> Iterator[_Extract]:
    chunk, similarities, title = passage.hit.chunk, passage.hit.similarities, passage.hit.source.title
    above = wanted & content_terms("\n".join(chunk.headings))
    rows: dict[int, list[_Extract]] = {}
    replies, of_questions = _replies(chunk), dict[int, float]()
    for first, last in _units(chunk):
        text = chunk.text[chunk.sentences[first][0] : chunk.sentences[last][1]]
        header = _header(chunk, first)
        own = wanted & content_terms(text if header is None else f"{_sentence(chunk, header)} {text}")
        told = share(wanted, own) + HEADING_SHARE * share(wanted, above - own)
        if similarities is None:
            score = standing + _TERM_WEIGHT_ALONE * told
        else:
            near = (
                similarities[first : last + 1] if header is None else similarities[[first, header]].mean(keepdims=True)
            )
            score = standing + _TERM_WEIGHT * told + (float(near.max()) if near.size else 0.0)
        place = (order, passage.hit.placement.ordinal, first)
        if header is not None:
            row = _Extract(passage.label, title, text, score, place, lines=True, held=own | above)
            rows.setdefault(header, []).append(row)
            continue
        lines = last > first
        if wanted and wanted <= content_terms(" ".join(_LABEL.findall(text))) and not _REFERS.search(text):
            score += _LABELLED
        if _QUESTION.search(text):
            of_questions[first] = score
            score += _ASKS
        elif _is_bare(text) and not lines:
            score += _BARE
        question, before = replies.get(first, (-1, 0))
        if question in of_questions:
            score = max(score, of_questions[question] - _REPLIES - before * _REPLIES_ON)
        yield _Extract(passage.label, title, text, score, place, lines, own | above)
    for table in rows.values():
        yield from _of_table(table)


def _replies(chunk: Chunk) -> Mapping[int, tuple[int, int]]:
    """Of each sentence that replies to a question of the text: the question's index, and how many come before it.

    Always the sentence after the question; and the whole paragraph where the question opens it or stands above it.
    """
    found: dict[int, tuple[int, int]] = {}
    question, before, whole = -1, 0, False
    for index, (start, end) in enumerate(chunk.sentences):
        opens = not index or "\n\n" in chunk.text[chunk.sentences[index - 1][1] : start]
        if _QUESTION.search(chunk.text[start:end]):
            question, before, whole = index, 0, opens
        elif question >= 0 and (not before or (whole and not opens)):
            found[index] = question, before
            before += 1
        else:
            question = -1
    return found


def _of_table(rows: Sequence[_Extract]) -> Iterator[_Extract]:
    """The best row, with the first above it: that one names what the others tell."""
    header, *others = rows
    best = max(others, key=lambda row: row.score, default=header)
    if best is not header:
        yield replace(header, score=best.score - _TIE)
    yield best


def _header(chunk: Chunk, index: int) -> int | None:
    """The first row of the table that the sentence is a row of: it says what the row is about."""
    if _ROW not in _sentence(chunk, index):
        return None
    while index > 0 and _ROW in _sentence(chunk, index - 1) and _next_line(chunk, index - 1):
        index -= 1
    return index


def _sentence(chunk: Chunk, index: int) -> str:
    start, end = chunk.sentences[index]
    return chunk.text[start:end]


def _units(chunk: Chunk) -> Iterator[tuple[int, int]]:
    """First and last sentence of each stretch that is quoted whole: a block of code, else one sentence or row."""
    index, count = 0, len(chunk.sentences)
    while index < count:
        last = index
        while last + 1 < count and _is_code(chunk, last) and _is_code(chunk, last + 1) and _next_line(chunk, last):
            last += 1
        if last - index + 1 > _CODE_LINES:
            yield from ((line, line) for line in range(index, last + 1))
        else:
            yield index, last
        index = last + 1


def _is_code(chunk: Chunk, index: int) -> bool:
    line = _sentence(chunk, index)
    return "\n" not in line and _ROW not in line and _CODE.search(line) is not None and not line.endswith(". ")


def _next_line(chunk: Chunk, index: int) -> bool:
    between = chunk.text[chunk.sentences[index][1] : chunk.sentences[index + 1][0]]
    return between.count("\n") in {1, 2} and not between.strip()


def _is_bare(text: str) -> bool:
    return len(text) < 60 and _ENDS.search(text) is None


def _passage_score(hit: Hit) -> float:
    return max(0.0, hit.scores.final)


def _chosen(extracts: Sequence[_Extract], titles: Sequence[str], most: int, wanted: frozenset[str]) -> list[_Extract]:
    """The best, or the best of each title, and up to `most` that come near, are short enough and say something else.

    What was said of the question counts less the second time, as in maximal marginal relevance (Carbonell and
    Goldstein, SIGIR 1998): a question about two things is answered by a sentence on each. No sentence of another
    language joins the best; a line of code or a table's row does.
    """
    groups = [[extract for extract in extracts if extract.title == title] for title in titles] or [extracts]
    chosen = [min(group, key=lambda extract: (-extract.score, extract.place)) for group in groups if group]
    languages = {reply_language(extract.text) for extract in chosen}
    while chosen and len(chosen) < most:
        if titles:
            least = min(extract.score for extract in chosen)
        else:
            least = chosen[0].score * (_SECOND_SHARE if len(chosen) == 1 else _THIRD_SHARE)
        said = frozenset[str]().union(*(other.held for other in chosen))
        left = [
            (_SAID_WEIGHT * share(wanted, extract.held & said) - extract.score, extract.place, extract)
            for extract in extracts
            if extract.score >= least
            and extract not in chosen
            and (_ENDS.search(extract.text) is None or reply_language(extract.text) in languages)
        ]
        ranked = (extract for _, _, extract in sorted(left, key=lambda each: each[:2]))
        another = next((extract for extract in ranked if _adds(extract, chosen)), None)
        if another is None:
            break
        chosen.append(another)
    return chosen


def _adds(extract: _Extract, chosen: Sequence[_Extract]) -> bool:
    """Whether there is room for it, and it repeats none of the chosen."""
    short = sum(len(other.text) for other in (*chosen, extract)) <= _CHARACTERS
    return short and not any(_repeats(extract.text, other.text) for other in chosen)


def _repeats(text: str, other: str) -> bool:
    own = content_terms(text)
    return not own or share(own, content_terms(other)) > 0.9


def _written(extracts: Sequence[_Extract]) -> Iterator[str]:
    """Each extract with its label, parted from the one before; brackets of the document's own are no labels."""
    after_lines = False
    for index, extract in enumerate(extracts):
        text = textwrap.dedent(extract.text) if extract.lines else " ".join(extract.text.split())
        lines = extract.lines or _ITEM.match(text) is not None
        before = "" if not index else "\n" if lines or after_lines else " "
        after_lines = lines
        label = f"[{extract.label}]" if _CJK_END.search(text) else f" [{extract.label}]"
        yield f"{before}{defused_labels(text)}{label}"
