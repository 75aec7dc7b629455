"""A backup under way while people upload, delete and ask; restored into an empty folder, it answers the same."""

import os
import shutil
import subprocess
import sys
import threading
import time
from itertools import count
from pathlib import Path

import httpx
import pytest

from tests.acceptance.conftest import Service, StartService, end

pytestmark = pytest.mark.timeout(300)

QUESTIONS = 50
BREATH_SECONDS = 0.02  # between two requests: a backup on a slow machine would else have ever more to take along
SETTINGS = {"OPENBOOK_EMBEDDER": "hashing", "OPENBOOK_SAMPLES": "false"}


def test_fifty_questions_find_the_same_documents_after_a_restore(start_service: StartService, tmp_path: Path) -> None:
    before = start_service(tmp_path / "data", **SETTINGS)
    file = tmp_path / "backup.tar"
    with before.client() as admin:
        names = [
            ("file", (f"{n}.md", f"Element number {n} melts at {n * 7} degrees.".encode())) for n in range(QUESTIONS)
        ]
        assert admin.post("/v1/admin/documents", files=names).status_code == 202
        _wait_until_ready(admin, QUESTIONS)
        key = admin.post("/v1/admin/keys", json={"name": "laptop", "role": "reader"}).json()["key"]
        admin.post("/v1/admin/collections", json={"name": "churn"})
        hits = _hits(before, key)
        with _Churn(before):
            openbook("backup", str(file), data_dir=before.data_dir)
    end(before.process)
    shutil.rmtree(before.data_dir)

    assert "are back" in openbook("restore", str(file), data_dir=before.data_dir)

    after = start_service(before.data_dir, **SETTINGS)
    assert _hits(after, key) == hits
    with after.client() as admin:
        for document in admin.get("/v1/documents", params={"limit": 500}).json()["items"]:
            assert admin.get(f"/v1/documents/{document['id']}/file").status_code == 200


def openbook(*arguments: str, data_dir: Path) -> str:
    """What a command says; it must succeed."""
    environment = {**os.environ, **SETTINGS, "OPENBOOK_DATA_DIR": str(data_dir), "COLUMNS": "200"}
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", *arguments], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class _Churn:
    """Uploads, deletes and asks without a refusal until its block ends."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._refused: list[str] = []

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        assert self._refused == []

    def _run(self) -> None:
        with self._service.client() as client:
            for n in count():
                file = {"file": (f"churn-{n}.txt", f"Churn {n} goes round.".encode())}
                added = client.post("/v1/admin/documents", files=file, data={"collection": "churn"})
                asked = client.post("/v1/search", json={"query": "melts", "k": 3})
                gone = client.delete(f"/v1/admin/documents/{added.json()['documents'][0]['id']}") if n % 3 else added
                self._refused += [each.text for each in (added, asked, gone) if each.is_error]
                if self._stop.wait(BREATH_SECONDS):
                    return


def _wait_until_ready(client: httpx.Client, documents: int) -> None:
    ready: list[object] = []
    while len(ready) < documents:
        time.sleep(BREATH_SECONDS)
        ready = client.get("/v1/documents", params={"status": "ready", "limit": 500}).json()["items"]


def _hits(service: Service, key: str) -> list[list[str]]:
    with httpx.Client(base_url=service.url, headers={"Authorization": f"Bearer {key}"}, timeout=60) as client:
        replies = [
            client.post("/v1/search", json={"query": f"element number {n}", "collections": ["default"], "k": 3})
            for n in range(QUESTIONS)
        ]
    return [[hit["document"]["id"] for hit in reply.json()["hits"]] for reply in replies]
