"""What was counted a moment ago is not read again when it is embedded.

A chunk is cut by the tokens of its headings and sentences. Where white space alone parts these, and the tokenizer reads
each word by itself, the chunk's tokens are theirs, one after the other.
"""

import threading
from collections.abc import Sequence

from retrieval.embedders.model_folder import ModelFolder, Tokens
from retrieval.types import PassageInput

KEPT_TOKENS = 1 << 18  # 12 MB, and more small documents' chunks than a worker has cut and not embedded
_SPACE = " \t\r\n"  # Python counts more as white space, of which BERT drops some without parting what is beside it


class Counted:
    """The stretches that were counted last, by their text; any thread may ask."""

    def __init__(self) -> None:
        self._kept: dict[str, Tokens] = {}
        self._tokens = 0
        self._lock = threading.Lock()

    def count(self, folder: ModelFolder, texts: Sequence[str]) -> list[int]:
        """How many tokens each text has; they are kept."""
        parts = folder.parts(texts)
        with self._lock:
            for text, part in zip(texts, parts, strict=True):
                if text not in self._kept:
                    self._kept[text] = part
                    self._tokens += len(part.ids)
            while self._tokens > KEPT_TOKENS:
                self._tokens -= len(self._kept.pop(next(iter(self._kept))).ids)
        return [len(part.ids) for part in parts]

    def read(self, folder: ModelFolder, passages: Sequence[PassageInput]) -> list[Tokens]:
        """The passages as the model sees them, headings first."""
        known = [self.known(folder, passage) for passage in passages]
        unknown = [passage for passage, tokens in zip(passages, known, strict=True) if tokens is None]
        read = iter(folder.read([folder.passage_prompt + passage.prefix + passage.text for passage in unknown]))
        return [tokens or next(read) for tokens in known]

    def known(self, folder: ModelFolder, passage: PassageInput) -> Tokens | None:
        """The passage by its headings and sentences; None where one was not counted, or more than space parts them."""
        if not folder.by_word or folder.passage_prompt:
            return None
        text, shift = passage.prefix + passage.text, len(passage.prefix)
        spans = [(start + shift, end + shift) for start, end in passage.sentences]
        if shift:
            spans.insert(0, (0, shift))
        parts: list[tuple[int, Tokens]] = []
        end = 0
        for start, next_end in spans:
            part = self._kept.get(text[start:next_end])
            if part is None or not _parted(text, end, start):
                return None
            parts.append((start, part))
            end = next_end
        return folder.whole(parts) if parts and not text[end:].strip(_SPACE) else None


def _parted(text: str, end: int, start: int) -> bool:
    """Whether a stretch that begins at `start` is a word of its own beside what ends at `end`, with nothing between."""
    return start == 0 or (start >= end and text[start - 1] in _SPACE and not text[end:start].strip(_SPACE))
