"""One parsing child for all services of a test process: to start one takes longer than what most tests have it read."""

import atexit
from dataclasses import replace
from functools import cache

from app.wiring import Services
from ingestion.sandbox.sandbox import Sandbox


def sharing_a_child(built: Services) -> Services:
    """The same services with that child, which does not end when `built` is closed."""
    shared = _shared()
    ocr = replace(built.pipeline.ocr, sandbox=shared)
    return replace(
        built,
        sandbox=shared,
        intake=replace(built.intake, sandbox=shared),
        pipeline=replace(built.pipeline, sandbox=shared, ocr=ocr),
    )


@cache
def _shared() -> Sandbox:
    started = Sandbox(1, 60.0, 512 << 20, 64 << 20)
    atexit.register(started.close)
    return started
