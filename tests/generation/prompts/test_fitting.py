import asyncio
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.errors import GeneratorUnavailable
from generation.prompts.fitting import Fitting
from generation.prompts.prompts import answer_messages
from generation.types import GenerationRequest, Turn
from tests.generation.given import hit, request

TURNS = tuple(Turn(f"Question {number}?", "An answer of some words. " * 20) for number in range(4))
LONG = "Paris is the capital of France and lies on the Seine. " * 20


def words(asked: GenerationRequest) -> int:
    """What a server with a token a word counts."""
    return sum(len(message.content.split()) for message in answer_messages(asked))


def fitted(asked: GenerationRequest, window: int, *, counts: bool = True) -> GenerationRequest:
    async def count(tried: GenerationRequest) -> int | None:
        return words(tried) if counts else None

    return asyncio.run(Fitting(window, count).fitted(asked))


def long_request(max_tokens: int = 100) -> GenerationRequest:
    return request(
        "What is the capital?", *(hit(LONG, rank) for rank in range(1, 6)), history=TURNS, max_tokens=max_tokens
    )


def test_what_fits_stays_as_it_is() -> None:
    asked = long_request()
    assert vars_of(fitted(asked, 100_000)) == vars_of(asked)


def vars_of(asked: GenerationRequest) -> tuple[object, ...]:
    return asked.history, [passage.label for passage in asked.context.passages], asked.max_tokens


@pytest.mark.parametrize(
    ("window", "turns", "passages"),
    [(1787, 4, 5), (1786, 3, 5), (1475, 1, 5), (1474, 0, 5), (1300, 0, 4), (459, 0, 1)],
)
def test_the_oldest_turns_go_first_and_then_the_last_passages(window: int, turns: int, passages: int) -> None:
    asked = long_request()
    shorter = fitted(asked, window)
    assert words(shorter) + shorter.max_tokens <= window
    assert shorter.history == asked.history[len(TURNS) - turns :]
    assert [passage.label for passage in shorter.context.passages] == list(range(1, passages + 1))


def test_a_dropped_passage_is_no_longer_counted() -> None:
    asked = long_request()
    shorter = fitted(asked, 1300)
    assert (asked.context.tokens, shorter.context.tokens) == (50, 40)


def test_the_answer_takes_half_of_the_window_at_most() -> None:
    assert fitted(long_request(max_tokens=4096), 1000).max_tokens == 500


def test_a_passage_that_does_not_fit_alone_is_an_error() -> None:
    with pytest.raises(GeneratorUnavailable, match="300 tokens"):
        fitted(long_request(), 300)


def test_a_server_that_does_not_count_is_sent_what_fits_by_a_high_estimate() -> None:
    shorter = fitted(long_request(), 2500, counts=False)
    size = sum(len(message.content.encode()) for message in answer_messages(shorter))
    assert size / 2 + 100 <= 2500
    assert 0 < len(shorter.context.passages) < 5


@given(st.integers(200, 4000), st.integers(1, 4096))
def test_prompt_and_answer_never_pass_the_window(window: int, max_tokens: int) -> None:
    try:
        shorter = fitted(replace(long_request(), max_tokens=max_tokens), window)
    except GeneratorUnavailable:
        return
    assert words(shorter) + shorter.max_tokens <= window
