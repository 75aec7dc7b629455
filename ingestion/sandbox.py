"""Parses in pooled children that can be killed: a file may hang, crash or bloat a child, and never this process."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from select import POLLIN, POLLOUT, poll
from struct import Struct
from typing import IO, BinaryIO, Protocol, cast

import orjson

from ingestion.errors import (
    TOO_MUCH_MEMORY,
    IngestionError,
    ParseError,
    ParseLimit,
    ParserCrashed,
    PasswordRequired,
    TookTooLong,
    Unreadable,
)
from ingestion.parsed_json import load
from ingestion.types import MediaType, ParsedDocument, PersonalKind
from retrieval.types import Box

_CHILD = "ingestion.sandbox_child"
_ROOT = Path(__file__).resolve().parent.parent
_START_SECONDS = 60.0  # until a child has imported its libraries, on a busy machine, and taken in the file
_IDLE_SECONDS = 60.0
_HEAD_BYTES = 65_536
_READ_BYTES = 1 << 20
_LOOK_SECONDS = 0.25
_LENGTH = Struct("<Q")
_PAGES = Struct("<II")
PAGES = b"pages"
_TIME_SIGNALS = (signal.SIGALRM, signal.SIGXCPU)
_TOO_SLOW = "the file took longer than {:g} s to parse (OPENBOOK_PARSE_TIMEOUT_SECONDS)"
_ERRORS: dict[str, type[IngestionError]] = {
    error.code: error for error in (ParseError, Unreadable, ParseLimit, PasswordRequired, ParserCrashed)
}


class Watch(Protocol):
    """Looks on while a file is parsed; whatever it raises kills the child."""

    def __call__(self, done: int | None, total: int | None) -> None:
        """So many pages of so many are done, or None and None when nothing is new for a moment."""
        ...


def _unwatched(done: int | None, total: int | None) -> None:
    """For who waits anyway."""


class _Gone(Exception):
    """The child died or closed its pipes; `arrived` says whether it had the whole request by then."""

    def __init__(self, *, arrived: bool) -> None:
        super().__init__()
        self.arrived = arrived


@dataclass(slots=True, eq=False)
class _Child:
    """A running child and its two pipes; used by one thread at a time."""

    process: subprocess.Popen[bytes]
    requests: IO[bytes]
    replies: IO[bytes]
    answered: int = 0
    idle_since: float = 0.0

    def ask(
        self, head: bytes, content: bytes, watch: Watch, timeout_seconds: float, output_bytes: int
    ) -> tuple[bytes, bytes]:
        """Return the reply's two frames; raises _Gone, TimeoutError, or OverflowError past `output_bytes`.

        On the way `watch` hears of the pages; what it raises ends the question.
        """
        start_by = time.monotonic() + _START_SECONDS
        for part in (_LENGTH.pack(len(head)), head, _LENGTH.pack(len(content)), content):
            self._write(part, start_by)
        self._read(1, start_by, watch, arrived=False)
        end_by = time.monotonic() + timeout_seconds
        while (answer := self._read_frame(_HEAD_BYTES, end_by, watch)).startswith(PAGES):
            watch(*_PAGES.unpack(answer[len(PAGES) :]))
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
            self._wait(self.requests, POLLOUT, end_by, _unwatched)
            try:
                rest = rest[os.write(self.requests.fileno(), rest) :]
            except BlockingIOError:
                continue
            except BrokenPipeError:
                raise _Gone(arrived=False) from None

    def _read_frame(self, most: int, end_by: float, watch: Watch) -> bytes:
        (length,) = _LENGTH.unpack(self._read(_LENGTH.size, end_by, watch, arrived=True))
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
                raise _Gone(arrived=arrived)
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


@dataclass(slots=True, eq=False)
class Sandbox:
    """At most `processes` children, and as many again for who has patience; any thread may ask.

    They are started when first needed and ended when long unused.

    `memory_bytes` is what parsing one file may add to a child, `output_bytes` what may come back, `module` what the
    children run.
    """

    processes: int
    timeout_seconds: float
    memory_bytes: int
    output_bytes: int
    module: str = _CHILD
    idle_seconds: float = _IDLE_SECONDS
    _places: threading.Semaphore = field(init=False)
    _quick_places: threading.Semaphore = field(init=False)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)
    _idle: list[_Child] = field(init=False, default_factory=list[_Child])
    _starter: ThreadPoolExecutor = field(init=False)
    _sweep: threading.Timer | None = field(init=False, default=None)
    _closed: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self._places = threading.Semaphore(self.processes)
        self._quick_places = threading.Semaphore(self.processes)
        # One thread starts every child and lives as long as the sandbox: the kernel takes the end of the thread that
        # started a child for the death of its parent.
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="sandbox-starter")

    def parse(
        self, content: bytes, media_type: MediaType, name: str, redact: Sequence[PersonalKind] = ()
    ) -> ParsedDocument:
        """Return the parsed document, without personal data of the kinds named.

        Raises Unreadable, ParseLimit or ParserCrashed, each naming the file.
        """
        try:
            return load(self.read(content, media_type, name, redact))
        except ValueError as error:
            raise ParserCrashed(f"{name}: the parser's reply makes no sense") from error

    def read(
        self,
        content: bytes,
        media_type: MediaType,
        name: str,
        redact: Sequence[PersonalKind] = (),
        watch: Watch = _unwatched,
        timeout_seconds: float | None = None,
    ) -> bytes:
        """Like `parse`, as the bytes that the child sent, which `parsed_json.load` may find to make no sense.

        `timeout_seconds` is for who has less patience than the sandbox, and does not wait for who has more.
        """
        asked = {"task": "parse", "media_type": media_type, "redact": redact}
        try:
            return self._ask(asked, content, watch, timeout_seconds) or b""
        except (ParseError, ParserCrashed) as error:
            raise type(error)(f"{name}: {error}") from error

    def unlock(self, content: BinaryIO, media_type: MediaType, password: str | None) -> bytes | None:
        """Open the file as a test; gives the decrypted bytes of a PDF that needed the password, else None.

        It is read when its turn comes: of files that wait for a child, none is in memory. Raises PasswordRequired for
        no or a wrong password, Unreadable, ParseLimit or ParserCrashed.
        """
        return self._ask({"task": "unlock", "media_type": media_type, "password": password}, content)

    def render(self, content: bytes, number: int, boxes: Sequence[Box], scale: float) -> bytes:
        """Return page `number` (from 1) of a PDF as PNG, `scale` pixels per point, the boxes marked.

        Raises Unreadable where there is no such page, ParseLimit or ParserCrashed.
        """
        asked = {"task": "render", "media_type": "application/pdf", "page": number, "boxes": boxes, "scale": scale}
        return self._ask(asked, content) or b""

    def picture(self, content: bytes, number: int, scale: float, rotation: int, watch: Watch = _unwatched) -> bytes:
        """Return page `number` (from 1) of a PDF as PNG in grey, turned by so many degrees; raises as `render`."""
        asked = {
            "task": "picture",
            "media_type": "application/pdf",
            "page": number,
            "scale": scale,
            "rotation": rotation,
        }
        return self._ask(asked, content, watch) or b""

    def close(self) -> None:
        """End all children; whoever still waits for one gets ParserCrashed."""
        with self._lock:
            self._closed = True
            children, self._idle = self._idle, []
            if self._sweep is not None:
                self._sweep.cancel()
        for child in children:
            child.end()
        self._starter.shutdown()

    def _ask(
        self,
        asked: Mapping[str, object],
        content: bytes | BinaryIO,
        watch: Watch = _unwatched,
        timeout_seconds: float | None = None,
    ) -> bytes | None:
        head = orjson.dumps({"boxes": (), **asked})
        patience = self.timeout_seconds if timeout_seconds is None else min(timeout_seconds, self.timeout_seconds)
        with self._places if timeout_seconds is None else self._quick_places:
            whole = content if isinstance(content, bytes) else content.read()
            while True:
                child = self._take()
                try:
                    answer, body = child.ask(head, whole, watch, patience, self.output_bytes)
                except _Gone as gone:
                    status = child.end()
                    if gone.arrived or not child.answered:
                        raise _death(status, asked["media_type"]) from None
                    continue  # it died of something else while nobody looked: the next child is asked
                except TimeoutError:
                    child.end()
                    raise TookTooLong(_TOO_SLOW.format(patience)) from None
                except OverflowError:
                    child.end()
                    raise ParseLimit(f"the file gives more than {self.output_bytes >> 20} MiB of text") from None
                except BaseException:
                    child.end()
                    raise
                return self._settled(child, answer, body)

    def _settled(self, child: _Child, answer: bytes, body: bytes) -> bytes | None:
        try:
            reply = cast("dict[str, str | bool]", orjson.loads(answer))
            code, message, is_spent = str(reply["code"]), str(reply["message"]), bool(reply["spent"])
        except (KeyError, TypeError, ValueError):
            child.end()
            raise ParserCrashed("the parser's reply makes no sense") from None
        self._give_back(child, is_spent=is_spent)
        if code != "done":
            raise _ERRORS.get(code, ParserCrashed)(message)
        return None if reply.get("none") else body

    def _take(self) -> _Child:
        while True:
            with self._lock:
                if self._closed:
                    raise ParserCrashed("the sandbox is closed")
                child = self._idle.pop() if self._idle else None
            if child is None:
                return self._starter.submit(self._start).result()
            if child.process.poll() is None:
                return child
            child.end()

    def _give_back(self, child: _Child, *, is_spent: bool) -> None:
        child.answered += 1
        child.idle_since = time.monotonic()
        with self._lock:
            keep = not is_spent and not self._closed
            if keep:
                self._idle.append(child)
                self._plan_sweep()
        if not keep:
            child.end()

    def _plan_sweep(self) -> None:
        if self._sweep is None and not self._closed:
            self._sweep = threading.Timer(self.idle_seconds, self._end_idle)
            self._sweep.daemon = True
            self._sweep.start()

    def _end_idle(self) -> None:
        long_ago = time.monotonic() - self.idle_seconds
        with self._lock:
            ended = [child for child in self._idle if child.idle_since <= long_ago]
            self._idle = [child for child in self._idle if child.idle_since > long_ago]
            self._sweep = None
            if self._idle:
                self._plan_sweep()
        for child in ended:
            child.end()

    def _start(self) -> _Child:
        arguments = (os.getpid(), self.memory_bytes, self.timeout_seconds)
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", self.module, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env={
                "PATH": os.defpath,
                "PYTHONPATH": str(_ROOT),
                "PYTHONUTF8": "1",
                "OPENBLAS_NUM_THREADS": "1",  # its threads reserve memory, and nothing here multiplies matrices
            },
            cwd="/",
            start_new_session=True,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        os.set_blocking(process.stdin.fileno(), False)
        return _Child(process, process.stdin, process.stdout)


def _death(status: int, media_type: object) -> IngestionError:
    if -status in _TIME_SIGNALS:
        return TookTooLong("the file took longer than parsing may take (OPENBOOK_PARSE_TIMEOUT_SECONDS)")
    if -status == signal.SIGABRT and media_type == "application/pdf":  # a failed check of its own is a trap instead
        return ParseLimit(f"PDFium gave up (SIGABRT), as it does when {TOO_MUCH_MEMORY}")
    cause = signal.Signals(-status).name if status < 0 else f"exit status {status}"
    return ParserCrashed(f"the parser died ({cause})")
