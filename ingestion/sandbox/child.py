"""The child that parses: limits itself, then answers one request after the other until its pipe ends.

Run as `python -m ingestion.sandbox.child PARENT MEMORY_BYTES TIMEOUT_SECONDS`, by `Sandbox` alone.
"""

import gc
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Mapping
from typing import BinaryIO, cast

import orjson

from ingestion import page_count
from ingestion.errors import TOO_MUCH_MEMORY, IngestionError, ParseLimit
from ingestion.parsed_json import dump
from ingestion.parsers.docx import archive
from ingestion.parsers.pdf import parser as pdf
from ingestion.parsers.registry import PARSERS
from ingestion.redaction.redaction import redact
from ingestion.sandbox import page_image
from ingestion.sandbox.limits import limit
from ingestion.sandbox.protocol import ARRIVED, LENGTH, Asked, tell_pages
from retrieval.types import Box

# A child's life: to start one takes 0.7 s, as long as a thousand notes. What libraries leak is bounded by its growth.
_REQUESTS = 5000
_GROWTH_SHARE = 4  # past a fourth of the memory that parsing may take it is replaced
_GRACE_SECONDS = 5


Task = Callable[[Asked, bytes], bytes | None]


def parse(asked: Asked, content: bytes) -> bytes:
    """Return the parsed document, without the personal data that was named, as `parsed_json` writes it."""
    return dump(redact(PARSERS[asked.media_type].parse(content), asked.redact))


def unlock(asked: Asked, content: bytes) -> bytes | None:
    """Open the file as a test; return its decrypted bytes where it needed the password, else None."""
    match asked.media_type:
        case "application/pdf":
            return pdf.unlock(content, asked.password)
        case "application/vnd.openxmlformats-officedocument.wordprocessingml.document":
            archive.check(content)
        case _:
            pass  # any bytes can be read as text
    return None


def render(asked: Asked, content: bytes) -> bytes:
    """Return a PDF's page as PNG with the boxes marked."""
    return page_image.render(content, asked.page, asked.boxes, asked.scale)


def picture(asked: Asked, content: bytes) -> bytes:
    """Return a PDF's page as PNG in grey."""
    return page_image.picture(content, asked.page, asked.scale, asked.rotation)


def serve(tasks: Mapping[str, Task]) -> None:
    """Answer requests until the pipe ends or the child is spent."""
    parent, memory_bytes, timeout_seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    requests, replies = _pipes()
    limit(parent, _status_bytes("VmSize") + memory_bytes)  # libraries map far more than they use: that is no parsing
    page_count.tell_to(lambda done, total: _tell(replies, done, total))
    gc.freeze()  # what the imports made lives as long as the child
    base = _status_bytes("VmRSS")
    for number in range(1, _REQUESTS + 1):
        head, content = _receive(requests), _receive(requests)
        if head is None or content is None:
            return
        replies.write(ARRIVED)
        replies.flush()
        _start_clock(timeout_seconds)
        answer, body = _answer(tasks, _asked(head), content)
        signal.setitimer(signal.ITIMER_REAL, 0)
        del content
        spent = number == _REQUESTS or _status_bytes("VmRSS") - base > memory_bytes // _GROWTH_SHARE
        _send(replies, orjson.dumps({**answer, "spent": spent}))
        _send(replies, body)
        replies.flush()
        if spent:
            return


def _answer(tasks: Mapping[str, Task], asked: Asked, content: bytes) -> tuple[dict[str, str | bool], bytes]:
    try:
        body = tasks[asked.task](asked, content)
    except IngestionError as error:
        return {"code": error.code, "message": str(error)}, b""
    except MemoryError:
        return {"code": ParseLimit.code, "message": TOO_MUCH_MEMORY}, b""
    except RecursionError:
        return {"code": ParseLimit.code, "message": "the file nests too deeply"}, b""
    except Exception as error:  # noqa: BLE001 - a library's bug on this file; the next file gets its chance
        return {"code": "parser_crashed", "message": f"the parser failed with {type(error).__name__}"}, b""
    return {"code": "done", "message": "", "none": body is None}, body or b""


def _asked(head: bytes) -> Asked:
    fields = cast("dict[str, object]", orjson.loads(head))
    boxes = tuple(cast("Box", tuple(box)) for box in cast("list[list[float]]", fields.pop("boxes")))
    return Asked(**fields, boxes=boxes)  # pyright: ignore[reportArgumentType] - the parent writes an Asked, field by field


def _pipes() -> tuple[BinaryIO, BinaryIO]:
    """The two pipes under new numbers; what libraries print or read goes nowhere."""
    requests, replies = os.dup(0), os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)
    os.close(nowhere)
    return os.fdopen(requests, "rb"), os.fdopen(replies, "wb")


def _start_clock(timeout_seconds: float) -> None:
    """Die by oneself soon after the parent's own clock runs out, should it no longer be there to kill."""
    signal.setitimer(signal.ITIMER_REAL, timeout_seconds + _GRACE_SECONDS)
    processor = int(time.process_time() + timeout_seconds) + _GRACE_SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (processor, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def _receive(pipe: BinaryIO) -> bytes | None:
    head = pipe.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    frame = pipe.read(length)
    return frame if len(frame) == length else None


def _send(pipe: BinaryIO, frame: bytes) -> None:
    pipe.write(LENGTH.pack(len(frame)))
    pipe.write(frame)


def _tell(pipe: BinaryIO, done: int, total: int) -> None:
    _send(pipe, tell_pages(done, total))
    pipe.flush()


def _status_bytes(key: str) -> int:
    """A figure of our own from /proc, which gives it in KiB."""
    with open("/proc/self/status", "rb") as status:  # noqa: PTH123 - asked with every request
        for line in status:
            if line.startswith(key.encode()):
                return int(line.split()[1]) * 1024
    return 0


if __name__ == "__main__":
    serve({"parse": parse, "unlock": unlock, "render": render, "picture": picture})
