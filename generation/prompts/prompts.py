"""All that a model is told, in English and Chinese: the rules, the history, the passages as data, the question last.

What requests share comes first, and what is random in one after it: a server that caches prefixes reads the rules once
for all, and a conversation's earlier turns once for each of its questions.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import orjson

from generation.citations import without_labels
from generation.prompts.texts import (
    ABSTENTION,
    HYPOTHETICAL,
    QUERIES,
    QUESTIONS,
    REWRITE,
    ROUNDS,
    RULES,
    STEP,
    STEPS,
    STRUCTURED,
    STYLES,
    WORDS,
)
from generation.types import GenerationRequest, Language, Turn
from retrieval.context import heading
from retrieval.types import Context, Passage

HISTORY_CHARACTERS = 4000
_ANSWER_CHARACTERS = 1000  # of one earlier answer; its beginning says what it is about

# Where tokens by which models mark roles, thoughts, tools and media open: a server would read them as its own if they
# stood in a text unbroken. None has white space within, so a space after its first sign breaks it, whatever its name.
_OPENS_SPECIAL = re.compile(
    r"[<＜\[](?=[|｜])|[|｜](?=[>＞\]])"  # <|user|>, <｜User｜>, <|turn>, <turn|>, [|user|]
    r"|[<＜](?=[^\s<>＜＞\w]{0,8}\w[^\s<>＜＞]{0,80}[>＞])"  # <s>, </think>, <<SYS>>, <seed:bos>
    r"|\[(?=/?[a-z]?[A-Z][A-Z0-9_]+\])"  # [INST], [/INST], [gMASK], [IMG_BREAK], [UNUSED_TOKEN_7]
    r"|\[(?=(?:control|unused|reserved|extra_id)_?\d{1,5}\])"
    r"|\](?=[~<])|~(?=\[)"  # ]~b], [e~[, ]<]image[>[
    r"|>(?=>[A-Z]{3,20}<<)"  # >>QUESTION<<
)


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a chat, as OpenAI's protocol has it."""

    role: Literal["system", "user"]
    content: str

    def body(self) -> dict[str, str]:
        """As the server is sent it."""
        return {"role": self.role, "content": self.content}


def neutralise(text: str) -> str:
    """The same text, with a space inside whatever a model could take for one of its special tokens.

    Tags without attributes and words in capitals within brackets are broken too: «< div>» reads as well, and what is
    quoted from it is looked for whatever the white space.
    """
    return _OPENS_SPECIAL.sub(lambda found: f"{found.group()} ", text)


def answer_messages(request: GenerationRequest) -> list[Message]:
    """Rules; then history, passages and question, in the language of the answer."""
    parts = [
        _history(request.history, request.language),
        *_passages(request.context, request.language, request.marker),
        _schema(request),
        _asked(request.question, request.language),
    ]
    return [Message("system", _rules(request)), Message("user", "\n\n".join(part for part in parts if part))]


def rewrite_prompt(question: str, history: Sequence[Turn], language: Language) -> tuple[str, str]:
    """Instruction and text by which a model makes a follow-up stand alone."""
    return REWRITE[language], "\n".join([*_turns(history, language), _asked(question, language)])


def queries_prompt(question: str, count: int, language: Language) -> tuple[str, str]:
    """Instruction and text by which a model words a question anew, `count` times."""
    return QUERIES[language].format(count=count), _asked(question, language)


def hypothetical_prompt(question: str, language: Language) -> tuple[str, str]:
    """Instruction and text by which a model makes up a passage that answers."""
    return HYPOTHETICAL[language], _asked(question, language)


def questions_prompt(headings: Sequence[str], text: str, count: int, language: Language) -> tuple[str, str]:
    """Instruction and text by which a model says what a text answers."""
    return QUESTIONS[language].format(count=count), neutralise("\n".join((*headings, text)))


def steps_prompt(question: str, most: int, language: Language) -> tuple[str, str]:
    """Instruction and text by which a model breaks a question up."""
    return STEPS[language].format(most=most), _asked(question, language)


def step_prompt(question: str, context: Context, marker: str, language: Language) -> tuple[str, str]:
    """Instruction and text by which a model answers one step in a few words."""
    parts = [*_passages(context, language, marker), _asked(question, language)]
    return STEP[language], "\n\n".join(parts)


def rounds_prompt(
    question: str, searched: Sequence[str], context: Context, marker: str, language: Language
) -> tuple[str, str]:
    """Instruction and text by which a model decides whether to search again."""
    queries = "\n".join(neutralise(query) for query in searched)
    parts = [*_passages(context, language, marker), f"{WORDS[language]['searched']}\n{queries}"]
    return ROUNDS[language], "\n\n".join([*parts, _asked(question, language)])


def _schema(request: GenerationRequest) -> str:
    if request.schema is None:
        return ""
    return f"{WORDS[request.language]['schema']} {neutralise(orjson.dumps(request.schema.schema).decode())}"


def _asked(question: str, language: Language) -> str:
    return f"{WORDS[language]['question']} {neutralise(question)}"


def _passages(context: Context, language: Language, marker: str) -> list[str]:
    before = WORDS[language]["passages"].format(marker=marker)
    return [before, *(_passage(passage, language, marker) for passage in context.passages)]


def _rules(request: GenerationRequest) -> str:
    language = request.language
    if request.schema is not None:
        return STRUCTURED[language]
    style = STYLES[language][request.style]
    return RULES[language].format(abstention=ABSTENTION[language], style=style)


def _passage(passage: Passage, language: Language, marker: str) -> str:
    head = f"[{passage.label}] {WORDS[language]['passage']} {marker}"
    body = neutralise(f"{heading(passage.hit)}\n{passage.text}")
    return f"{head}\n{body}\n/[{passage.label}] {marker}"


def _history(history: Sequence[Turn], language: Language) -> str:
    lines = _turns(history, language)
    return "\n".join([WORDS[language]["earlier"], *lines]) if lines else ""


def _turns(history: Sequence[Turn], language: Language) -> list[str]:
    """The latest turns that fit the budget, oldest first; labels of earlier contexts would mislead and are left out.

    What was asked and what was answered is a line each, so that neither can pass for a passage.
    """
    words = WORDS[language]
    kept: list[str] = []
    left = HISTORY_CHARACTERS
    for turn in reversed(history):
        answer = without_labels(turn.answer)[:_ANSWER_CHARACTERS]
        lines = f"{words['asked']}: {_on_one_line(turn.question)}\n{words['answered']}: {_on_one_line(answer)}"
        left -= len(lines)
        if left < 0:
            break
        kept.append(lines)
    return kept[::-1]


def _on_one_line(text: str) -> str:
    return neutralise(" ".join(text.split()))
