"""An answer while it is written: sentences in, checked text out, with the citations and the support of each."""

from generation.citations import cite, without_labels
from generation.grounding import support
from generation.prompts import ABSTENTION
from generation.release import Release, Sentence
from generation.types import AnswerSentence, Citation, GeneratedText, Usage
from retrieval.types import Context

_ABSTENTIONS = frozenset(ABSTENTION.values())


class Draft:
    """Nothing is released before the first citation: an answer without any is none."""

    def __init__(self, context: Context) -> None:
        self._passages = {passage.label: passage for passage in context.passages}
        self._release = Release(self._passages.keys())
        self._held: list[Sentence] = []
        self._citations: dict[tuple[int, str], Citation] = {}
        self.text = ""
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
            return ""
        self._held.append(sentence)
        if not sentence.labels and not self._citations:
            return ""
        held, self._held = self._held, []
        return "".join(self._appended(sentence) for sentence in held)

    def _appended(self, sentence: Sentence) -> str:
        before = sentence.before if self.text else ""
        start = len(self.text) + len(before)
        self.text += before + sentence.text
        cited = cite(sentence.text, sentence.labels, self._passages)
        for citation in cited:
            self._citations.setdefault((citation.label, citation.quote), citation)
        supported = support(sentence.text, cited)
        self.sentences.append(AnswerSentence(start, len(self.text), sentence.labels, supported))
        return before + sentence.text
