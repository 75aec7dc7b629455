"""From `make run` to the first cited answer, and what the idle service then holds in memory."""

import json
import tempfile
import time
from pathlib import Path

from app.client import Client, Json
from measure import Table, has_loaded, process_tree, pss_mebibytes, wait_until
from service import running

QUESTIONS = Path(__file__).parent.parent / "samples_questions.json"
IDLE_SECONDS = 75  # the parsing children are gone by then


def run() -> list[Table]:
    known: Json = json.loads(QUESTIONS.read_text(encoding="utf-8"))["answerable"][0]
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), ("make", "--silent", "run")) as service:
        ready = time.perf_counter() - service.started
        wait_until(lambda: _is_answered(service.client, known), 120, "an answer")
        answered = time.perf_counter() - service.started
        time.sleep(IDLE_SECONDS)
        rows = [_row(pid) for pid in process_tree(service.pid)]
    total = sum(mebibytes for _, mebibytes, _ in rows)
    return [
        Table(
            "Start, on an installed clone with an empty data folder",
            ("from `make run` until", "seconds"),
            (
                ("the service says that it is ready", f"{ready:.1f}"),
                ("a question on the samples has its answer", f"{answered:.1f}"),
            ),
            (f"Asked again and again from the moment the service was ready: “{known['question']}”",),
        ),
        Table(
            "Memory of the idle service with the sample collection",
            ("process", "PSS MiB", "has torch loaded"),
            (*((name, f"{mebibytes:.0f}", torch) for name, mebibytes, torch in rows), ("all", f"{total:.0f}", "")),
            (f"Read {IDLE_SECONDS} seconds after the first answer.",),
        ),
    ]


def _is_answered(client: Client, known: Json) -> bool:
    reply = client.post("/v1/answers", {"question": known["question"]})
    return not reply["abstained"] and all(word in reply["answer"] for word in known["words"])


def _row(pid: int) -> tuple[str, float, str]:
    arguments = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    words = [Path(argument).name if "/" in argument else argument for argument in arguments if argument]
    return " ".join(words)[:60], pss_mebibytes(pid), "yes" if has_loaded(pid, "libtorch") else "no"
