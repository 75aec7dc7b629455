"""How long after a model's server fails an answer made of extracts is there, at the default settings."""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from app.client import Client
from measure import Table, p50, wait_until
from service import bring_in, running
from tests.stubs.vllm import MODEL, Script, VllmStub

TEXT = "Gallium melts at 29.8 degrees Celsius. It was discovered in 1875."
QUESTION = "At how many degrees does gallium melt?"
SAID = ("Gallium melts at 29.8 degrees Celsius [1].\n",)
FAULTS = {
    "500": Script(status=500),
    "429": Script(status=429),
    "a web page instead of an answer": Script(raw=b"<html>502 Bad Gateway</html>\n"),
    "breaks off before a word": Script(drop_after=0),
    "an error before a word": Script(error_after=0),
    "hangs without a head": Script(hang_after=0),
    "hangs after a part of a sentence": Script(tokens=("Gallium ", "melts"), hang_after=1),
    "stopped: takes connections alone": Script(mute=True),
}
TIMES = 4  # in a row; a fifth failure would open the breaker, and a good answer comes between two kinds


def run() -> list[Table]:
    with tempfile.TemporaryDirectory() as folder, VllmStub(Script(tokens=SAID)) as stub:
        given = {"generator_url": stub.base_url, "generator_model": MODEL, "samples": "false"}
        with running(Path(folder), **given) as service:
            bring_in(service.client, Path(folder) / "gallium.txt", TEXT)
            rows = [(name, *_cells(service.client, stub, script)) for name, script in FAULTS.items()]
    notes = (
        f"From the question until the whole answer is there, by HTTP, retrieval and extracts included; {TIMES} each, "
        "one after the other. Each says `degraded` and cites the document. A server that was silent without a word is "
        "not asked for the next five seconds' answers, hence the p50.",
    )
    title = "A model's server that fails: until the answer is there"
    return [Table(title, ("fault", "p50 ms", "most ms"), tuple(rows), notes)]


def _cells(client: Client, stub: VllmStub, script: Script) -> tuple[str, str]:
    stub.script = Script(tokens=SAID)
    wait_until(lambda: not _asked(client)["degraded"], 60, "an answer by the server that is well again")
    stub.script = script
    waits = [_seconds(client) for _ in range(TIMES)]
    return f"{p50(waits) * 1000:.0f}", f"{max(waits) * 1000:.0f}"


def _seconds(client: Client) -> float:
    started = time.perf_counter()
    answer = _asked(client)
    taken = time.perf_counter() - started
    if "generator" not in answer["degraded"] or not answer["citations"]:
        raise RuntimeError("the fault was not met by cited extracts")
    return taken


def _asked(client: Client) -> dict[str, Sequence[object]]:
    return client.post("/v1/answers", {"question": QUESTION})
