"""A sandbox's child whose parser does what the file says: for tests of what a hostile file can do."""

import ctypes
import os
import signal
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from ingestion.errors import ParseLimit, Unreadable
from ingestion.parsed_json import dump
from ingestion.sandbox.child import serve
from ingestion.sandbox.protocol import Asked
from ingestion.types import Block, ParsedDocument

kept: list[bytearray] = []


def document(text: str) -> bytes:
    return dump(ParsedDocument("", (Block("paragraph", text),), (), {}, ()))


def obey(asked: Asked, content: bytes) -> bytes:
    order, _, rest = content.decode().partition(" ")
    match order:
        case "hang":
            while True:
                pass
        case "sleep":
            time.sleep(float(rest))
        case "ignore-alarm":
            signal.signal(signal.SIGALRM, signal.SIG_IGN)
            time.sleep(60)
        case "abort":
            os.abort()
        case "segfault":
            ctypes.string_at(0)
        case "exit":
            os._exit(3)
        case "eat":
            _ = bytearray(4 << 30)
        case "keep":
            kept.append(bytearray(os.urandom(1) * (int(rest) << 20)))
        case "recurse":
            return obey(asked, content)
        case "flood":
            return document("x" * (8 << 20))
        case "garble":
            return b"no JSON"
        case "print":
            sys.stdout.write("noise on stdout")
            sys.stdout.flush()
            os.write(1, b"more noise")
            os.write(2, b"and on stderr")
            return document(str(sys.stdin.read()))
        case "damaged":
            raise Unreadable("it is damaged")
        case "limit":
            raise ParseLimit("it is too much")
        case "bug":
            raise ZeroDivisionError
        case _:
            return document(probe(order, rest))
    return document("done")


def probe(order: str, rest: str) -> str:
    """Try what a parser has no business to do, and tell how that went."""
    try:
        match order:
            case "write":
                Path(rest).write_bytes(b"x" * 100)
            case "open-many":
                with ExitStack() as files:
                    for _ in range(100):
                        files.enter_context(Path(os.devnull).open(encoding="ascii"))
            case "environment":
                return " ".join(sorted(os.environ))
            case "pid":
                return str(os.getpid())
            case _:
                return rest
    except OSError as error:
        return type(error).__name__
    return "allowed"


if __name__ == "__main__":
    serve({"parse": obey, "unlock": obey})
