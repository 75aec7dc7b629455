"""A collection's adapter, from the admin's word to the model's name in what the server is asked."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.app.running import Running, running
from tests.stubs.vllm import Script, VllmStub

COLLECTIONS = "/v1/admin/collections"
LOADED = Script(tokens=("Gallium melts at 29.8 degrees. ", "[1]"), adapters=("legal", "medical"))


@pytest.fixture(scope="module")
def stub() -> Iterator[VllmStub]:
    with VllmStub(LOADED) as started:
        yield started


@pytest.fixture(autouse=True)
def loaded(stub: VllmStub) -> None:
    stub.script = LOADED


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path, stub: VllmStub) -> Iterator[Running]:
    """Two collections, one document in each."""
    folder = tmp_path_factory.mktemp("data")
    with running(folder, sqlite_template, generator_url=stub.base_url, generator_model="stub-model") as started:
        for name in ("a", "b"):
            started.services.collections.create(name, started.services.embedder.fingerprint)
            started.upload("gallium.txt", "Gallium melts at 29.8 degrees.", name)
        started.read_all()
        yield started


@pytest.fixture
def client(served: Running) -> Iterator[httpx.Client]:
    with served.client(served.admin_secret) as client:
        yield client
        for name in ("a", "b"):
            client.patch(f"{COLLECTIONS}/{name}", json={"adapter": None})


def ask(client: httpx.Client, *collections: str) -> dict[str, Any]:
    reply = client.post("/v1/answers", json={"question": "When does gallium melt?", "collections": collections})
    assert reply.status_code == 200, reply.text
    return reply.json()


def test_an_answer_over_a_collection_is_written_with_its_adapter(client: httpx.Client, stub: VllmStub) -> None:
    changed = client.patch(f"{COLLECTIONS}/a", json={"adapter": "legal"})
    assert (changed.status_code, changed.json()["adapter"], changed.json()["reindex_needed"]) == (200, "legal", False)
    listed = {each["name"]: each["adapter"] for each in client.get(COLLECTIONS).json()["items"]}
    assert (listed["a"], listed["b"]) == ("legal", None)
    answer = ask(client, "a")
    assert (answer["generator"], answer["degraded"]) == ("legal", [])
    assert stub.seen.bodies[-1]["model"] == "legal"
    client.patch(f"{COLLECTIONS}/a", json={"adapter": None})
    assert ask(client, "a")["generator"] == "stub-model"


def test_collections_that_differ_are_answered_by_the_model_itself(client: httpx.Client, stub: VllmStub) -> None:
    client.patch(f"{COLLECTIONS}/a", json={"adapter": "legal"})
    assert ask(client, "a", "b")["generator"] == "stub-model"
    client.patch(f"{COLLECTIONS}/b", json={"adapter": "legal"})
    assert ask(client, "a", "b")["generator"] == "legal"
    client.patch(f"{COLLECTIONS}/b", json={"adapter": "medical"})
    assert ask(client, "a", "b")["generator"] == "stub-model"
    assert ask(client, "b")["generator"] == "medical"


def test_an_adapter_that_is_not_loaded_is_refused_by_name(client: httpx.Client) -> None:
    refused = client.patch(f"{COLLECTIONS}/a", json={"adapter": "poetry"})
    assert (refused.status_code, refused.json()["type"]) == (422, "urn:openbook:problem:unknown_adapter")
    assert refused.json()["detail"] == "poetry: the model's server has legal, medical."
    assert client.patch(f"{COLLECTIONS}/a", json={"adapter": "stub-model"}).status_code == 422
    assert ask(client, "a")["generator"] == "stub-model"


def test_an_adapter_that_is_gone_leaves_the_model_itself_and_says_so(client: httpx.Client, stub: VllmStub) -> None:
    client.patch(f"{COLLECTIONS}/a", json={"adapter": "legal"})
    stub.script = Script(tokens=LOADED.tokens)
    answer = ask(client, "a")
    assert (answer["generator"], answer["degraded"]) == ("stub-model", ["adapter"])
    stub.script = LOADED
    assert ask(client, "a")["degraded"] == []


def test_a_server_that_is_away_is_no_word_on_its_adapters(
    tmp_path: Path, sqlite_template: Path, anonymous: httpx.Client
) -> None:
    with VllmStub() as gone:
        pass
    with (
        running(tmp_path, sqlite_template, generator_url=gone.base_url, generator_model="stub-model") as started,
        started.client(started.admin_secret) as client,
    ):
        client.post(COLLECTIONS, json={"name": "a"})
        reply = client.patch(f"{COLLECTIONS}/a", json={"adapter": "legal"})
    assert (reply.status_code, reply.json()["type"]) == (503, "urn:openbook:problem:generator_unavailable")
    assert anonymous.patch(f"{COLLECTIONS}/a", json={"adapter": "legal"}).status_code == 401


def test_without_a_model_there_are_no_adapters(admin: httpx.Client) -> None:
    refused = admin.patch(f"{COLLECTIONS}/default", json={"adapter": "legal"})
    assert (refused.status_code, refused.json()["detail"]) == (422, "legal: the model's server has none loaded.")
