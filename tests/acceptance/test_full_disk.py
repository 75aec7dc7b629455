"""A disk that is full: uploads are refused at once, questions answered, jobs wait; with room again all goes on."""

import os
import subprocess
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar, cast

import httpx
import pytest

from app.wiring import Services
from app.worker import make
from ingestion.types import WorkerId
from retrieval.ports import Embedder
from tests.app.running import Running, running
from tests.builders import Known

pytestmark = pytest.mark.timeout(300)

MEBIBYTE = 1 << 20
DISK_MEBIBYTES = 24
PATIENCE = 20.0
Reply = TypeVar("Reply")
NOTE = "# Gallium\n\nGallium melts at 29.8 degrees Celsius."


@dataclass(frozen=True, slots=True)
class Disk:
    """A small disk of its own."""

    folder: Path

    def fill(self) -> None:
        """Leave no byte."""
        with (self.folder / f"ballast-{time.monotonic_ns()}").open("ab", buffering=0) as ballast, suppress(OSError):
            for size in (MEBIBYTE, 4096, 1):
                with suppress(OSError):
                    while ballast.write(b"\0" * size) == size:
                        pass

    def free(self) -> None:
        """Make room again."""
        for ballast in self.folder.glob("ballast-*"):
            ballast.unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    size = f"size={DISK_MEBIBYTES}m"
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(folder)], capture_output=True, check=False)
    if mount.returncode:
        pytest.skip("a small disk of its own takes root and mount(8)")
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def service(disk: Disk, sqlite_template: Path) -> Iterator[Running]:
    with running(disk.folder, sqlite_template) as started:
        yield started


@contextmanager
def working(services: Services, **parts: Any) -> Generator[None]:
    """A worker in a thread, with these parts in the place of the pipeline's."""
    worker = make(replace(services, pipeline=replace(services.pipeline, **parts)), WorkerId("waiting"))
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        yield
    finally:
        worker.stop()
        thread.join(PATIENCE)


def wait_until(condition: Any, what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def found(client: httpx.Client) -> int:
    reply = client.post("/v1/search", json={"query": "gallium melts"})
    assert reply.status_code == 200, reply.text
    return len(reply.json()["hits"])


def at_once(ask: Callable[[], Reply]) -> list[Reply]:
    """Three replies, the quickest of them within a second: the others may have waited for a busy machine."""
    replies: list[Reply] = []
    seconds: list[float] = []
    for _ in range(3):
        began = time.monotonic()
        replies.append(ask())
        seconds.append(time.monotonic() - began)
    assert min(seconds) < 1, seconds
    return replies


def test_an_upload_to_a_full_disk_is_refused_at_once_and_questions_are_answered(service: Running, disk: Disk) -> None:
    service.upload("gallium.md", NOTE)
    service.read_all()
    with service.client(service.admin_secret) as client:
        assert found(client) == 1
        disk.fill()
        for size in (1000, 3 * MEBIBYTE):  # one is small enough for memory, the other is spooled by the form parser
            files = {"file": ("more.txt", os.urandom(size // 2).hex())}
            for refused in at_once(lambda files=files: client.post("/v1/admin/documents", files=files)):
                assert refused.status_code in {503, 507}, refused.text
                assert "retry-after" in refused.headers
        assert at_once(lambda: found(client)) == [1, 1, 1]
        question = {"question": "When does gallium melt?"}
        for answer in at_once(lambda: client.post("/v1/answers", json=question)):
            assert answer.status_code == 200, answer.text
        disk.free()
        again = service.upload("more.md", "# Indium\n\nIndium melts at 156.6 degrees Celsius. So gallium melts first.")
        service.read_all()
        assert client.get(f"/v1/documents/{again['id']}").json()["status"] == "ready"
        assert found(client) == 2


def test_a_collection_that_is_first_opened_on_a_full_disk_says_so_and_opens_once_there_is_room(
    service: Running, disk: Disk
) -> None:
    service.upload("gallium.md", NOTE)
    service.read_all()
    with service.client(service.admin_secret) as client:
        disk.fill()
        for refused in at_once(lambda: client.post("/v1/search", json={"query": "gallium melts"})):
            told = refused.json()["type"].rpartition(":")[2]
            assert (refused.status_code, told) == (507, "storage_full"), refused.text
            assert "retry-after" in refused.headers
        disk.free()
        assert found(client) == 1


@pytest.mark.parametrize(("step", "method"), [("parse", "read"), ("publish", "embed_passages")])
def test_a_job_waits_for_room_and_goes_on_by_itself(service: Running, disk: Disk, step: str, method: str) -> None:
    service.upload("gallium.md", NOTE)
    service.read_all()
    made = service.upload("book.md", "\n\n".join(f"# Part {n}\n\n{os.urandom(6000).hex()}" for n in range(60)))
    full = threading.Event()

    class Filling:
        """Fills the disk when the step begins."""

        def __init__(self, real: object) -> None:
            self.real = real

        def __getattr__(self, name: str) -> Any:
            if name == method and not full.is_set():
                disk.fill()
                full.set()
            return getattr(self.real, name)

    services = service.services
    sandbox, embedder = Filling(services.sandbox), cast("Embedder", Filling(services.embedder))
    with service.client(service.admin_secret) as client:
        assert found(client) == 1
        with working(services, sandbox=sandbox, embedders=Known(embedder)):
            assert full.wait(PATIENCE)
            time.sleep(1.0)
            waiting = client.get(f"/v1/jobs/{made['job_id']}").json()
            assert (waiting["status"] in {"queued", "running"}, waiting["stage"]) == (True, step)
            assert found(client) == 1
            disk.free()
            wait_until(lambda: client.get(f"/v1/documents/{made['id']}").json()["status"] == "ready", "not resumed")
        job = client.get(f"/v1/jobs/{made['job_id']}").json()
    assert (job["status"], job["error"]) == ("succeeded", None)


def test_a_snapshot_that_finds_no_room_costs_no_search(service: Running, disk: Disk) -> None:
    with service.client(service.admin_secret) as client:
        for number, text in enumerate((NOTE, f"{NOTE} So they say."), 1):  # the first is written down at once
            service.upload(f"{number}.md", text)
            service.read_all()
            assert found(client) == number
        [follower] = service.services.replica._followers.values()  # pyright: ignore[reportPrivateUsage]
        wait_until(lambda: snapshots(disk) == {"1"}, "no snapshot of the first")
        disk.fill()
        follower.snapshot()
        assert snapshots(disk) == {"1"}
        assert found(client) == 2
        disk.free()
        follower.snapshot()
        assert "2" in snapshots(disk)


def snapshots(disk: Disk) -> set[str]:
    """The numbers of the snapshots that are whole."""
    return {path.parent.name for path in disk.folder.glob("indexes/snapshots/*/*/manifest.json")}
