"""A prompt within the window of the model that will read it: history and passages left out until it fits."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

from generation.errors import GeneratorUnavailable
from generation.prompts.prompts import answer_messages
from generation.types import GenerationRequest

CountTokens: TypeAlias = Callable[[GenerationRequest], Awaitable[int | None]]
CountText: TypeAlias = Callable[[str, str], Awaitable[int | None]]

_TEMPLATE_TOKENS = 256  # more than any chat template adds to two messages
_BYTES_A_TOKEN = 2  # an estimate on the high side: English has four, Chinese two or three


@dataclass(frozen=True, slots=True)
class Fitting:
    """`count` gives the tokens of the whole prompt, or None where the server does not count."""

    window: int
    count: CountTokens

    async def fitted(self, request: GenerationRequest) -> GenerationRequest:
        """The longest form of the request that fits beside its answer, to which half of the window goes at most.

        The oldest turns go first, then the last passages; raises GeneratorUnavailable when one passage is too many.
        """
        answer = min(request.max_tokens, self.window // 2)
        request = replace(request, max_tokens=answer)
        if await self._fits(request):
            return request
        shorter = _shorter(request)
        low, high = 0, len(shorter)  # all before `low` are too long; from `high` on they fit
        while low < high:
            middle = (low + high) // 2
            if await self._fits(shorter[middle]):
                high = middle
            else:
                low = middle + 1
        if low == len(shorter):
            raise GeneratorUnavailable(f"not even one passage fits the {self.window} tokens that the model reads")
        return shorter[low]

    async def _fits(self, request: GenerationRequest) -> bool:
        room = self.window - request.max_tokens
        size = sum(len(message.content.encode()) for message in answer_messages(request))
        if size + _TEMPLATE_TOKENS <= room:  # a token stands for a byte at least
            return True
        counted = await self.count(request)
        return (_estimated(size) if counted is None else counted) <= room


@dataclass(frozen=True, slots=True)
class TextFitting:
    """The same for an instruction and a text; `room`: the tokens of both together."""

    room: int
    count: CountText

    async def fitted(self, instruction: str, text: str) -> str:
        """The text, or its end, where the question is; raises GeneratorUnavailable where nothing of it fits.

        What is too long is cut to its share of the room, a tenth below it, until a count says that it fits.
        """
        while text:
            size = len(instruction.encode()) + len(text.encode())
            if size + _TEMPLATE_TOKENS <= self.room:
                return text
            counted = await self.count(instruction, text)
            tokens = _estimated(size) if counted is None else counted
            if tokens <= self.room:
                return text
            kept = int(len(text) * 0.9 * self.room / tokens)
            text = text[len(text) - kept :]
        raise GeneratorUnavailable(f"no text fits the {self.room} tokens that the model reads beside the instruction")


def _estimated(size: int) -> int:
    """Tokens of a prompt of so many bytes."""
    return size // _BYTES_A_TOKEN + _TEMPLATE_TOKENS


def _shorter(request: GenerationRequest) -> list[GenerationRequest]:
    """Every shorter form, the longest first: fewer turns, then fewer passages."""
    turns = [replace(request, history=request.history[left:]) for left in range(1, len(request.history) + 1)]
    bare = turns[-1] if turns else request
    return [*turns, *(_with_passages(bare, kept) for kept in range(len(request.context.passages) - 1, 0, -1))]


def _with_passages(request: GenerationRequest, kept: int) -> GenerationRequest:
    """The first of the passages; their tokens are estimated by their share of the text."""
    context = request.context
    first = context.passages[:kept]
    share = sum(len(each.text) for each in first) / max(1, sum(len(each.text) for each in context.passages))
    shorter = replace(
        context,
        passages=first,
        tokens=round(context.tokens * share),
        tokens_uncompressed=round(context.tokens_uncompressed * share),
    )
    return replace(request, context=shorter)
