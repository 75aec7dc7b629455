"""Parses in pooled children that can be killed: a file may hang, crash or bloat a child, and never this process."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

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
from ingestion.sandbox.protocol import Asked
from ingestion.sandbox.running_child import Gone, RunningChild, Watch, unwatched
from ingestion.types import MediaType, ParsedDocument, PersonalKind
from retrieval.types import Box

_CHILD = "ingestion.sandbox.child"
_ROOT = Path(__file__).resolve().parents[2]
_IDLE_SECONDS = 60.0
_TIME_SIGNALS = (signal.SIGALRM, signal.SIGXCPU)
_TOO_SLOW = "the file took longer than {:g} s to parse (OPENBOOK_PARSE_TIMEOUT_SECONDS)"
_ERRORS: dict[str, type[IngestionError]] = {
    error.code: error for error in (ParseError, Unreadable, ParseLimit, PasswordRequired, ParserCrashed)
}


@dataclass(slots=True, eq=False)
class Sandbox:
    """Children that parse, started when first needed and ended when long unused; any thread may ask.

    At most `processes` work for whoever names a `timeout_seconds` of its own, and as many for everybody else, so that
    neither waits for the other. `memory_bytes` is what parsing one file may add to a child, `output_bytes` what may
    come back, `module` what the children run.
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
    _idle: list[RunningChild] = field(init=False, default_factory=list[RunningChild])
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
        watch: Watch = unwatched,
        timeout_seconds: float | None = None,
    ) -> bytes:
        """Like `parse`, as the bytes that the child sent, which `parsed_json.load` may find to make no sense.

        `timeout_seconds` is for who has less patience than the sandbox, and does not wait for who has more.
        """
        asked = Asked("parse", media_type, redact=tuple(redact))
        try:
            return self._ask(asked, content, watch, timeout_seconds) or b""
        except (ParseError, ParserCrashed) as error:
            raise type(error)(f"{name}: {error}") from error

    def unlock(self, content: BinaryIO, media_type: MediaType, password: str | None) -> bytes | None:
        """Open the file as a test; gives the decrypted bytes of a PDF that needed the password, else None.

        It is read when its turn comes: of files that wait for a child, none is in memory. Raises PasswordRequired for
        no or a wrong password, Unreadable, ParseLimit or ParserCrashed.
        """
        return self._ask(Asked("unlock", media_type, password=password), content)

    def render(self, content: bytes, number: int, boxes: Sequence[Box], scale: float) -> bytes:
        """Return page `number` (from 1) of a PDF as PNG, `scale` pixels per point, the boxes marked.

        Raises Unreadable where there is no such page, ParseLimit or ParserCrashed.
        """
        asked = Asked("render", "application/pdf", page=number, boxes=tuple(boxes), scale=scale)
        return self._ask(asked, content) or b""

    def picture(self, content: bytes, number: int, scale: float, rotation: int, watch: Watch = unwatched) -> bytes:
        """Return page `number` (from 1) of a PDF as PNG in grey, turned by so many degrees; raises as `render`."""
        asked = Asked("picture", "application/pdf", page=number, scale=scale, rotation=rotation)
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
        asked: Asked,
        content: bytes | BinaryIO,
        watch: Watch = unwatched,
        timeout_seconds: float | None = None,
    ) -> bytes | None:
        head = orjson.dumps(asked)
        patience = self.timeout_seconds if timeout_seconds is None else min(timeout_seconds, self.timeout_seconds)
        with self._places if timeout_seconds is None else self._quick_places:
            whole = content if isinstance(content, bytes) else content.read()
            while True:
                child = self._take()
                try:
                    answer, body = child.ask(head, whole, watch, patience, self.output_bytes)
                except Gone as gone:
                    status = child.end()
                    if gone.arrived or not child.answered:
                        raise _death(status, asked.media_type) from None
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

    def _settled(self, child: RunningChild, answer: bytes, body: bytes) -> bytes | None:
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

    def _take(self) -> RunningChild:
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

    def _give_back(self, child: RunningChild, *, is_spent: bool) -> None:
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

    def _start(self) -> RunningChild:
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
        return RunningChild(process, process.stdin, process.stdout)


def _death(status: int, media_type: MediaType) -> IngestionError:
    if -status in _TIME_SIGNALS:
        return TookTooLong("the file took longer than parsing may take (OPENBOOK_PARSE_TIMEOUT_SECONDS)")
    if -status == signal.SIGABRT and media_type == "application/pdf":  # a failed check of its own is a trap instead
        return ParseLimit(f"PDFium gave up (SIGABRT), as it does when {TOO_MUCH_MEMORY}")
    cause = signal.Signals(-status).name if status < 0 else f"exit status {status}"
    return ParserCrashed(f"the parser died ({cause})")
