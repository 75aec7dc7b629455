"""A generator's pieces of text → checked sentences with their labels, released one by one.

A sentence is complete when it has its labels and something else has begun. What is released never changes again: the
sentences released, joined, are the answer.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from generation.citations import defused_labels, known_labels, labels_in
from generation.plain_text import broken_addresses, broken_markup, without_controls, without_markup
from generation.types import GeneratedText
from retrieval.sentences import sentence_spans

SENTENCE_CHARACTERS = 4000  # a longer one is no sentence but a model that runs away
_ANY_LABEL = re.compile(r"[\[【［]\^?\d[^\[\]【】［］\n]{0,80}[\]】］]")
_LABELS_AFTER = re.compile(rf"(?:\s*{_ANY_LABEL.pattern})+")
_MAY_BE_LABEL = re.compile(r"\s*(?:[\[【［][^\[\]【】［］\n]{0,80})?\Z")
_ENDED = re.compile(r"[.!?。！？；…:：|`}][\"'”’)\]」』）》】\s]*\Z")
_BREAK = re.compile(r"\n[ \t]*\n")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A checked sentence with the white space that parts it from the one before, and the labels it carries.

    `quoted`: it is a document's own. `mislabelled`: all that it was given as labels name no passage.
    """

    before: str
    text: str
    labels: tuple[int, ...]
    quoted: bool = False
    mislabelled: bool = False


class Release:
    """Holds back what is not yet a whole sentence; `known` are the labels that may be cited."""

    def __init__(self, known: Collection[int]) -> None:
        self._known = frozenset(known)
        self._pending = ""
        self._last = ""

    @property
    def overflows(self) -> bool:
        """Whether what is held back has grown past any sentence."""
        return len(self._pending) > SENTENCE_CHARACTERS

    def feed(self, piece: GeneratedText) -> Iterator[Sentence]:
        """The sentences that the piece completes; words quoted from a document are a sentence by themselves."""
        if piece.quoted:
            yield from self.flush()
            yield from self._checked(without_controls(piece.text), quoted=True)
            return
        self._pending += without_controls(piece.text)
        start = 0
        for end in self._complete():
            yield from self._checked(self._pending[start:end], quoted=False)
            start = end
        self._pending = self._pending[start:]

    def flush(self) -> Iterator[Sentence]:
        """What is left at the end; a tail that breaks off without a citation is left out."""
        left, self._pending = self._pending[:SENTENCE_CHARACTERS], ""
        first = not self._last
        for sentence in self._checked(left, quoted=False):
            if first or sentence.labels or sentence.mislabelled or _ENDED.search(sentence.text):
                yield sentence

    def _complete(self) -> list[int]:
        """Where the complete sentences of what is pending end, labels included."""
        text = self._pending
        masked = _ANY_LABEL.sub(lambda label: " " * len(label.group()), text)
        ends: list[int] = []
        for _, end in sentence_spans(masked)[:-1]:
            labels = _LABELS_AFTER.match(text, end)
            stop = labels.end() if labels else end
            if _MAY_BE_LABEL.match(text, stop):
                break
            ends.append(stop)
        return ends

    def _checked(self, raw: str, *, quoted: bool) -> Iterator[Sentence]:
        # Of a document's own words nothing is read as a label but the generator's: «[1:3]» is a slice there.
        told = raw if quoted else without_markup(raw)
        kept = told if quoted else known_labels(told, self._known)
        text = broken_markup(kept)
        text = defused_labels(text if quoted else broken_addresses(text), self._known).strip()
        if not any(char.isalnum() for char in _ANY_LABEL.sub("", text)):
            return
        before = self._parting(raw, text)
        self._last = text
        labels = labels_in(text)
        yield Sentence(before, text, labels, quoted, mislabelled=not labels and kept != told)

    def _parting(self, raw: str, text: str) -> str:
        """White space before a sentence, as the generator has it; never none where a label would open a link."""
        if not self._last:
            return ""
        gap = raw[: len(raw) - len(raw.lstrip())]
        if "\n" in gap:
            return "\n\n" if _BREAK.search(gap) else "\n"
        return " " if gap or text[0].isascii() else ""
