"""A server that is stopped, and one whose processes are killed while it writes: never a false success."""

import signal
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.app.running import Running, events, eventually
from tests.vllm.server import MODEL, VllmServer
from tests.vllm.test_served_answers import CUT, asked, client

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(900)]


def interrupted(asker: httpx.Client, blow: Callable[[], None]) -> list[tuple[str, Any]]:
    """The events of an answer during which, after its first sentence, something happens."""
    with asker.stream("POST", "/v1/answers", json=asked(4000, stream=True)) as reply:
        lines = reply.iter_lines()
        for line in lines:
            if line == "event: delta":
                break
        blow()
        return events(httpx.Response(200, text="\n".join(lines)))


def generators(asker: httpx.Client) -> tuple[str, list[str]]:
    answer = asker.post("/v1/answers", json=asked()).json()
    return answer["generator"], answer["degraded"]


@pytest.mark.parametrize("victim", ["engine", "server"])
def test_a_process_that_is_stopped_leaves_extracts_until_it_goes_on(
    victim: str, vllm: VllmServer, service: Running
) -> None:
    send = vllm.signal_engine if victim == "engine" else vllm.signal_server
    with client(service) as asker:
        send(signal.SIGSTOP)
        try:
            assert generators(asker) == ("extractive", ["generator"])
        finally:
            send(signal.SIGCONT)
        assert eventually(lambda: generators(asker) == (MODEL, CUT), 60)


@pytest.mark.parametrize("victim", ["engine", "server"])
def test_a_kill_in_mid_stream_ends_in_an_error_and_then_in_extracts(
    victim: str, vllm: VllmServer, service: Running
) -> None:
    def kill() -> None:
        (vllm.signal_engine if victim == "engine" else vllm.signal_server)(signal.SIGKILL)

    with client(service) as asker:
        assert eventually(lambda: generators(asker) == (MODEL, CUT), 60)
        told = interrupted(asker, kill)
        assert told[-1][0] == "error"
        assert told[-1][1]["status"] == 503
        assert "answer" not in {name for name, _ in told}
        assert generators(asker) == ("extractive", ["generator"])
    vllm.end()
