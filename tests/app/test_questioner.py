"""Documents are found by questions that a model says they answer; the model may be slow, dead, or die half-way."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from app import questioner
from app.db.index.hypothetical import HypotheticalStore
from app.questioner import Questioner
from app.settings import Settings
from app.wiring import Services
from generation.errors import GeneratorUnavailable
from generation.ports import Completer
from tests.app.library import add, everything, found, services
from tests.app.running import running
from tests.stubs.vllm import MODEL, Script, VllmStub

PUMP = "The pump is greased once in a quarter, by whoever holds the wrench of nine millimetres."
BOILER = "The boiler is drained before the first frost and filled again in spring."
WORDS = "zyxquor vexil"


class Killed(BaseException):
    """What no code waits out, like a signal."""


@dataclass
class Replaying(Completer):
    """Says what is stored for a text, and does as told where nothing is."""

    stored: dict[str, str]
    otherwise: BaseException | None = None
    asked: list[str] = field(default_factory=list[str])

    async def complete(self, instruction: str, text: str, max_tokens: int) -> str:
        self.asked.append(text)
        for part, reply in self.stored.items():
            if part in text:
                return reply
        if self.otherwise is not None:
            raise self.otherwise
        return ""


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Services]:
    with services(tmp_path) as given:
        yield given


def asking(given: Services, model: Completer, lease_seconds: float = 60.0) -> Questioner:
    @asynccontextmanager
    async def opened() -> AsyncGenerator[Completer]:
        yield model

    return Questioner(HypotheticalStore(given.db, lease_seconds), opened, 2)


def finish(questioner: Questioner) -> None:
    while questioner.advance():
        pass


def lexical(given: Services, query: str) -> list[str]:
    hits = given.retriever.search(query, everything(given), 5, mode="lexical").hits
    return [hit.source.name for hit in hits]


def test_a_document_is_found_before_and_then_by_its_questions(library: Services) -> None:
    add(library, "pump.txt", PUMP)
    add(library, "boiler.txt", BOILER)
    assert lexical(library, "wrench") == ["pump.txt"]
    assert lexical(library, "lubrication schedule") == []
    model = Replaying({"pump": "1. What is the lubrication schedule?\n2. Who oils it?\n3. One too many?"})

    finish(asking(library, model))

    assert len(model.asked) == 2
    assert lexical(library, "lubrication schedule") == ["pump.txt"]
    assert lexical(library, "oil") == ["pump.txt"]
    assert lexical(library, "too many") == []
    assert len(found(library, "lubrication", 5)) == 2


def test_what_comes_later_is_asked_about_and_what_is_known_is_not(library: Services) -> None:
    model = Replaying({"": "What is it about?"})
    chore = asking(library, model)
    add(library, "pump.txt", PUMP)
    finish(chore)

    add(library, "boiler.txt", BOILER)
    add(library, "copy.txt", f"{PUMP}\n")
    finish(chore)

    assert sorted("pump" in text for text in model.asked) == [False, True, True]
    assert not chore.advance()


def test_no_answer_quotes_a_question(tmp_path: Path, sqlite_template: Path) -> None:
    with running(tmp_path, sqlite_template) as service:
        service.services.collections.create("default", service.services.embedder.fingerprint)
        service.upload("pump.txt", PUMP)
        service.read_all()
        finish(asking(service.services, Replaying({"pump": f"Is there a {WORDS}?"})))

        with service.client(service.admin_secret) as client:
            hits = client.post("/v1/search", json={"query": WORDS, "mode": "lexical"}).json()
            answer = client.post("/v1/answers", json={"question": f"Is there a {WORDS}?"}).json()

    assert [hit["document"]["name"] for hit in hits["hits"]] == ["pump.txt"]
    assert answer["citations"]
    assert all(citation["quote"] in PUMP for citation in answer["citations"])
    assert "zyxquor" not in str(hits["hits"]) + answer["answer"] + str(answer["citations"])


def test_a_dead_model_costs_nothing_but_time(library: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    add(library, "pump.txt", PUMP)
    model = Replaying({}, GeneratorUnavailable("down"))
    chore = asking(library, model)

    assert not chore.advance()
    assert not chore.advance()
    assert len(model.asked) == 1
    assert lexical(library, "wrench") == ["pump.txt"]

    model.stored = {"pump": "Who oils it?"}
    chore._paused_until = 0.0  # pyright: ignore[reportPrivateUsage]
    finish(chore)
    assert lexical(library, "oil") == ["pump.txt"]


def test_a_text_that_the_model_refuses_holds_up_no_other(library: Services) -> None:
    add(library, "pump.txt", PUMP)
    add(library, "boiler.txt", BOILER)
    model = Replaying({"boiler": "When is it drained?"}, GeneratorUnavailable("HTTP 400"))

    finish(asking(library, model))

    assert lexical(library, "drained when") == ["boiler.txt"]
    assert len(model.asked) == 2


def test_a_worker_that_dies_half_way_is_gone_on_from(library: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questioner, "CHUNKS", 2)
    for number in range(6):
        add(library, f"{number}.txt", f"Machine{number} has a lever.")
    first = Replaying({f"Machine{number}": "Where is the handle?" for number in range(3)}, Killed())
    with pytest.raises(Killed):
        finish(asking(library, first, lease_seconds=-1.0))
    assert sorted(lexical(library, "handle")) == ["0.txt", "1.txt"]

    second = Replaying({"Machine": "Where is the handle?"})
    finish(asking(library, second))

    assert len(lexical(library, "handle")) == 5
    assert sorted(second.asked) == [f"{number}\nMachine{number} has a lever." for number in range(2, 6)]


def test_it_is_set_by_one_setting_that_needs_a_model(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="OPENBOOK_QUESTIONS_PER_CHUNK needs a language model"):
        Settings(questions_per_chunk=2)
    script = Script(tokens=("- Who oils ", "the pump?\n", "- How often?"))
    with VllmStub(script) as stub:
        model: dict[str, Any] = {"generator_url": stub.base_url, "generator_model": MODEL}
        with services(tmp_path / "off", **model) as given:
            assert given.questioner is None
        with services(tmp_path / "on", **model, questions_per_chunk=1) as given:
            assert given.questioner is not None
            add(given, "pump.txt", PUMP)
            finish(given.questioner)
            assert lexical(given, "oils") == ["pump.txt"]
            assert lexical(given, "often") == []
