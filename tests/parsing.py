"""One parsing child for all services of a test process: to start one takes longer than what most tests have it read."""

import atexit
from dataclasses import replace
from functools import cache

import pytest

from app import serve
from app.settings import Settings
from app.wiring import Services, build, close
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


def let_own_services_share_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands that start a service within this process have that child parse as well."""
    built: list[Services] = []

    def build_sharing(settings: Settings) -> Services:
        built.append(build(settings))
        return sharing_a_child(built[-1])

    def close_all_but_it(_sharing: Services) -> None:
        close(built.pop())

    monkeypatch.setattr(serve, "build", build_sharing)
    monkeypatch.setattr(serve, "close", close_all_but_it)


@cache
def _shared() -> Sandbox:
    started = Sandbox(1, 60.0, 512 << 20, 64 << 20)
    atexit.register(started.close)
    return started
