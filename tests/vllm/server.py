"""A real vLLM server on the CPU, with a model of the tests: a process group that ends as a whole."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import httpx

from tests.vllm.tiny_model import WINDOW

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".vllm-venv" / "bin" / "python"
MODEL = "tiny"
ADAPTERS = ("brief", "boiling")
SEQUENCES = 64
_START_SECONDS = 600.0  # it takes 30 on two quiet cores
_END_SECONDS = 15.0
_DIES_WITH_PARENT = 1  # PR_SET_PDEATHSIG


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@dataclass(slots=True)
class VllmServer:
    """`arguments` are those of vLLM's own command; the log is written to the folder."""

    folder: Path
    arguments: Sequence[str]
    port: int = field(default_factory=_free_port)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        return f"{self.root}/v1"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.launch()
        self.wait()

    def launch(self) -> None:
        """Start it, without a wait: two servers may start side by side."""
        with (self.folder / "vllm.log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command(),
                env=_environment(self.folder),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - nothing else runs in this process
            )

    def wait(self) -> None:
        """Until it answers; raises with the end of its log when it does not."""
        assert self._process is not None
        deadline = time.monotonic() + _START_SECONDS
        while not self.is_healthy():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.end()
                raise RuntimeError(f"vLLM did not start:\n{self.log()}")
            time.sleep(0.2)

    def end(self) -> None:
        """End the whole group, and wait until nothing is left of it."""
        if self._process is None:
            return
        group, self._process = self._process, None
        for signalled in (signal.SIGTERM, signal.SIGKILL):
            _signal_group(group.pid, signalled)
            deadline = time.monotonic() + _END_SECONDS
            while (group.poll() is None or _members(group.pid)) and time.monotonic() < deadline:
                time.sleep(0.05)
        if left := _members(group.pid):
            raise RuntimeError(f"processes of vLLM are left: {left}")

    def signal_server(self, signalled: signal.Signals) -> None:
        """Signal the process that speaks HTTP, and no other."""
        assert self._process is not None
        os.kill(self._process.pid, signalled)

    def signal_engine(self, signalled: signal.Signals) -> None:
        """Signal the process that runs the model, and no other."""
        assert self._process is not None
        (engine,) = [pid for pid in _members(self._process.pid) if "EngineCore" in _name(pid)]
        os.kill(engine, signalled)

    def is_healthy(self) -> bool:
        try:
            return httpx.get(f"{self.root}/health", timeout=2, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False

    def requests(self, state: Literal["running", "waiting"]) -> float:
        """How many requests the engine works on, or has not begun with, as the server tells it."""
        for line in httpx.get(f"{self.root}/metrics", timeout=60, trust_env=False).text.splitlines():
            if line.startswith(f"vllm:num_requests_{state}{{"):
                return float(line.rpartition(" ")[2])
        raise AssertionError(f"the server does not say how many requests are {state}")

    def log(self) -> str:
        """The end of what it wrote."""
        return (self.folder / "vllm.log").read_text(encoding="utf-8", errors="replace")[-8000:]

    def _command(self) -> list[str]:
        return [
            *(str(PYTHON), "-m", "vllm.entrypoints.openai.api_server"),
            *("--host", "127.0.0.1", "--port", str(self.port)),
            *("--dtype", "float32", "--enforce-eager", "--uvicorn-log-level", "warning"),
            *self.arguments,
        ]


def writing(folder: Path) -> VllmServer:
    """One that writes: the folder holds the model and the adapters, each in a folder of its name."""
    adapters = [f"{name}={folder / name}" for name in ADAPTERS]
    arguments = (
        *("--model", str(folder / MODEL), "--served-model-name", MODEL),
        *("--enable-lora", "--max-lora-rank", "8", "--lora-modules", *adapters, "--enable-prefix-caching"),
        *("--max-model-len", str(WINDOW), "--max-num-seqs", str(SEQUENCES)),
        *("--structured-outputs-config", '{"backend": "xgrammar", "disable_any_whitespace": true}'),
    )
    return VllmServer(folder, arguments)


def pooling(folder: Path, model: Path, name: str) -> VllmServer:
    """One that embeds texts or judges pairs by a model that does; its log goes to the folder."""
    return VllmServer(folder, ("--model", str(model), "--served-model-name", name, "--runner", "pooling"))


def _environment(folder: Path) -> dict[str, str]:
    """Nothing of the caller's but where programs lie; nothing that asks the network, compiles or binds to cores."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "HF_HUB_OFFLINE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        "OMP_NUM_THREADS": "1",
        "TORCHDYNAMO_DISABLE": "1",
    }


def _die_with_parent() -> None:
    """Where Linux can do it: what is left of a killed test run does not linger."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DIES_WITH_PARENT, signal.SIGTERM)


def _signal_group(group: int, signalled: signal.Signals) -> None:
    try:
        os.killpg(group, signalled)
    except ProcessLookupError:
        return


def _members(group: int) -> list[int]:
    """The living processes of a group."""
    found: list[int] = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, member_of = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[:3]
        except (OSError, ValueError):
            continue
        if int(member_of) == group and state != "Z":
            found.append(int(stat.parent.name))
    return found


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""
