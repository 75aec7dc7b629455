"""Tesseract on one picture: a process of its own under the limits of parsing, killed when it takes too long."""

import csv
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from typing import IO

from ingestion.errors import IngestionError
from ingestion.sandbox import limits
from retrieval.types import Box

_BINARY = "tesseract"
_ENVIRONMENT = {"PATH": os.defpath, "OMP_THREAD_LIMIT": "1"}  # its threads would spin more than they help
_LAYOUT = ("--psm", "3")  # blocks, columns and lines by itself; its guess of the orientation (1) errs on short pages
_WORD = "5"
_CLOSE_SECONDS = 5.0
_LIST_SECONDS = 30.0
_LOOK_SECONDS = 0.5


class NotRecognised(IngestionError):
    """The picture was not read; the message goes on a sentence that names the page, and says the way out."""

    code = "not_recognised"


@dataclass(frozen=True, slots=True)
class Word:
    """A word with its box in pixels from the picture's top left, and how sure Tesseract is of it, 0 to 100."""

    text: str
    box: Box
    confidence: float


Line = tuple[Word, ...]
Paragraph = tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Tesseract:
    """Reads pictures in these languages, named as Tesseract names them, joined by plus signs."""

    languages: str
    timeout_seconds: float
    memory_bytes: int

    def lacks(self) -> str | None:
        """What is not installed, with the way out; None when all is there."""
        if shutil.which(_BINARY, path=os.defpath) is None:
            return "there is no tesseract: install it (Debian's package tesseract-ocr)"
        asked = [_BINARY, "--list-langs"]
        try:
            listed = subprocess.run(asked, capture_output=True, env=_ENVIRONMENT, check=False, timeout=_LIST_SECONDS)
        except subprocess.TimeoutExpired:
            return "tesseract does not answer"
        missing = sorted(set(self.languages.split("+")) - set(listed.stdout.decode(errors="replace").split()))
        if not missing:
            return None
        packages = ", ".join(f"tesseract-ocr-{language.lower().replace('_', '-')}" for language in missing)
        return f"tesseract lacks languages that OPENBOOK_OCR_LANGUAGES names: install them (Debian's {packages})"

    def paragraphs(self, png: bytes, dots_per_inch: int, look: Callable[[], None]) -> list[Paragraph]:
        """What stands on the picture, in reading order. Raises NotRecognised, and what `look` raises to end it."""
        return list(_paragraphs(self._asked(png, dots_per_inch, look)))

    def _asked(self, png: bytes, dots_per_inch: int, look: Callable[[], None]) -> str:
        bounds = (os.getpid(), self.memory_bytes, int(self.timeout_seconds) + 1)
        read = (_BINARY, "stdin", "stdout", "-l", self.languages, *_LAYOUT, "--dpi", str(dots_per_inch), "tsv")
        process = subprocess.Popen(  # it dies with this thread, which waits for it
            [sys.executable, "-I", "-S", limits.__file__, *map(str, bounds), *read],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_ENVIRONMENT,
            cwd="/",
            start_new_session=True,
        )
        try:
            said = self._said(process, png, look)
        finally:
            _end(process)
        if process.returncode != 0:
            raise NotRecognised(
                f"tesseract ended with status {process.returncode}, perhaps for want of memory "
                "(OPENBOOK_PARSE_MEMORY_MEBIBYTES)"
            )
        return said.decode(errors="replace")

    def _said(self, process: subprocess.Popen[bytes], png: bytes, look: Callable[[], None]) -> bytes:
        end_by = time.monotonic() + self.timeout_seconds
        pipe, process.stdin = process.stdin, None  # `communicate` sends no more once it was interrupted
        assert pipe is not None
        threading.Thread(target=_send, args=(pipe, png), name="tesseract-input", daemon=True).start()
        while True:
            try:
                said, _ = process.communicate(timeout=min(_LOOK_SECONDS, self.timeout_seconds))
            except subprocess.TimeoutExpired:
                look()
                if time.monotonic() >= end_by:
                    seconds = f"{self.timeout_seconds:g}"
                    raise NotRecognised(f"it took longer than {seconds} s (OPENBOOK_PARSE_TIMEOUT_SECONDS)") from None
            else:
                return said


def _send(pipe: IO[bytes], png: bytes) -> None:
    """Ends by itself when the process does."""
    with suppress(BrokenPipeError), pipe:
        pipe.write(png)


def _end(process: subprocess.Popen[bytes]) -> None:
    """However it ends, nothing of it stays."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(_CLOSE_SECONDS)
    if process.stdout is not None:
        process.stdout.close()


def _paragraphs(table: str) -> Iterator[Paragraph]:
    rows = csv.DictReader(table.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    words = [row for row in rows if row["level"] == _WORD and (row["text"] or "").strip()]
    for _, paragraph in groupby(words, key=lambda row: (row["block_num"], row["par_num"])):
        yield tuple(
            tuple(_word(row) for row in line) for _, line in groupby(paragraph, key=lambda row: row["line_num"])
        )


def _word(row: dict[str, str]) -> Word:
    left, top, width, height = (float(row[side]) for side in ("left", "top", "width", "height"))
    return Word(row["text"].strip(), (left, top, left + width, top + height), float(row["conf"]))
