"""SIGKILL of the worker in and after every step: nothing is lost, nothing doubled, indexes and database agree."""

import io
import shutil
import time
from contextlib import suppress
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest

from ingestion.intake import IncomingFile
from tests.acceptance import lingering_child
from tests.acceptance.killed_worker import Death
from tests.acceptance.workers import (
    assert_killed,
    assert_whole,
    services_of,
    settings_of,
    upload_notes,
    wait_until_drained,
    worker,
    worker_here,
)
from tests.ingestion.files import PdfPage, Text, pdf, scanned

pytestmark = pytest.mark.timeout(300)

NOTES = 9
PAGES = ("Osmium is the densest stable element.", "It weighs 22.59 grams per cubic centimetre.")
SCAN = scanned(pdf(*(PdfPage([Text(20, 60, said, 14)], media=(0, 0, 320, 90)) for said in PAGES)))

POINTS = [
    ("queue.claim", "inside", 1),
    ("queue.claim", "after", 1),
    ("queue.heartbeat", "inside", 1),
    ("queue.heartbeat", "after", 1),
    ("queue.fail", "inside", 1),
    ("queue.fail", "after", 1),
    ("queue.postpone", "inside", 1),
    ("queue.postpone", "after", 1),
    ("queue.release", "inside", 1),
    ("queue.release", "after", 1),
    ("sandbox.read", "after", 1),
    ("sandbox.read", "after", 5),
    ("versions.save_parsed", "inside", 1),
    ("versions.save_parsed", "after", 1),
    ("embedder.embed_passages", "after", 1),
    ("versions.save_piece", "inside", 1),
    ("versions.save_piece", "after", 2),
    ("versions.publish", "before", 1),
    ("versions.publish", "inside", 1),
    ("versions.publish", "after", 1),
    ("versions.publish", "inside", 2),
]


@pytest.mark.parametrize(("point", "moment", "nth"), POINTS, ids=str)
def test_a_killed_worker_loses_nothing_and_doubles_nothing(
    database_url: str, tmp_path: Path, point: str, moment: str, nth: int
) -> None:
    environment = settings_of(database_url, tmp_path)
    with services_of(environment) as services:
        chunks = upload_notes(services, NOTES)
        with worker(environment, Death(point, moment, nth)) as killed:
            assert_killed(killed)
        with worker_here(services):
            wait_until_drained(services, NOTES + 1)
        assert_whole(services, NOTES + 1, chunks)


@pytest.mark.parametrize("moment", ["inside", "after"])
def test_a_child_at_work_ends_with_its_killed_worker(database_url: str, tmp_path: Path, moment: str) -> None:
    environment = settings_of(database_url, tmp_path)
    with services_of(environment) as services:
        chunks = upload_notes(services, NOTES)
        with worker(environment, Death("queue.report", moment, 1)) as killed:
            assert_killed(killed)
        _wait_until_childless(killed)
        with worker_here(services):
            wait_until_drained(services, NOTES + 1)
        assert_whole(services, NOTES + 1, chunks)


@pytest.mark.skipif(shutil.which("tesseract") is None, reason="needs tesseract")
@pytest.mark.parametrize(("moment", "nth"), [("before", 1), ("before", 2), ("after", 2)])
def test_a_scan_whose_worker_is_killed_over_its_pages_is_read_once(
    database_url: str, tmp_path: Path, moment: str, nth: int
) -> None:
    environment = {**settings_of(database_url, tmp_path), "OPENBOOK_OCR_LANGUAGES": "eng"}
    with services_of(environment) as services:
        collection = services.collections.ensure("default", services.embedder.fingerprint).id
        services.intake.accept(IncomingFile("scan.pdf", io.BytesIO(SCAN), {}), collection)
        with worker(environment, Death("tesseract._said", moment, nth)) as killed:
            assert_killed(killed)
        with worker_here(services):
            wait_until_drained(services, 1)
        assert_whole(services, 1, 1, status="partial")


def _wait_until_childless(killed: ForkServerProcess) -> None:
    """Return once no child that parses for it is left; each names its worker in its command."""
    deadline = time.monotonic() + 5
    while children := _children_of(killed):
        assert time.monotonic() < deadline, f"outlived their worker: {children}"
        time.sleep(0.02)


def _children_of(worker: ForkServerProcess) -> list[str]:
    named = f"{lingering_child.__name__}\0{worker.pid}\0".encode()
    found: list[str] = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # ended while we looked
            if named in (process / "cmdline").read_bytes():
                found.append(process.name)
    return found
