"""What flows through generation: a question with its history becomes a context, text, and an answer that cites."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from generation.answer_schema import AnswerSchema, Json
from generation.prompts.marker import new_marker
from retrieval.types import Box, Context, Filter, Place, Source

Language: TypeAlias = Literal["en", "zh"]
"""The languages that Openbook itself speaks: those of prompts, abstentions and the page."""

Style: TypeAlias = Literal["concise", "detailed"]
"""How much a model is to write: a few sentences, or all that the passages say."""

QueryKind: TypeAlias = Literal["question", "query", "hypothetical", "document", "step", "search"]
"""Why something was searched: as the question asks it, in other words, as an answer to it, within a document that it
names, for a step, for a model."""

Doubt: TypeAlias = Literal["number", "date", "name", "negation", "instruction"]
"""A kind of statement in a sentence that its quotes do not bear out; "instruction": they only command to say it."""

ValueDoubt: TypeAlias = Doubt | Literal["unsupported", "judgement"]
"""What of a structured answer's value no passage bears out; of true, false and a schema's own words none could."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One earlier question with the answer that was given, or an abstention's words."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class AnswerOptions:
    """What an asker may choose for one answer; None means the service's setting."""

    k: int | None = None
    context_tokens: int | None = None
    compress: bool = True
    rerank: bool = True
    queries: int = 1
    """How many are searched for the question, itself among them."""
    hypothetical: bool = False
    decompose: bool = False
    search_rounds: int = 0
    generator: str | None = None
    temperature: float = 0.0
    max_tokens: int = 512
    filter: Filter = ()
    prefer_recent: float = 0.0
    multi_hop: bool = False
    style: Style = "concise"
    language: Language | None = None
    """The answer's; None: the question's."""
    schema: AnswerSchema | None = None
    """What a structured answer has to fit."""


@dataclass(frozen=True, slots=True, eq=False)
class GenerationRequest:
    """All that a generator sees; it is never told of anything that the asker may not read."""

    question: str
    context: Context
    history: tuple[Turn, ...]
    language: Language
    temperature: float
    max_tokens: int
    style: Style = "concise"
    schema: AnswerSchema | None = None
    marker: str = field(default_factory=new_marker)
    """Delimits the passages in a prompt; one for all forms of a request, whose tokens are counted before it is sent."""


@dataclass(frozen=True, slots=True)
class GeneratedText:
    """A piece of the generator's text, labels like [2] included, in order.

    `quoted`: one whole sentence in a document's own words with its labels; addresses in it are the document's.
    """

    text: str
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one answer. A generator reports prompt and completion, once, after the last piece of text.

    `cut`: the text ended at a limit, and not where the model ended it.
    """

    prompt_tokens: int
    completion_tokens: int
    cut: bool = False


GeneratorEvent: TypeAlias = GeneratedText | Usage


@dataclass(frozen=True, slots=True)
class Citation:
    """A label resolved by code: the quote occurs verbatim in the chunk; boxes are (page, box) on a paged document.

    `recognised` says that some of the quote was read off a picture, so that a letter of it may be wrong. `places` are
    those where else the same text stands, or nearly the same.
    """

    label: int
    source: Source
    version: int
    chunk_id: int
    page: int | None
    page_label: str | None
    quote: str
    boxes: tuple[tuple[int, Box], ...]
    places: tuple[Place, ...] = ()
    recognised: bool = False


@dataclass(frozen=True, slots=True)
class AnswerSentence:
    """A sentence of the answer by code points, the labels it carries, and how well its quotes support it (0..1).

    `doubts`: what it states that the cited passages do not. `citations`: which of the answer's bear it out, from 0.
    """

    start: int
    end: int
    labels: tuple[int, ...]
    support: float
    doubts: tuple[Doubt, ...] = ()
    citations: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ValueCheck:
    """One value of a structured answer: its JSON pointer, the passages that it was held to, what they do not say."""

    path: str
    labels: tuple[int, ...]
    support: float
    doubts: tuple[ValueDoubt, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Structured:
    """A value that fits its asker's schema, with a check for each value in it but nulls."""

    value: Json
    values: tuple[ValueCheck, ...]


@dataclass(frozen=True, slots=True)
class Searched:
    """One query of an answer's search, in the order of asking: what for, how many hits, when after the question came.

    `answer`: what the passages of a step say in a few words, where a later step was asked with it.
    """

    kind: QueryKind
    query: str
    hits: int
    after_ms: float
    took_ms: float
    answer: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """A finished answer: every label in the text has its citation; an abstention has none.

    `evidence`: how likely the hits answer the question, 0..1; below the service's threshold nothing is written.
    """

    question: str
    text: str
    abstained: bool
    evidence: float
    citations: tuple[Citation, ...]
    sentences: tuple[AnswerSentence, ...]
    support: float
    generator: str
    degraded: tuple[str, ...]
    context: Context
    usage: Usage
    timings_ms: Mapping[str, float]
    trace: tuple[Searched, ...]
    structured: Structured | None


@dataclass(frozen=True, slots=True, eq=False)
class ContextReady:
    """First event: the passages that the answer will be made from."""

    context: Context


@dataclass(frozen=True, slots=True)
class Delta:
    """A checked sentence, released; the deltas of an answer joined are its text."""

    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Answered:
    """Last event: the whole answer."""

    answer: Answer


AnswerEvent: TypeAlias = ContextReady | Delta | Answered
