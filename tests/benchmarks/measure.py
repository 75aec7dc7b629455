"""Timing, memory and tables: what every benchmark shares."""

import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

RELEVANT_FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "avx512_vnni")
TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Table:
    """One benchmark's result: rows of cells below a head, and sentences that say what was done."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()

    def markdown(self) -> str:
        """The table as it stands in docs/benchmarks.md, with machine, day and commit below it."""
        lines = [f"## {self.title}", "", _row(self.head), _row(["---"] * len(self.head))]
        lines += [_row(cells) for cells in self.rows]
        return "\n".join([*lines, "", *(f"- {note}" for note in (*self.notes, machine()))]) + "\n"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def machine() -> str:
    """Processor, memory, load, day and commit in one line."""
    cpu = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    fields = dict(line.split(":", 1) for line in cpu.split("\n\n", 1)[0].splitlines() if ":" in line)
    words = {name.strip(): value.strip() for name, value in fields.items()}
    flags = [flag for flag in RELEVANT_FLAGS if flag in words.get("flags", "").split()]
    kibibytes = int(Path("/proc/meminfo").read_text(encoding="utf-8").split(maxsplit=2)[1])
    cores = cpu.count("processor\t:")
    load = Path("/proc/loadavg").read_text(encoding="utf-8").split()[0]
    return (
        f"{words.get('model name', platform.machine())}, {cores} cores ({' '.join(flags)}), "
        f"{kibibytes / 2**20:.0f} GiB, Python {platform.python_version()}, load {load} at the end, "
        f"{datetime.now(UTC):%Y-%m-%d}, commit {commit()}"
    )


def commit() -> str:
    """The short hash of HEAD, marked when the tree differs from it."""
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=10"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return described.stdout.strip()


def milliseconds(call: Callable[[], object]) -> float:
    """How long one call takes."""
    start = time.perf_counter()
    call()
    return (time.perf_counter() - start) * 1000


def p50(values: Iterable[float]) -> float:
    return statistics.median(values)


def p95(values: Iterable[float]) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]


def wait_until(holds: Callable[[], bool], seconds: float, what: str, pause: float = 0.05) -> None:
    """Poll until it holds; raises TimeoutError naming what was waited for."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:.0f} s")
        time.sleep(pause)


def process_tree(root: int) -> list[int]:
    """The process and all its descendants."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            after_name = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue  # ended while we looked
        parents.setdefault(int(after_name[1]), []).append(int(stat.parent.name))
    tree = [root]
    for pid in tree:
        tree.extend(parents.get(pid, []))
    return tree


def processor_seconds(pid: int) -> float:
    """What the process has used, and those of its children that ended and were waited for."""
    return sum(_ticks(pid)) / TICK


def seconds_of_ended_children(pid: int) -> float:
    """What those of its children used that ended and were waited for."""
    return sum(_ticks(pid)[2:]) / TICK


def _ticks(pid: int) -> list[int]:
    """User and system time of the process, then of its ended children."""
    after_name = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    return [int(field) for field in after_name[11:15]]


def command_of(pid: int) -> str:
    """Its command line."""
    return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").replace("\0", " ")


def pss_mebibytes(pid: int) -> float:
    """A process's share of memory: pages that several processes hold count once in their sum."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


def has_loaded(pid: int, library: str) -> bool:
    """Whether a shared library of that name is mapped into the process."""
    return library in Path(f"/proc/{pid}/maps").read_text(encoding="utf-8")
