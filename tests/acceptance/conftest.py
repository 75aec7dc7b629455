"""The real service in a folder of its own, started as its users start it and ended with all its processes."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

START_SECONDS = 120.0
STOP_SECONDS = 20.0

StartService = Callable[..., "Service"]
"""Starts one more service: `start(data_dir=..., OPENBOOK_NAME="value", ...)`; without a folder, in a new one."""


@dataclass(frozen=True, slots=True)
class Service:
    """A running service. `process` leads the group that all its processes are in."""

    url: str
    admin_key: str
    data_dir: Path
    process: subprocess.Popen[bytes]
    log_path: Path

    @property
    def log(self) -> str:
        """What it has printed so far."""
        return self.log_path.read_text(errors="replace")

    @property
    def login_url(self) -> str:
        """The one-time link that the first start printed."""
        found = re.search(r"/login/[\w-]+", self.log)
        assert found is not None, self.log
        return self.url + found[0]

    def client(self) -> httpx.Client:
        """A client that holds the admin key."""
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {self.admin_key}"}, timeout=60)


@pytest.fixture(scope="module")
def service_environment() -> Mapping[str, str]:
    """The `OPENBOOK_*` settings of this module's service; a module that needs others overrides this."""
    return {}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, service_environment: Mapping[str, str]) -> Iterator[Service]:
    """The module's own service, ready; its log lies beside its data folder."""
    folder = tmp_path_factory.mktemp("service")
    with running(folder / "data", folder / "log", service_environment) as started:
        yield started


@pytest.fixture
def start_service(tmp_path: Path) -> Iterator[StartService]:
    """Starts as many services as a test needs and ends them all with it; for kills, restarts and other settings."""
    with ExitStack() as services:

        def start(data_dir: Path | None = None, **environment: str) -> Service:
            started = len(list(tmp_path.glob("log-*")))
            folder = data_dir or tmp_path / f"data-{started}"
            return services.enter_context(running(folder, tmp_path / f"log-{started}", environment))

        yield start


@contextmanager
def running(data_dir: Path, log_path: Path, environment: Mapping[str, str]) -> Generator[Service]:
    """`openbook serve` until the block ends, ready; nothing of it is left afterwards, whatever happened."""
    port = int(environment.get("OPENBOOK_PORT") or free_port())
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("OPENBOOK_")}
    settings = {
        "OPENBOOK_DATA_DIR": str(data_dir),
        "OPENBOOK_PORT": str(port),
        "COLUMNS": "200",
        "OPENBOOK_PARSE_PROCESSES": "1",
        "OPENBOOK_REQUESTS_PER_MINUTE": "1000000",  # a test asks as fast as the machine lets it, with one key
        **environment,
    }
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "serve"],
            env=inherited | settings,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_ready(url, process, log_path)
        key = environment.get("OPENBOOK_ADMIN_KEY") or (data_dir / "admin.key").read_text().strip()
        yield Service(url, key, data_dir, process, log_path)
    finally:
        end(process)


def wait_until_ready(url: str, process: subprocess.Popen[bytes], log_path: Path) -> None:
    """Return once /readyz says so; fail with the log when the process ends or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            pytest.fail(f"the service ended with {process.returncode}:\n{log_path.read_text(errors='replace')}")
        try:
            if httpx.get(f"{url}/readyz", timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            time.sleep(0.2)
    pytest.fail(f"the service was not ready in {START_SECONDS} s:\n{log_path.read_text(errors='replace')}")


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask the service to stop, then end every process of its group for certain."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
    kill_group(process)
    process.wait()


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL to whatever is left of the service's process group."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return  # all had ended


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
