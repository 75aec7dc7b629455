"""A child that parses, as its parent holds it: a request in, a reply out, within a time, else it is killed."""

import os
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from select import POLLIN, POLLOUT, poll
from typing import IO, Protocol

from ingestion.sandbox.protocol import ARRIVED, LENGTH, pages_told

_START_SECONDS = 60.0  # until a child has imported its libraries, on a busy machine, and taken in the file
_HEAD_BYTES = 65_536
_READ_BYTES = 1 << 20
_LOOK_SECONDS = 0.25


class Watch(Protocol):
    """Looks on while a file is parsed; whatever it raises kills the child."""

    def __call__(self, done: int | None, total: int | None) -> None:
        """So many pages of so many are done, or None and None when nothing is new for a moment."""
        ...


def unwatched(done: int | None, total: int | None) -> None:
    """For who waits anyway."""


class Gone(Exception):
    """The child died or closed its pipes; `arrived` says whether it had the whole request by then."""

    def __init__(self, *, arrived: bool) -> None:
        super().__init__()
        self.arrived = arrived


@dataclass(slots=True, eq=False)
class RunningChild:
    """A running child and its two pipes; used by one thread at a time."""

    process: subprocess.Popen[bytes]
    requests: IO[bytes]
    replies: IO[bytes]
    answered: int = 0
    idle_since: float = 0.0

    def ask(
        self, head: bytes, content: bytes, watch: Watch, timeout_seconds: float, output_bytes: int
    ) -> tuple[bytes, bytes]:
        """Return the reply's two frames; raises Gone, TimeoutError, or OverflowError past `output_bytes`.

        On the way `watch` hears of the pages; what it raises ends the question.
        """
        start_by = time.monotonic() + _START_SECONDS
        for part in (LENGTH.pack(len(head)), head, LENGTH.pack(len(content)), content):
            self._write(part, start_by)
        self._read(len(ARRIVED), start_by, watch, arrived=False)
        end_by = time.monotonic() + timeout_seconds
        answer = self._read_frame(_HEAD_BYTES, end_by, watch)
        while (pages := pages_told(answer)) is not None:
            watch(*pages)
            answer = self._read_frame(_HEAD_BYTES, end_by, watch)
        return answer, self._read_frame(output_bytes, end_by, watch)

    def end(self) -> int:
        """Kill the child and all that it may have started; gives its exit status."""
        if self.process.returncode is None:
            with suppress(ProcessLookupError):  # it ended by itself a moment ago
                os.killpg(self.process.pid, signal.SIGKILL)
        self.requests.close()
        self.replies.close()
        return self.process.wait()

    def _write(self, content: bytes, end_by: float) -> None:
        rest = memoryview(content)
        while rest:
            self._wait(self.requests, POLLOUT, end_by, unwatched)
            try:
                rest = rest[os.write(self.requests.fileno(), rest) :]
            except BlockingIOError:
                continue
            except BrokenPipeError:
                raise Gone(arrived=False) from None

    def _read_frame(self, most: int, end_by: float, watch: Watch) -> bytes:
        (length,) = LENGTH.unpack(self._read(LENGTH.size, end_by, watch, arrived=True))
        if length > most:
            raise OverflowError
        return self._read(length, end_by, watch, arrived=True)

    def _read(self, length: int, end_by: float, watch: Watch, *, arrived: bool) -> bytes:
        pieces: list[bytes] = []
        left = length
        while left:
            self._wait(self.replies, POLLIN, end_by, watch)
            piece = os.read(self.replies.fileno(), min(left, _READ_BYTES))
            if not piece:
                raise Gone(arrived=arrived)
            pieces.append(piece)
            left -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _wait(self, pipe: IO[bytes], event: int, end_by: float, watch: Watch) -> None:
        waiting = poll()
        waiting.register(pipe, event)
        while not waiting.poll(max(0.0, min(end_by - time.monotonic(), _LOOK_SECONDS)) * 1000):
            if time.monotonic() >= end_by:
                raise TimeoutError
            watch(None, None)
