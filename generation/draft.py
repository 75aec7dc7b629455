"""An answer while it is written: sentences in, checked text out, with the citations and the support of each."""

from generation.citations import without_labels
from generation.prompts.leaks import gives_away
from generation.prompts.texts import ABSTENTION
from generation.release import Release, Sentence
from generation.types import AnswerSentence, Citation, GeneratedText, Structured, Usage
from generation.verification.verification import Verified, verify
from retrieval.types import Context

_ABSTENTIONS = frozenset(ABSTENTION.values())


class Draft:
    """Nothing is released before the first citation: an answer without any is none.

    With `remove_unsupported` a sentence is left out unless the passages that it cites bear it out; one that gives away
    the request's mark or rules always is.
    """

    def __init__(self, context: Context, *, marker: str = "", remove_unsupported: bool = False) -> None:
        self._marker = marker
        self._remove_unsupported = remove_unsupported
        self._passages = {passage.label: passage for passage in context.passages}
        self._release = Release(self._passages.keys())
        self._held: list[tuple[str, Verified]] = []
        self._citations: dict[tuple[int, str], Citation] = {}
        self.text = ""
        self.abstained = False
        self.structured: Structured | None = None
        self.sentences: list[AnswerSentence] = []
        self.usage = Usage(0, 0)

    @property
    def citations(self) -> tuple[Citation, ...]:
        """One per label and quote, in the order of the text."""
        return tuple(self._citations.values())

    @property
    def support(self) -> float:
        """The mean of the sentences' support."""
        return sum(sentence.support for sentence in self.sentences) / len(self.sentences) if self.sentences else 0.0

    @property
    def overflows(self) -> bool:
        """Whether the generator runs away: an endless sentence, or pages without a citation."""
        return self._release.overflows or len(self._held) > 50

    def add(self, piece: GeneratedText) -> str:
        """The text that the piece releases."""
        return "".join(self._accepted(sentence) for sentence in self._release.feed(piece))

    def finish(self) -> str:
        """The text that the end releases; what was never cited stays out."""
        return "".join(self._accepted(sentence) for sentence in self._release.flush())

    def _accepted(self, sentence: Sentence) -> str:
        if without_labels(sentence.text).strip() in _ABSTENTIONS:
            self.abstained = True
            return ""
        if not sentence.quoted and gives_away(sentence.text, self._marker):
            return ""
        verified = verify(sentence, self._passages)
        if self._remove_unsupported and not verified.is_borne_out:
            return ""
        self._held.append((sentence.before, verified))
        if not verified.labels and not self._citations:
            return ""
        held, self._held = self._held, []
        return "".join(self._append(before, sentence) for before, sentence in held)

    def _append(self, before: str, sentence: Verified) -> str:
        before = before if self.text else ""
        start = len(self.text) + len(before)
        self.text += before + sentence.text
        for citation in sentence.citations:
            self._citations.setdefault((citation.label, citation.quote), citation)
        all_quotes = list(self._citations)
        cited = tuple(all_quotes.index((each.label, each.quote)) for each in sentence.citations)
        self.sentences.append(
            AnswerSentence(start, len(self.text), sentence.labels, sentence.support, sentence.doubts, cited)
        )
        return before + sentence.text
