"""What generation needs of the world; the docstrings are the contracts that every backend is tested against."""

from collections.abc import AsyncGenerator
from typing import Protocol, runtime_checkable

from generation.types import GenerationRequest, GeneratorEvent
from retrieval.types import Filter, Scope, SearchMode, SearchResult


class Generator(Protocol):
    """Writes an answer from a context, citing passages by their label in square brackets.

    Raises GeneratorUnavailable before or within the stream, never ends one in silence. Closing the iterator frees
    whatever writes, at once.
    """

    @property
    def name(self) -> str:
        """What the answer says of who wrote it: "extractive", or the model's name."""
        ...

    def stream(self, request: GenerationRequest) -> AsyncGenerator[GeneratorEvent, None]:
        """Pieces of text in order, then one Usage."""
        ...

    def adapted(self, adapter: str) -> "Generator":
        """The same with an adapter's weights, under its name; itself where there are none.

        The stream of one that is not there raises UnknownAdapter before any text.
        """
        del adapter
        return self

    async def adapters(self) -> list[str]:
        """The names that `adapted` may be given, asked of whatever has them now."""
        return []

    async def fitted(self, request: GenerationRequest) -> GenerationRequest:
        """The request as it will be read: where it is too long, without its oldest turns and then its last passages."""
        return request

    async def aclose(self) -> None:
        """The service stops: let go of what is held, in the event loop that used it."""


@runtime_checkable
class Completer(Protocol):
    """A language model used for short rewritings, never for answers."""

    async def complete(self, instruction: str, text: str, max_tokens: int) -> str:
        """What the model makes of `text`; raises GeneratorUnavailable when it does not answer in time."""
        ...


class Searcher(Protocol):
    """The part of retrieval's front door that an answer needs; blocks, so it is called from a thread."""

    def search(
        self,
        query: str,
        scope: Scope,
        k: int,
        filter: Filter = (),
        mode: SearchMode = "hybrid",
        rerank: bool = True,  # noqa: FBT001, FBT002 — the signature is retrieval's
        prefer_recent: float = 0.0,
        multi_hop: bool = False,  # noqa: FBT001, FBT002 — likewise
    ) -> SearchResult:
        """At most k hits that the scope allows, best first; age takes the share `prefer_recent` at most.

        `multi_hop` brings forward what the best hits name.
        """
        ...
