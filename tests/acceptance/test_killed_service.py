"""SIGKILL of the service in mid-upload: what it had not confirmed can be sent again, and is there once."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from app.settings import Settings
from app.wiring import build, close
from tests.acceptance.conftest import Service, StartService
from tests.acceptance.workers import sweep_days_later
from tests.app.running import eventually

pytestmark = pytest.mark.timeout(300)

FILES = 100


def upload_to(service: Service) -> httpx.Request:
    """Of all files at once, by the administrator."""
    texts = {f"{n}.md": f"# Note {n}\n\n{n} times {n} is {n * n}. " * 50 for n in range(FILES)}
    files = [("file", (name, text.encode(), "text/markdown")) for name, text in texts.items()]
    key = {"Authorization": f"Bearer {service.admin_key}"}
    return httpx.Request("POST", f"{service.url}/v1/admin/documents", headers=key, files=files)


def send(request: httpx.Request, parts: Iterator[bytes]) -> httpx.Response:
    with httpx.Client(timeout=60) as client:
        return client.post(request.url, headers=request.headers, content=parts)


def originals(data_dir: Path) -> list[Path]:
    return [path for path in (data_dir / "blobs").rglob("*") if path.is_file()]


def kill_while_the_body_comes(service: Service) -> None:
    request = upload_to(service)
    body = request.read()

    def halves() -> Iterator[bytes]:
        yield body[: len(body) // 2]
        service.process.kill()
        service.process.wait(20)
        yield body[len(body) // 2 :]

    with pytest.raises(httpx.TransportError):
        send(request, halves())
    assert originals(service.data_dir) == []


def kill_while_it_stores(service: Service) -> None:
    """Originals lie on the disk of which the database does not know."""
    request = upload_to(service)
    body = request.read()

    def whole() -> Iterator[bytes]:
        yield body
        deadline = time.monotonic() + 20
        while not originals(service.data_dir) and time.monotonic() < deadline:
            time.sleep(0.001)  # the other ninety-nine take a tenth of a second
        service.process.kill()
        service.process.wait(20)

    with pytest.raises(httpx.TransportError):
        send(request, whole())
    assert originals(service.data_dir)


@pytest.mark.parametrize("kill", [kill_while_the_body_comes, kill_while_it_stores])
def test_an_upload_to_a_service_that_is_killed_is_sent_again_and_is_there_once(
    kill: Callable[[Service], None], start_service: StartService
) -> None:
    killed = start_service(OPENBOOK_SAMPLES="false", OPENBOOK_EMBEDDER="hashing")
    kill(killed)
    again = start_service(killed.data_dir, OPENBOOK_SAMPLES="false", OPENBOOK_EMBEDDER="hashing")
    request = upload_to(again)
    reply = send(request, iter([request.read()]))
    assert reply.status_code == 202, reply.text
    with again.client() as client:

        def listed() -> list[tuple[str, str]]:
            page = client.get("/v1/documents", params={"limit": 200}).json()
            return sorted((each["name"], each["status"]) for each in page["items"])

        assert eventually(lambda: listed() == sorted((f"{n}.md", "ready") for n in range(FILES)), 60), listed()
    again.process.terminate()
    again.process.wait(20)
    assert stored_after_a_sweep_days_later(again.data_dir) == FILES


def stored_after_a_sweep_days_later(data_dir: Path) -> int:
    services = build(Settings(data_dir=data_dir, embedder="hashing"))
    try:
        sweep_days_later(services)
    finally:
        close(services)
    return len(originals(data_dir))
