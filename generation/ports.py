"""What generation needs of the world; the docstrings are the contracts that every backend is tested against."""

from collections.abc import AsyncIterator
from typing import Protocol

from generation.types import GenerationRequest, GeneratorEvent


class Generator(Protocol):
    """Writes an answer from a context, citing passages by their label in square brackets.

    Raises GeneratorUnavailable before or within the stream, never ends one in silence. Closing the iterator frees
    whatever writes, at once.
    """

    @property
    def name(self) -> str:
        """What the answer says of who wrote it: "extractive", or the model's name."""
        ...

    def stream(self, request: GenerationRequest) -> AsyncIterator[GeneratorEvent]:
        """Pieces of text in order, then one Usage."""
        ...


class Completer(Protocol):
    """A language model used for short rewritings, never for answers."""

    async def complete(self, instruction: str, text: str, max_tokens: int) -> str:
        """What the model makes of `text`; raises GeneratorUnavailable when it does not answer in time."""
        ...
