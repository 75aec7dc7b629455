"""Upload → ready → ask → citation on the right page → new version → delete → gone, against the real processes."""

import io
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from docx import Document as WordDocument

from tests.acceptance.conftest import Service, StartService

pytestmark = pytest.mark.timeout(300)

PDF = next(Path("app/samples").glob("*.pdf"))
READY_SECONDS = 60


@pytest.fixture
def running(start_service: StartService, database_url: str) -> Service:
    return start_service(OPENBOOK_DATABASE_URL=database_url, OPENBOOK_SAMPLES="false")


def test_a_document_lives_and_dies(running: Service) -> None:
    with httpx.Client(
        base_url=running.url, headers={"Authorization": f"Bearer {running.admin_key}"}, timeout=60
    ) as client:
        uploaded = _upload(client, _files())
        assert {document["status"] for document in uploaded} <= {"queued", "processing", "ready"}
        documents = [_ready(client, document["id"]) for document in uploaded]
        by_name = {document["name"]: document for document in documents}

        cited = _ask(client, "How many marbles does Quentin keep in the jar?")
        assert "417" in cited["answer"]
        assert cited["citations"][0]["document"]["name"] == "marbles.md"
        _assert_quotes_hold(client, cited)

        in_word = _ask(client, "What colour is the lighthouse of Brask?")
        assert "green" in in_word["answer"]
        assert in_word["citations"][0]["document"]["name"] == "lighthouse.docx"

        on_the_web = _ask(client, "When does the ferry to Ottersund leave?")
        assert "06:45" in on_the_web["answer"]
        assert on_the_web["citations"][0]["document"]["name"] == "ferry.html"

        _assert_pages_are_cited(client, by_name[PDF.name])

        off_topic = _ask(client, "Who won the football world cup of 1954?")
        assert off_topic["abstained"]
        assert off_topic["citations"] == []

        marbles = by_name["marbles.md"]["id"]
        new = {"file": ("marbles.md", _marbles(523), "text/markdown")}
        assert client.put(f"/v1/admin/documents/{marbles}", files=new).status_code == 202
        assert _ready(client, marbles, version=2)["version"] == 2
        changed = _ask(client, "How many marbles does Quentin keep in the jar?")
        assert "523" in changed["answer"]
        assert "417" not in changed["answer"]

        assert client.delete(f"/v1/admin/documents/{marbles}").status_code == 204
        assert client.get(f"/v1/documents/{marbles}").status_code == 404
        hits = client.post("/v1/search", json={"query": "marbles jar Quentin", "k": 10}).json()["hits"]
        assert marbles not in {hit["document"]["id"] for hit in hits}


def _assert_pages_are_cited(client: httpx.Client, document: dict[str, Any]) -> None:
    """The last page's words are found there, cited with their boxes, and shown."""
    last_page = document["pages"]
    chunks = client.get(f"/v1/documents/{document['id']}/chunks").json()["items"]
    target = next(chunk for chunk in chunks if chunk["pages"] == [last_page])
    hits = client.post("/v1/search", json={"query": target["text"][:200], "k": 1}).json()["hits"]
    assert hits[0]["chunk"]["id"] == target["id"]
    assert hits[0]["chunk"]["pages"] == [last_page]
    answer = _ask(client, target["text"][:120])
    assert any(citation["page"] == last_page and citation["boxes"] for citation in answer["citations"])
    image = client.get(f"/v1/documents/{document['id']}/pages/{last_page}.png", params={"chunk": target["id"]})
    assert image.status_code == 200
    assert image.content.startswith(b"\x89PNG")


def _files() -> list[tuple[str, tuple[str, bytes, str]]]:
    word = WordDocument()
    word.add_heading("Lights of the north", 1)
    word.add_paragraph("The lighthouse of Brask is painted green. It was lit in 1871.")
    buffer = io.BytesIO()
    word.save(buffer)
    page = (
        "<!doctype html><html><head><title>Ferries</title></head><body><nav><a href='/'>Home</a></nav><main>"
        "<h1>Ferries of the bay</h1><p>The ferry to Ottersund leaves at 06:45 every morning from the east pier.</p>"
        "<p>The ferry to Linde leaves at noon. Bicycles travel free of charge on both lines.</p></main></body></html>"
    )
    return [
        ("file", ("marbles.md", _marbles(417), "text/markdown")),
        ("file", ("lighthouse.docx", buffer.getvalue(), "application/octet-stream")),
        ("file", ("ferry.html", page.encode(), "text/html")),
        ("file", (PDF.name, PDF.read_bytes(), "application/pdf")),
    ]


def _marbles(count: int) -> bytes:
    text = f"Quentin keeps {count} marbles in the jar by the window.\n\nHe has two kites."
    return f"# Quentin's toys\n\n{text}\n".encode()


def _upload(client: httpx.Client, files: list[tuple[str, tuple[str, bytes, str]]]) -> list[dict[str, Any]]:
    reply = client.post("/v1/admin/documents", files=files)
    assert reply.status_code == 202, reply.text
    return reply.json()["documents"]


def _ready(client: httpx.Client, document: str, version: int = 1) -> dict[str, Any]:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        body = client.get(f"/v1/documents/{document}").json()
        assert body["status"] != "failed", body
        if body["status"] == "ready" and body["version"] == version:
            return body
        time.sleep(0.05)
    pytest.fail(f"{document} is not ready after {READY_SECONDS} s")


def _ask(client: httpx.Client, question: str) -> dict[str, Any]:
    reply = client.post("/v1/answers", json={"question": question})
    assert reply.status_code == 200, reply.text
    return reply.json()


def _assert_quotes_hold(client: httpx.Client, answer: dict[str, Any]) -> None:
    for citation in answer["citations"]:
        chunks = client.get(f"/v1/documents/{citation['document']['id']}/chunks").json()["items"]
        text = next(chunk["text"] for chunk in chunks if chunk["id"] == citation["chunk_id"])
        assert citation["quote"] in text
