import json
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from app.auth import COOKIE, fingerprint, new_secret
from app.page import WEB
from tests.app.running import Running, Scripted, events, running

TWO = ("Gallium melts at 29.8 degrees [1].", "It was discovered in 1875 [1].")


STOPPED = """
import sys, threading, time, urllib.request
from pathlib import Path
from app.main import create_app, new_server, run
from app.settings import Settings
from app.wiring import build, close
import os, signal, socket
with socket.create_server(("127.0.0.1", 0)) as free:
    port = free.getsockname()[1]
services = build(Settings(data_dir=Path(sys.argv[1]), embedder="hashing", metrics_port=port))
listener = socket.create_server(("127.0.0.1", 0))
def stop():
    urllib.request.urlopen(f"http://127.0.0.1:{listener.getsockname()[1]}/livez").read()
    figures = f"http://127.0.0.1:{port}/metrics"
    while 'route="/livez",status="200"} 1.0' not in urllib.request.urlopen(figures).read().decode():
        time.sleep(0.05)  # a request is counted once its reply is out
    print("counted")
    os.kill(os.getpid(), signal.SIGTERM)
run(services, [listener], lambda: threading.Thread(target=stop).start())
close(services)
print("closed")
"""


def test_a_stopped_service_closes_what_it_opened_and_had_figures_on_a_port_of_their_own(
    tmp_path: Path, sqlite_template: Path
) -> None:
    shutil.copy(sqlite_template, tmp_path / "openbook.db")
    program = [sys.executable, "-c", STOPPED, str(tmp_path)]
    done = subprocess.run(program, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "counted\nclosed\n")


def written(name: str) -> bytes:
    """A file of the page; the stylesheets of the first view come as one."""
    if name != "style/first.css":
        return (WEB / name).read_bytes()
    names = re.findall(r'"stylesheet" href="/static/([^"]+)"', (WEB / "index.html").read_text())
    return b"".join((WEB / each).read_bytes() for each in names)


def test_the_page_is_served_and_may_load_nothing_from_elsewhere(anonymous: httpx.Client) -> None:
    reply = anonymous.get("/")
    policy = reply.headers["content-security-policy"]
    assert reply.headers["content-type"].startswith("text/html")
    assert policy.startswith("default-src 'none';")
    assert set(re.findall(r"'[^']+'|https?:|data:|\*", policy)) == {"'none'", "'self'"}
    addresses = re.findall(r'(?:src|href)="([^"]+)"', reply.text)
    assert len(addresses) > 10
    for address in addresses:
        _, _, version, name = address.split("/", 3)
        file = anonymous.get(address)
        assert (file.status_code, file.content) == (200, written(name))
        assert file.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert anonymous.get(address.replace(version, "0" * 16)).status_code == 404


def told(page: httpx.Response) -> str:
    [session] = re.findall(r'<script type="application/json" id="session">([^<]*)</script>', page.text)
    return session


def test_the_page_tells_who_is_logged_in_whatever_the_key_is_called(service: Running, anonymous: httpx.Client) -> None:
    secret = new_secret("api")
    name = "</script><!-- <script>window.ran = 1</script>"
    service.services.keys.create(name, "reader", None, fingerprint(secret))
    with service.client() as visitor:
        visitor.post("/v1/session", json={"key": secret}).raise_for_status()
        page = visitor.get("/")
        assert json.loads(told(page)) == visitor.get("/v1/session").json()
        assert page.headers["cache-control"] == "no-store"
    assert told(anonymous.get("/")) == ""
    assert told(anonymous.get("/", headers={"Cookie": f"{COOKIE}={new_secret('session')}"})) == ""


@pytest.mark.parametrize(("languages", "words"), [("zh-CN,zh;q=0.9", "zh"), ("de-DE,de", "en")])
def test_the_page_names_the_words_of_the_browsers_language(languages: str, words: str, anonymous: httpx.Client) -> None:
    page = anonymous.get("/", headers={"Accept-Language": languages})
    assert re.findall(r'/strings/(\w+)\.js"', page.text) == [words]


@pytest.mark.parametrize("path", ["/", "/livez", "/v1/session", "/static/0/nothing.js", "/v1/nothing"])
def test_every_reply_forbids_sniffing_framing_and_sharing(path: str, anonymous: httpx.Client) -> None:
    headers = anonymous.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"
    assert "server" not in headers


@pytest.mark.parametrize("path", ["/static/../app.py", "/static/%2e%2e/main.py", "/static/..%2fmain.py", "/static/"])
def test_only_the_pages_own_files_are_served(path: str, anonymous: httpx.Client) -> None:
    assert anonymous.get(path).status_code in (401, 404)


def test_every_reply_and_every_problem_carries_the_request_id(anonymous: httpx.Client, reader: httpx.Client) -> None:
    problem = anonymous.get("/v1/documents")
    assert problem.json()["request_id"] == problem.headers["x-request-id"]
    first, second = (reader.get("/v1/session").headers["x-request-id"] for _ in range(2))
    assert first != second
    forged = anonymous.get("/livez", headers={"X-Request-Id": "forged"})
    assert re.fullmatch("[0-9a-f]{16}", forged.headers["x-request-id"])


def test_a_reply_without_a_body_has_no_media_type(admin: httpx.Client) -> None:
    conversation = admin.post("/v1/conversations", json={}).json()["id"]
    gone = admin.delete(f"/v1/conversations/{conversation}")
    assert (gone.status_code, gone.content, gone.headers.get("content-type")) == (204, b"", None)


def test_the_contract_is_for_admins(admin: httpx.Client) -> None:
    contract = admin.get("/openapi.json").json()
    assert "/v1/answers" in contract["paths"]
    bodies = [schema for name, schema in contract["components"]["schemas"].items() if name in ("Asked", "SearchQuery")]
    assert [schema["additionalProperties"] for schema in bodies] == [False, False]


def test_a_service_that_stops_ends_its_streams_with_a_word(tmp_path: Path, sqlite_template: Path) -> None:
    writer = Scripted(TWO, hangs=True)
    with running(tmp_path, sqlite_template, writer, shutdown_seconds=4.0) as started:
        started.upload("gallium.md", "Gallium melts at 29.8 degrees Celsius.")
        started.read_all()
        body = {"question": "At what does gallium melt?", "stream": True, "options": {"generator": "scripted"}}
        with (
            started.client(started.admin_secret) as client,
            client.stream("POST", "/v1/answers", json=body) as reply,
        ):
            threading.Timer(0.3, setattr, (started.server, "should_exit", True)).start()
            start = time.monotonic()
            told = events(reply)
        assert [name for name, _ in told] == ["context", "delta", "error"]
        assert told[-1][1]["type"] == "urn:openbook:problem:shutting_down"
        assert time.monotonic() - start < 4
        assert writer.active == 0


def test_a_service_that_stops_lets_its_generators_go(tmp_path: Path, sqlite_template: Path) -> None:
    writer = Scripted(TWO)
    with running(tmp_path, sqlite_template, writer) as started, started.client() as client:
        client.get("/livez")
        assert not writer.closed
    assert writer.closed


def test_a_flood_of_answers_is_refused_at_once_and_told_when_to_come_back(
    tmp_path: Path, sqlite_template: Path
) -> None:
    writer = Scripted(TWO, hangs=True)
    with running(tmp_path, sqlite_template, writer, generator_connections=1) as started:
        started.upload("gallium.md", "Gallium melts at 29.8 degrees Celsius.")
        started.read_all()
        body = {"question": "At what does gallium melt?", "stream": True, "options": {"generator": "scripted"}}
        with started.client(started.admin_secret) as client, client.stream("POST", "/v1/answers", json=body) as one:
            first = one.iter_lines()  # kept: httpx closes the reply with its iterator
            next(first)
            with client.stream("POST", "/v1/answers", json=body) as two:
                second = two.iter_lines()
                next(second)
                refused = client.post("/v1/answers", json=body)
                assert (refused.status_code, refused.headers["retry-after"]) == (429, "2")
                with started.client(started.new_key()) as other:
                    assert other.post("/v1/search", json={"query": "gallium"}).status_code == 200
        _eventually(lambda: started.state.slots.held == {} and writer.active == 0)


def _eventually(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_figures_are_counted_by_route_and_name_no_id(service: Running, admin: httpx.Client) -> None:
    admin.get("/v1/documents/doc_of_nobody")
    text = admin.get("/metrics").text
    assert 'openbook_requests_total{method="GET",route="/v1/documents/{id}",status="404"}' in text
    assert 'openbook_jobs{status="succeeded"} 2.0' in text
    admin.post("/v1/search", json={"query": "gallium"})
    assert 'openbook_index_lag{collection="default"} 0.0' in admin.get("/metrics").text
    assert "doc_of_nobody" not in text
    assert service.admin_secret not in text
