from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.app.running import Running, running
from tests.stubs.vllm import Script, VllmStub

QUESTION = "Which element melts in the hand and who discovered it?"
GALLIUM = "Gallium is an element that melts in the hand, at 29.8 degrees Celsius."
DISCOVERY = "Paul-Emile Lecoq de Boisbaudran discovered gallium in 1875, in Paris."
SECRET = "The board discovered gallium in its secret mine and sells it in 2031."
WAYS = {"queries": 3, "hypothetical": True, "decompose": True, "search_rounds": 2}


def model(body: dict[str, Any]) -> Script:
    """A model that says the same to each kind of prompt."""
    rules = str(body["messages"][0]["content"])
    if rules.startswith("Write 2 search queries"):
        return Script(tokens=("1. melting point of gallium\n", "2. metal that is liquid when warm"))
    if rules.startswith("Write a passage"):
        return Script(tokens=("Gallium melts in the hand and was discovered in 1875.",))
    if rules.startswith("Break the question"):
        return Script(tokens=("Which element melts in the hand?\n", "Who discovered #1?"))
    if "at most ten words" in rules:
        return Script(tokens=("Gallium",))
    if "suffice" in rules:
        asked = str(body["messages"][1]["content"])
        return Script(tokens=("enough" if "discovery of gallium" in asked else "search: discovery of gallium",))
    return Script(tokens=("Gallium melts in the hand [1].",))


@pytest.fixture(scope="module")
def stub() -> Iterator[VllmStub]:
    with VllmStub(Script(choose=model)) as started:
        yield started


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path, stub: VllmStub) -> Iterator[Running]:
    """A service with the stub for a model, and a document that not everybody may read."""
    folder = tmp_path_factory.mktemp("data")
    with running(folder, sqlite_template, generator_url=stub.base_url, generator_model="stub-model") as started:
        with started.client(started.admin_secret) as admin:
            admin.post("/v1/admin/collections", json={"name": "board"})
        started.upload("gallium.txt", GALLIUM)
        started.upload("discovery.txt", DISCOVERY)
        started.upload("secret.txt", SECRET, "board")
        started.read_all()
        yield started


@pytest.fixture
def asker(service: Running) -> Iterator[httpx.Client]:
    with service.client(service.new_key(collections=("default",))) as client:
        yield client


def asked(**options: Any) -> dict[str, Any]:
    return {"question": QUESTION, "options": options}


def test_every_way_of_searching_is_in_the_trace(asker: httpx.Client) -> None:
    body = asker.post("/v1/answers", json=asked(**WAYS)).json()
    assert [(each["kind"], each["query"], each["answer"]) for each in body["trace"]] == [
        ("question", QUESTION, ""),
        ("query", "melting point of gallium", ""),
        ("query", "metal that is liquid when warm", ""),
        ("hypothetical", "Gallium melts in the hand and was discovered in 1875.", ""),
        ("step", "Which element melts in the hand?", "Gallium"),
        ("step", "Who discovered Gallium?", ""),
        ("search", "discovery of gallium", ""),
    ]
    assert all(each["after_ms"] >= 0 and each["took_ms"] >= 0 for each in body["trace"])
    assert (body["degraded"], body["generator"], body["abstained"]) == ([], "stub-model", False)


def test_no_way_of_searching_leads_out_of_the_askers_collections(asker: httpx.Client, stub: VllmStub) -> None:
    before = len(stub.seen.bodies)
    body = asker.post("/v1/answers", json=asked(**WAYS)).json()
    assert len(stub.seen.bodies) > before + 5
    assert "2031" not in str(stub.seen.bodies[before:])
    assert all(citation["document"]["name"] != "secret.txt" for citation in body["citations"])


def test_without_the_options_a_question_is_searched_once(asker: httpx.Client, stub: VllmStub) -> None:
    before = len(stub.seen.bodies)
    body = asker.post("/v1/answers", json=asked()).json()
    assert [each["kind"] for each in body["trace"]] == ["question"]
    assert len(stub.seen.bodies) == before + 1


def test_a_model_that_fails_costs_nothing_but_what_it_would_have_added(asker: httpx.Client, stub: VllmStub) -> None:
    stub.script = Script(status=500)
    try:
        body = asker.post("/v1/answers", json=asked(**WAYS)).json()
    finally:
        stub.script = Script(choose=model)
    assert body["degraded"] == ["queries", "hypothetical", "decompose", "search_rounds", "generator"]
    assert (body["generator"], [each["kind"] for each in body["trace"]]) == ("extractive", ["question"])
    assert body["citations"]


@pytest.mark.parametrize("options", [{"queries": 9}, {"search_rounds": 5}, {"hypothetical": "yes, please"}])
def test_options_are_bounded(asker: httpx.Client, options: dict[str, Any]) -> None:
    assert asker.post("/v1/answers", json=asked(**options)).status_code == 422
