"""A sandbox's child that is at work whenever its worker dies: it tells of a page at once, and sleeps over the next."""

import time

from ingestion import page_count
from ingestion.sandbox.child import parse, serve
from ingestion.sandbox.protocol import Asked

LINGER_SECONDS = 60.0


def linger(asked: Asked, content: bytes) -> bytes:
    page_count.page_done(1, 2)
    time.sleep(LINGER_SECONDS)
    return parse(asked, content)


if __name__ == "__main__":
    serve({"parse": linger})
