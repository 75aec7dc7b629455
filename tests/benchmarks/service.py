"""Openbook as a user starts it: its own process on a free port, with a data folder of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from app.client import Client
from measure import wait_until

START_SECONDS = 600
STOP_SECONDS = 30
UNLIMITED = {"OPENBOOK_REQUESTS_PER_MINUTE": "100000000"}


@dataclass(frozen=True, slots=True)
class Running:
    """A service that answers: its first process, when it was started, and a client with the admin key."""

    pid: int
    started: float
    client: Client


@contextmanager
def running(folder: Path, command: Sequence[str] = (), **settings: str) -> Generator[Running]:
    """Start `openbook serve` (or another command that does) on the folder and stop it after the block."""
    port = free_port()
    given = {f"OPENBOOK_{name.upper()}": value for name, value in settings.items()}
    place = {"OPENBOOK_DATA_DIR": str(folder), "OPENBOOK_PORT": str(port)}
    log = folder / "service.log"
    with log.open("wb") as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            command or [str(Path(sys.executable).with_name("openbook")), "serve"],
            env=_environment() | UNLIMITED | place | given,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=300) as http:
            wait_until(lambda: _ready(http, process, log), START_SECONDS, "the service's start")
            http.headers["Authorization"] = f"Bearer {(folder / 'admin.key').read_text(encoding='utf-8').strip()}"
            yield Running(process.pid, started, Client(http))
    finally:
        _stop(process)


def bring_in(client: Client, path: Path, text: str) -> None:
    """Write the text to the path, and wait until it can be asked about."""
    path.write_text(text, encoding="utf-8")
    document = client.add(path, "default", {})
    for _ in client.settled("default", {document["id"]}):
        pass


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("OPENBOOK_")}


def _ready(http: httpx.Client, process: subprocess.Popen[bytes], log: Path) -> bool:
    if process.poll() is not None:
        last = log.read_text(encoding="utf-8", errors="replace")[-2000:]
        raise RuntimeError(f"the service ended with {process.returncode} before it was ready:\n{last}")
    try:
        return http.get("/readyz").is_success
    except httpx.TransportError:
        return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
