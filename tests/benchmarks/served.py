"""Answers by a model that vLLM serves: through the service, and straight from vLLM with prompts as long.

`VLLM_URL` names the server, as OPENBOOK_GENERATOR_URL does; without it there is nothing to measure.
"""

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import httpx

import corpora
from app.evaluation.corpus import fill
from measure import Table, p50, p95
from service import running

DOCUMENTS = 300
FEWEST = 16  # questions for a figure; each is asked once, so that no prompt is known to the server
TOGETHER = (1, 16, 64)
TOKENS = 128  # that each answer may have
PATIENCE = 300.0


@dataclass(frozen=True, slots=True)
class _Crowd:
    """What so many clients at once got: the seconds in all, those until each first token, and all tokens written."""

    seconds: float
    first: Sequence[float]
    tokens: float


def run() -> list[Table]:
    url = os.environ.get("VLLM_URL")
    if not url:
        sys.stderr.write("VLLM_URL names no server: the benchmark of a served model is left out\n")
        return []
    model: str = httpx.get(f"{url}/models", timeout=PATIENCE).json()["data"][0]["id"]
    dataset = corpora.scifact_or_made(DOCUMENTS)
    dataset = replace(dataset, corpus=dataset.corpus[:DOCUMENTS])
    questions = list(dataset.queries.values())
    rows: list[tuple[str, ...]] = []
    with tempfile.TemporaryDirectory() as folder:
        given = {"generator_url": url, "generator_model": model, "generator_timeout_seconds": str(PATIENCE)}
        with running(Path(folder), samples="false", **given) as service:
            fill(service.client, dataset, "default")
            http = service.client.http
            length = _prompt_tokens(url, lambda: service.client.post("/v1/answers", _body(questions[0])))
            for together in TOGETHER:
                some, questions = questions[: max(FEWEST, together * 2)], questions[max(FEWEST, together * 2) :]
                prompts = [_of_length(url, model, question, length) for question in some]
                straight = asyncio.run(_crowd(url, prompts, together, _straight(url, model)))
                through = asyncio.run(_crowd(url, some, together, _through(str(http.base_url), dict(http.headers))))
                rows += [
                    _row(together, "vLLM alone", straight, straight),
                    _row(together, "Openbook", through, straight),
                ]
    return [
        Table(
            "Answers by a served model",
            ("at once", "asked", "first token p50 ms", "p95 ms", "tokens/s", "to vLLM alone"),
            tuple(rows),
            (
                f"Prompts of about {length:,} tokens, answers of at most {TOKENS}; model {model}.",
                "Through Openbook the time until the first token has the search in it; tokens are counted by vLLM.",
            ),
        )
    ]


def _row(together: int, asked: str, crowd: _Crowd, alone: _Crowd) -> tuple[str, ...]:
    first = [seconds * 1000 for seconds in crowd.first]
    rate, other = crowd.tokens / crowd.seconds, alone.tokens / alone.seconds
    return (str(together), asked, f"{p50(first):.0f}", f"{p95(first):.0f}", f"{rate:.0f}", f"{rate / other:.0%}")


_Ask = Callable[[str], Awaitable[float]]


async def _crowd(url: str, questions: Sequence[str], together: int, ask: _Ask) -> _Crowd:
    gate = asyncio.Semaphore(together)

    async def one(question: str) -> float:
        async with gate:
            return await ask(question)

    before, start = _counted(url, "generation_tokens_total"), time.perf_counter()
    first = await asyncio.gather(*(one(question) for question in questions))
    seconds = time.perf_counter() - start
    return _Crowd(seconds, first, _counted(url, "generation_tokens_total") - before)


def _counted(url: str, name: str) -> float:
    """A counter of the server's own."""
    lines = httpx.get(f"{url.removesuffix('/v1')}/metrics", timeout=PATIENCE).text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"vllm:{name}{{"))


def _prompt_tokens(url: str, ask: Callable[[], object]) -> int:
    before = _counted(url, "prompt_tokens_total")
    ask()
    return int(_counted(url, "prompt_tokens_total") - before)


def _straight(url: str, model: str) -> _Ask:
    async def ask(prompt: str) -> float:
        async with httpx.AsyncClient(timeout=PATIENCE, trust_env=False) as http:
            body = {"messages": [{"role": "user", "content": prompt}], "max_tokens": TOKENS, "stream": True}
            first, start = 0.0, time.perf_counter()
            async with http.stream("POST", f"{url}/chat/completions", json=body | {"model": model}) as reply:
                async for line in reply.aiter_lines():
                    if not first and line.startswith("data: {") and '"content":"' in line.replace('"content":""', ""):
                        first = time.perf_counter() - start
            return first

    return ask


def _of_length(url: str, model: str, question: str, length: int) -> str:
    """Words made from the question, as many as make so many tokens."""
    words = f"{question} " * 40
    body = {"model": model, "prompt": words}
    reply = httpx.post(f"{url.removesuffix('/v1')}/tokenize", json=body, timeout=PATIENCE)
    count: int = reply.raise_for_status().json()["count"]
    return words * (length // count) + words[: len(words) * (length % count) // count]


def _through(url: str, headers: dict[str, str]) -> _Ask:
    async def ask(question: str) -> float:
        async with httpx.AsyncClient(base_url=url, headers=headers, timeout=PATIENCE, trust_env=False) as http:
            found, start = 0.0, time.perf_counter()
            answer: dict[str, dict[str, float]] = {}
            async with http.stream("POST", "/v1/answers", json={**_body(question), "stream": True}) as reply:
                async for line in reply.aiter_lines():
                    if line == "event: context":
                        found = time.perf_counter() - start
                    if line.startswith("data: ") and '"timings_ms"' in line:
                        answer = json.loads(line.removeprefix("data: "))
            return found + answer["timings_ms"]["first_token"] / 1000

    return ask


def _body(question: str) -> dict[str, object]:
    return {"question": question, "options": {"max_tokens": TOKENS}}
