"""How soon a model's server is free of askers who leave in mid-answer: from the client's close to the request's end."""

import re
import socket
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from app.client import Client
from measure import Table, p50, p95
from service import bring_in, running
from tests import leavers
from tests.stubs.vllm import MODEL, Script, VllmStub, prompt_of

CROWD = 200
TEXT = "Gallium melts at 29.8 degrees Celsius. It was discovered in 1875."
SLOW = Script(tokens=("Gallium melts at 29.8 degrees Celsius [1].\n",), endless=True, delay_seconds=4)
COMING_SECONDS, LEAVING_SECONDS = 300, 60
_NUMBER = re.compile(r"degrees does sample (\d+) of gallium melt")


def run() -> list[Table]:
    with tempfile.TemporaryDirectory() as folder, VllmStub(SLOW) as stub:
        given = {"generator_url": stub.base_url, "generator_model": MODEL, "generator_timeout_seconds": "600"}
        given |= {"generator_connections": str(CROWD), "abstain_below": "0"}
        given |= {"samples": "false", "embedder": "hashing:64"}
        with running(Path(folder), **given) as service:
            bring_in(service.client, Path(folder) / "gallium.txt", TEXT)
            waits = _waits(service.client, stub)
    cells = (f"{p50(waits) * 1000:.0f}", f"{p95(waits) * 1000:.0f}", f"{max(waits) * 1000:.0f}")
    notes = (
        "Each asks for a stream; when all are being answered, all close their connections, one right after the other. "
        "The time is from a client's close until the stub of a vLLM sees the connection of its request closed, which "
        "it looks for every 20 ms. The stub and the clients share the machine with the service.",
    )
    return [Table(f"{CROWD} clients that leave in mid-answer", ("p50 ms", "p95 ms", "most ms"), (cells,), notes)]


def _waits(client: Client, stub: VllmStub) -> Sequence[float]:
    """Of each client, in seconds."""
    left: dict[int, float] = {}
    with ExitStack() as crowd:
        asking = [crowd.enter_context(_asking(client, number)) for number in range(CROWD)]
        if not stub.wait_until(lambda seen: seen.active == CROWD, COMING_SECONDS):
            raise TimeoutError(f"{stub.seen.active} of {CROWD} were being answered after {COMING_SECONDS} s")
        for number, connection in enumerate(asking):
            left[number] = time.monotonic()
            connection.close()
    if not stub.wait_until(lambda seen: seen.aborted == CROWD, LEAVING_SECONDS):
        raise TimeoutError(f"{stub.seen.aborted} of {CROWD} were given up after {LEAVING_SECONDS} s")
    return [moment - left[_asked(body)] for moment, body in stub.seen.given_up]


def _asked(body: dict[str, object]) -> int:
    found = _NUMBER.search(prompt_of(body))
    if found is None:
        raise ValueError("a request without a number")
    return int(found[1])


def _asking(client: Client, number: int) -> socket.socket:
    address = client.http.base_url
    question = f"At how many degrees does sample {number} of gallium melt?"
    body = {"question": question, "options": {"max_tokens": 4000}}
    return leavers.begin(address.host, address.port or 80, client.http.headers["Authorization"], body)
