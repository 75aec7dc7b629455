"""Answers in the documents' own words: the few sentences that fit the question best, each whole and cited; no model."""

import re
import textwrap
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from generation.citations import defused_labels
from generation.expected import Kind, kinds_asked_for, kinds_told
from generation.inquiry.named_documents import named_side_by_side, without_names
from generation.language import reply_language
from generation.ports import Generator
from generation.stretches import QUESTION, asks_for_steps, header_of, replies, sentence, units
from generation.threads import in_thread
from generation.types import GeneratedText, GenerationRequest, GeneratorEvent, Usage
from generation.wording import asked_about, content_terms, share
from retrieval.compression import HEADING_SHARE
from retrieval.types import Hit, Passage

_PASSAGE_WEIGHT = 0.5
_TERM_WEIGHT = 0.3  # the prototype, with two sentences: gold in .882 of xquad_en, .835 without
_TERM_WEIGHT_ALONE = 1.0
_SAID_WEIGHT = 0.3  # what a further sentence loses for terms of the question that those before it have said
_SECOND_SHARE = 0.6  # of the best sentence's score, for a second sentence
_THIRD_SHARE = 0.75  # of 200 each, hotpotqa's answers .425 at .9, .460 here; clapnq's gold tokens .665 and .709
_CHARACTERS = 600  # a further sentence must fit; the best, or the best of each document named, is given whole
_ASKS = -1.0  # a question in a document is near every question and answers none; what follows it does
_REPLIES = 0.05  # what the first sentence of a reply loses against its question
_REPLIES_ON = 0.1  # what each further one does beside that
_LABELLED = 0.25  # a line as «Owner: Finance» answers who the owner is, where all that is asked about is its label
_BARE = -0.15  # a heading or a stub: no verb, no full stop
# What a sentence gains that has what is asked of documents named side by side; asked of one subject alone, it would let
# in whatever has a number. Logistic regression on the tune halves of nine sets, in units of a similarity: a date .2 to
# .7, a number .1 to .4; from .2 and .15 on no more is gained.
_KIND_WEIGHTS: dict[Kind, float] = {"date": 0.2, "number": 0.15}

_ENDS = re.compile(r"[.!?:;。！？：；…][\"'”’)\]」』”’）》】]*\Z")
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
        wanted = asked_about(request.question)
        of_each = asked_about(without_names(request.question, named))
        stepwise = asks_for_steps(request.question)
        kinds = kinds_asked_for(request.question) if named else frozenset[Kind]()
        extracts = [
            replace(one, score=one.score + sum(_KIND_WEIGHTS[kind] for kind in kinds_told(one.text, kinds)))
            for one in _extracts(passages, lambda title: of_each if title in titles else wanted, stepwise=stepwise)
        ]
        chosen = _chosen(extracts, titles, max(self.sentences, len(titles)), wanted)
        return list(_written(_with_headers(sorted(chosen, key=lambda extract: extract.place))))


@dataclass(frozen=True, slots=True)
class _Extract:
    """A sentence, a table's row, a list of steps or a block of code, with its score and its place in reading order.

    `title` is its document's; `held` are the question's terms that it holds, or the headings above it. `header` is the
    first row of a row's table, which names what the row tells.
    """

    label: int
    title: str
    text: str
    score: float
    place: tuple[int, int, int]
    lines: bool
    held: frozenset[str]
    header: str = ""


def _extracts(
    passages: Sequence[Passage], wanted: Callable[[str], frozenset[str]], *, stepwise: bool
) -> Iterator[_Extract]:
    best = max((_passage_score(passage.hit) for passage in passages), default=0.0)
    opens: dict[str, int] = {}  # a document's place is that of its first passage
    for passage in passages:
        order = opens.setdefault(passage.hit.source.id, passage.label)
        standing = _passage_score(passage.hit) / best if best > 0 else 0.0
        sought = wanted(passage.hit.source.title)
        yield from _of_passage(passage, order, _PASSAGE_WEIGHT * standing, sought, stepwise=stepwise)


def _of_passage(
    passage: Passage, order: int, standing: float, wanted: frozenset[str], *, stepwise: bool
) -> Iterator[_Extract]:
    chunk, similarities, title = passage.hit.chunk, passage.hit.similarities, passage.hit.source.title
    above = wanted & content_terms("\n".join(chunk.headings))
    rows: dict[int, list[_Extract]] = {}
    replied, of_questions = replies(chunk), dict[int, float]()
    for first, last in units(chunk, stepwise=stepwise):
        text = chunk.text[chunk.sentences[first][0] : chunk.sentences[last][1]]
        header = header_of(chunk, first)
        own = wanted & content_terms(text if header is None else f"{sentence(chunk, header)} {text}")
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
            top = "" if header == first else sentence(chunk, header)
            row = _Extract(passage.label, title, text, score, place, lines=True, held=own | above, header=top)
            rows.setdefault(header, []).append(row)
            continue
        lines = last > first
        if wanted and wanted <= content_terms(" ".join(_LABEL.findall(text))) and not _REFERS.search(text):
            score += _LABELLED
        if QUESTION.search(text):
            of_questions[first] = score
            score += _ASKS
        elif _is_bare(text) and not lines:
            score += _BARE
        question, before = replied.get(first, (-1, 0))
        if question in of_questions:
            score = max(score, of_questions[question] - _REPLIES - before * _REPLIES_ON)
        yield _Extract(passage.label, title, text, score, place, lines, own | above)
    for table in rows.values():
        yield from _of_table(table, wanted)


def _of_table(rows: Sequence[_Extract], wanted: frozenset[str]) -> Iterator[_Extract]:
    """The best row but the first, and those with a term of the question that no better one has: «A or B?» asks for two.

    Of a table of one row that row.
    """
    header, *others = rows
    best, *worse = sorted(others or [header], key=lambda row: -row.score)
    yield best
    said = wanted & content_terms(best.text)
    for row in worse:
        own = wanted & content_terms(row.text)
        if not own <= said:
            yield row
            said |= own


def _is_bare(text: str) -> bool:
    return len(text) < 60 and _ENDS.search(text) is None


def _passage_score(hit: Hit) -> float:
    return max(0.0, hit.scores.final)


def _chosen(extracts: Sequence[_Extract], titles: Sequence[str], most: int, wanted: frozenset[str]) -> list[_Extract]:
    """The best, or the best of each title, and up to `most` that come near, are short enough and say something else.

    A row's header counts, too. What was said of the question counts less the second time, as in maximal marginal
    relevance (Carbonell and Goldstein, SIGIR 1998): a question about two things is answered by a sentence on each. No
    sentence of another language joins the best; a line of code or a table's row does.
    """
    groups = [[extract for extract in extracts if extract.title == title] for title in titles] or [extracts]
    chosen = [min(group, key=lambda extract: (-extract.score, extract.place)) for group in groups if group]
    languages = {reply_language(extract.text) for extract in chosen}
    while chosen and (given := len(list(_with_headers(chosen)))) < most:
        if titles:
            least = min(extract.score for extract in chosen)
        else:
            least = chosen[0].score * (_SECOND_SHARE if given == 1 else _THIRD_SHARE)
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
    short = sum(len(other.header) + len(other.text) for other in (*chosen, extract)) <= _CHARACTERS
    return short and not any(_repeats(extract.text, other.text) for other in chosen)


def _repeats(text: str, other: str) -> bool:
    own = content_terms(text)
    return not own or share(own, content_terms(other)) > 0.9


def _with_headers(extracts: Iterable[_Extract]) -> Iterator[_Extract]:
    """Each row below its header, or below another row of the same."""
    above = ""
    for extract in extracts:
        if extract.header and extract.header != above:
            yield replace(extract, text=extract.header)
        yield extract
        above = extract.header


def _written(extracts: Iterable[_Extract]) -> Iterator[str]:
    """Each extract with its label, parted from the one before; brackets of the document's own are no labels."""
    after_lines = False
    for index, extract in enumerate(extracts):
        text = textwrap.dedent(extract.text) if extract.lines else " ".join(extract.text.split())
        lines = extract.lines or _ITEM.match(text) is not None
        before = "" if not index else "\n" if lines or after_lines else " "
        after_lines = lines
        label = f"[{extract.label}]" if _CJK_END.search(text) else f" [{extract.label}]"
        yield f"{before}{defused_labels(text)}{label}"
