import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from generation.prompts.texts import ABSTENTION
from tests.app.running import Running, events, running
from tests.stubs.vllm import Script, VllmStub

QUESTION = "What does the report say about the wind farm near Norsund?"
WIND = (
    "The wind farm near Norsund has 42 turbines. It was opened by Ada Holm in 2019. "
    "The wind farm near Norsund does not store energy."
)
FISH = "The harbour of Norsund lands 300 tons of herring a year."
TRUE, FISHY = "The wind farm near Norsund has 42 turbines", "The harbour of Norsund lands 300 tons of herring"
ALTERED = {
    "number": "The wind farm near Norsund has 47 turbines",
    "name": "The wind farm near Norsund was opened by Erik Dahl in 2019",
    "negation": "The wind farm near Norsund does store energy",
}


@pytest.fixture(scope="module")
def stub() -> Iterator[VllmStub]:
    with VllmStub() as started:
        yield started


@pytest.fixture(scope="module", params=["mark", "remove"])
def service(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path, stub: VllmStub
) -> Iterator[Running]:
    """A service that marks unsupported sentences, and one that removes them."""
    given: dict[str, Any] = {"generator_url": stub.base_url, "generator_model": "stub-model"}
    given["unsupported"] = request.param
    with running(tmp_path_factory.mktemp("data"), sqlite_template, **given) as started:
        started.upload("wind.txt", WIND)
        started.upload("fish.txt", FISH)
        started.read_all()
        yield started


@pytest.fixture
def removes(service: Running) -> bool:
    return service.services.settings.unsupported == "remove"


@pytest.fixture
def asker(service: Running) -> Iterator[httpx.Client]:
    with service.client(service.new_key()) as client:
        yield client


def labels_of(asker: httpx.Client, stub: VllmStub) -> dict[str, int]:
    """Which label the passage of each file has for the question."""
    told = events(asker.post("/v1/answers", json={"question": QUESTION, "stream": True}))
    return {each["document"]["name"]: each["label"] for each in told[0][1]["passages"]}


def answered(asker: httpx.Client, stub: VllmStub, said: str) -> dict[str, Any]:
    """The answer to a model's words, WIND and FISH in them standing for their passages' labels."""
    labels = labels_of(asker, stub)
    text = said.replace("WIND", f"[{labels['wind.txt']}]").replace("FISH", f"[{labels['fish.txt']}]")
    stub.script = Script(tokens=[f"{word} " for word in text.split(" ")])
    body = asker.post("/v1/answers", json={"question": QUESTION}).json()
    for word, name in (("WIND", "wind.txt"), ("FISH", "fish.txt")):
        body["answer"] = body["answer"].replace(f"[{labels[name]}]", word)
    return body


@pytest.mark.parametrize("kind", ALTERED)
def test_an_altered_sentence_is_marked_or_removed_and_a_true_one_stays(
    asker: httpx.Client, stub: VllmStub, removes: bool, kind: str
) -> None:
    body = answered(asker, stub, f"{TRUE} WIND. {ALTERED[kind]} WIND.")
    doubts = [each["doubts"] for each in body["sentences"]]
    if removes:
        assert (body["answer"], doubts) == (f"{TRUE} WIND.", [[]])
    else:
        assert (body["answer"], doubts) == (f"{TRUE} WIND. {ALTERED[kind]} WIND.", [[], [kind]])
        assert body["sentences"][0]["support"] == 1.0
        assert body["sentences"][1]["support"] <= 0.5


def test_an_answer_with_nothing_left_is_an_abstention(asker: httpx.Client, stub: VllmStub, removes: bool) -> None:
    body = answered(asker, stub, f"{ALTERED['number']} WIND.")
    assert body["abstained"] == removes
    if removes:
        assert (body["answer"], body["citations"], body["sentences"]) == (ABSTENTION["en"], [], [])


def test_a_wrong_label_is_put_right(asker: httpx.Client, stub: VllmStub) -> None:
    body = answered(asker, stub, f"{TRUE} FISH. {FISHY} WIND.")
    assert body["answer"] == f"{TRUE}. WIND {FISHY}. FISH"
    assert [each["document"]["name"] for each in body["citations"]] == ["wind.txt", "fish.txt"]
    assert [each["support"] for each in body["sentences"]] == [1.0, 1.0]


def test_what_no_passage_was_given_for_is_never_cited(asker: httpx.Client, stub: VllmStub) -> None:
    body = answered(asker, stub, "Everybody knows that. It is so [99].")
    assert (body["abstained"], body["answer"]) == (True, ABSTENTION["en"])


def deltas(reply: httpx.Response) -> Iterator[tuple[str, float]]:
    """The text of each delta, and when it came."""
    for line in reply.iter_lines():
        told: dict[str, Any] = json.loads(line[6:]) if line.startswith("data: ") else {}
        if "text" in told:
            yield told["text"].strip(), time.monotonic()


def test_a_stream_releases_whole_checked_sentences(asker: httpx.Client, stub: VllmStub, removes: bool) -> None:
    label = labels_of(asker, stub)["wind.txt"]
    text = f"{TRUE} [{label}]. {ALTERED['number']} [{label}]. It was opened by Ada Holm in 2019 [{label}]."
    stub.script = Script(tokens=[f"{word} " for word in text.split(" ")], delay_seconds=0.01)
    with asker.stream("POST", "/v1/answers", json={"question": QUESTION, "stream": True}) as reply:
        came = list(deltas(reply))
    sentences = [each + "." for each in text[:-1].split(". ")]
    kept = [sentences[0], sentences[2]] if removes else sentences
    assert [said for said, _ in came] == kept
    assert came[0][1] < came[-1][1]
