"""Whether a model's text gives away what it was told: the mark of its request, or the words of its rules."""

import re
from collections.abc import Iterator

from generation.citations import without_labels
from generation.language import HAN
from generation.prompts.texts import RULES, SHORT_REPLIES, STRUCTURED, STYLES
from retrieval.sentences import sentence_spans

_WORD = re.compile(rf"{HAN.pattern}|\w+")
_BETWEEN = re.compile(r"[\W_]+")
_FIELD = re.compile(r"\{\w+\}")
_RUN, _RUN_ZH = 8, 12
"""How many words, or Chinese characters, in the order of the rules make a repetition of them."""
_WHOLE, _WHOLE_ZH = 4, 7
"""How many a sentence of the rules needs at least, to be known by standing alone and whole."""


def gives_away(text: str, marker: str) -> bool:
    """Whether it holds the mark, whatever stands between its letters, or repeats the rules."""
    return bool(marker and marker in _BETWEEN.sub("", text.casefold())) or repeats_rules(text)


def repeats_rules(text: str) -> bool:
    """Whether a text has a run of words that the rules have, or a sentence that is a short one of theirs.

    A document that shares one is hardly there.
    """
    if not _RULE_RUNS.isdisjoint(_runs(_words(text))):
        return True
    return not _SHORT_RULES.isdisjoint(_words(sentence) for sentence in _sentences(without_labels(text)))


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.casefold() for word in _WORD.findall(text))


def _size(word: str, latin: int, han: int) -> int:
    return han if HAN.match(word) else latin


def _runs(words: tuple[str, ...]) -> set[tuple[str, ...]]:
    sizes = [_size(word, _RUN, _RUN_ZH) for word in words]
    return {words[at : at + size] for at, size in enumerate(sizes) if at + size <= len(words)}


def _sentences(text: str) -> Iterator[str]:
    yield from (text[start:end] for start, end in sentence_spans(text))


def _rules() -> Iterator[str]:
    """Each rule on one line, without what a request fills in; what asks for a short reply is one rule."""
    lists = [rule for told in (RULES, STRUCTURED) for each in told.values() for rule in re.split(r"\n(?! )", each)]
    asking = [each for told in SHORT_REPLIES for each in told.values()]
    for rule in (*lists, *asking):
        yield from (" ".join(part.split()) for part in _FIELD.split(rule))
    yield from (style for styles in STYLES.values() for style in styles.values())


_RULE_RUNS = {run for rule in _rules() for run in _runs(_words(rule))}
_SHORT_RULES = {
    words
    for rule in _rules()
    for words in map(_words, _sentences(rule))
    if words and _size(words[0], _WHOLE, _WHOLE_ZH) <= len(words)
}
