"""From a collection to a kept or a dropped model; the training itself is tested where it is."""

import asyncio
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from app.backends import trainer_of
from app.db.types import LikedQuestion, TrainingChunk
from app.settings import Settings
from app.tuning import tune as tuning
from app.tuning.comparison import compare
from app.tuning.questions import Known, asked_by, from_feedback, from_headings, from_links
from app.tuning.tune import CannotTune, Kind, tune
from generation.errors import GeneratorUnavailable
from generation.ports import Completer
from retrieval.embedders.hashing import HashingEmbedder
from retrieval.errors import ModelUnavailable
from retrieval.ports import Embedder, Reranker
from retrieval.sentences import sentence_spans
from retrieval.tuning import types
from retrieval.tuning.types import Example, Trained, Trainer
from retrieval.types import ChunkId
from tests.app.running import Running, running

LONG = "The pump is opened with a wrench of nine millimetres and closed again by hand after that."
DOCUMENTS, FEWEST = 64, 3
WORDS = ["copper", "timber", "granite", "velvet", "mercury", "cotton", "marble", "amber"]


def chunk(number: int, document: str, headings: tuple[str, ...], text: str = LONG) -> TrainingChunk:
    return TrainingChunk(ChunkId(number), document, headings, text, ((0, len(text)),), "en")


# Questions


def test_a_heading_asks_for_the_chunks_below_it() -> None:
    chunks = [
        chunk(1, "a", ("Pump manual", "Opening the pump")),
        chunk(2, "a", ("Pump manual", "Opening the pump")),
        chunk(3, "a", ("Pump manual", "Safety", "Wearing gloves")),
    ]

    assert from_headings(chunks) == [
        Known("Pump manual Opening the pump", frozenset({ChunkId(1), ChunkId(2)}), "a", is_heading=True),
        Known("Pump manual Wearing gloves", frozenset({ChunkId(3)}), "a", is_heading=True),
    ]


def test_headings_that_say_nothing_or_stand_twice_ask_for_nothing() -> None:
    chunks = [
        chunk(1, "a", ("Overview",)),
        chunk(2, "b", ("Travel policy",)),
        chunk(3, "c", ("Travel policy",)),
        chunk(4, "d", ("Release notes of May",), "None."),
        chunk(5, "e", ()),
    ]

    assert from_headings(chunks) == []


def sentences_of(text: str) -> tuple[tuple[int, int], ...]:
    return tuple(sentence_spans(text))


def test_a_sentence_that_names_a_document_asks_for_its_beginning() -> None:
    leak = "A leak is treated as the Pump manual says. The Pump manuals of old are gone. Call the smith."
    chunks = [
        chunk(1, "a", ("Pump manual (2024)", "Opening the pump")),
        chunk(2, "a", ("Pump manual (2024)", "Safety"), "The Pump manual has twelve pages of warnings."),
        replace(chunk(3, "b", ("Leaks",), leak), sentences=sentences_of(leak)),
    ]

    assert from_links(chunks) == [
        Known("A leak is treated as the Pump manual says.", frozenset({ChunkId(1)}), "a", is_heading=True)
    ]


def test_titles_that_are_short_shared_or_alone_in_their_sentence_link_to_nothing() -> None:
    said = "The Tin is worth it. Travel policy. The rules of the Travel policy hold in Oslo. As the Cash guide tells."
    chunks = [
        chunk(1, "a", ("Tin",)),
        chunk(2, "b", ("Travel policy",)),
        chunk(3, "c", ("Travel policy",)),
        chunk(4, "d", ("Cash guide",)),
        replace(chunk(5, "e", ("Notes of May",), said), sentences=sentences_of(said)),
    ]

    assert [(each.text, each.document) for each in from_links(chunks)] == []


def test_one_document_is_asked_for_by_a_few_sentences_only() -> None:
    texts = [f"Machine {number} is opened as the Pump manual says." for number in range(6)]
    naming = [
        replace(chunk(number + 10, f"n{number}", ("Notes",), text), sentences=sentences_of(text))
        for number, text in enumerate(texts)
    ]

    found = from_links([chunk(1, "a", ("Pump manual",)), *naming])

    assert [each.text for each in found] == texts[:3]


def test_a_liked_answer_gives_its_question_and_what_it_cites_of_this_collection() -> None:
    liked = [
        LikedQuestion("How?", frozenset({ChunkId(2), ChunkId(99)})),
        LikedQuestion("Why?", frozenset({ChunkId(99)})),
    ]

    found = from_feedback(liked, [chunk(1, "a", ()), chunk(2, "b", ())])

    assert found == [Known("How?", frozenset({ChunkId(2)}), "b", is_heading=False)]


class Asking(Completer):
    """Asks about the first words, and fails at one text."""

    async def complete(self, instruction: str, text: str, max_tokens: int) -> str:
        if "broken" in text:
            raise GeneratorUnavailable("down")
        return f" 1. What of {text.split(maxsplit=1)[0]} and pumps? \n\n"


def test_a_language_model_asks_about_each_chunk_as_far_as_it_answers() -> None:
    chunks = [chunk(1, "a", ("Valves",)), chunk(2, "b", ("broken",))]

    assert asyncio.run(asked_by(Asking(), chunks)) == [
        Known("What of Valves and pumps?", frozenset({ChunkId(1)}), "a", is_heading=False)
    ]


# The comparison


def test_a_gain_is_sure_only_when_documents_agree() -> None:
    alike = compare(["a", "b", "c", "d"], [0.2, 0.3, 0.2, 0.3], [0.4, 0.5, 0.4, 0.5])
    one = compare(["a", "a", "a", "b", "c", "d"], [0.0] * 6, [1.0, 1.0, 1.0, 0.0, 0.0, 0.0])

    assert (alike.before, alike.after) == (pytest.approx(0.25), pytest.approx(0.45))
    assert alike.low == pytest.approx(0.2)
    assert alike.is_better
    assert one.after == 0.5
    assert one.low == 0
    assert not one.is_better


# The whole


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Running]:
    """Short documents, each under a heading of its own."""
    with running(tmp_path_factory.mktemp("tuned"), sqlite_template, requests_per_minute=100_000) as service:
        service.services.collections.create("default", service.services.embedder.fingerprint)
        for number in range(DOCUMENTS):
            first, second = WORDS[number % 8], WORDS[number // 8 % 8]
            said = f"{LONG} It is made of {first} and {second}, as part {number}."
            service.upload(f"{number}.md", f"# The {first} and {second} part {number}\n\n{said}")
        service.read_all()
        yield service


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[Sequence[Example]]:
    """What the training was given; it leaves a folder that `hashing:64` stands for."""
    given: list[Sequence[Example]] = []

    def train(examples: Sequence[Example], folder: Path, seconds: float) -> Trained:
        given.append(examples)
        folder.mkdir()
        return Trained(7, seconds, "fp32")

    monkeypatch.setattr(tuning, "FEWEST", FEWEST)
    monkeypatch.setattr(tuning, "trainer_of", choosing(train))
    monkeypatch.setattr(tuning, "embedder_of", hashing)
    return given


def choosing(trainer: Trainer) -> Callable[[Settings, Kind], Trainer]:
    return lambda settings, kind: trainer


def hashing(settings: Settings, model: str) -> Embedder:
    return HashingEmbedder(64)


def test_a_model_that_is_no_better_is_dropped(service: Running, trained: list[Sequence[Example]]) -> None:
    collection = service.services.collections.by_name("default")
    assert collection is not None

    outcome = tune(service.services, "embedder", collection, 0.5, lambda _: None)

    [examples] = trained
    assert outcome.folder is None
    assert list((service.services.settings.data_dir / "models").iterdir()) == []
    assert outcome.trained == Trained(7, 30.0, "fp32")
    assert outcome.questions == {"headings": DOCUMENTS, "links": 0, "feedback": 0, "model": 0}
    assert len(examples) + outcome.comparison.questions == DOCUMENTS
    assert 0.2 < outcome.comparison.before <= 1
    assert not {each.query for each in examples} & {each.positive for each in examples}
    for each in examples:
        part = each.query.rpartition(" ")[2]
        assert f"as part {part}." in each.positive
        assert f"as part {part}." not in each.negatives[0]
        assert each.positive.startswith(LONG)


def test_a_better_model_is_kept(
    service: Running, trained: list[Sequence[Example]], monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = iter((0.4, 0.6))

    def measured(
        settings: Settings,
        chunks: Sequence[TrainingChunk],
        questions: Sequence[Known],
        embedder: Embedder,
        reranker: Reranker | None,
    ) -> list[float]:
        return [next(figures)] * len(questions)

    monkeypatch.setattr(tuning, "measure", measured)
    collection = service.services.collections.by_name("default")
    assert collection is not None

    outcome = tune(service.services, "reranker", collection, 0.5, lambda _: None)

    assert outcome.folder is not None
    assert outcome.folder.is_dir()
    assert outcome.folder.name.startswith("default-reranker-")
    assert len(trained[0][0].negatives) == 4
    outcome.folder.rmdir()


def test_a_training_that_fails_leaves_nothing(service: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(examples: Sequence[Example], folder: Path, seconds: float) -> Trained:
        folder.mkdir()
        raise ModelUnavailable("no model")

    monkeypatch.setattr(tuning, "FEWEST", FEWEST)
    monkeypatch.setattr(tuning, "trainer_of", choosing(failing))
    collection = service.services.collections.by_name("default")
    assert collection is not None

    with pytest.raises(ModelUnavailable):
        tune(service.services, "embedder", collection, 0.5, lambda _: None)
    assert list((service.services.settings.data_dir / "models").iterdir()) == []


def test_a_collection_with_too_little_says_what_would_give_more(service: Running) -> None:
    empty = service.services.collections.ensure("empty", service.services.embedder.fingerprint)

    with pytest.raises(CannotTune, match=r"0 questions to train by.*OPENBOOK_GENERATOR_URL"):
        tune(service.services, "reranker", empty, 0.5, lambda _: None)


def test_an_embedder_that_is_elsewhere_says_what_can_be_tuned() -> None:
    with pytest.raises(ModelUnavailable, match=r"OPENBOOK_EMBEDDER=hashing.*packaged-minilm"):
        trainer_of(Settings(embedder="hashing"), "embedder")


def test_without_the_extra_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    for name in [each for each in sys.modules if each.startswith("retrieval.tuning.") and each != types.__name__]:
        monkeypatch.delitem(sys.modules, name)

    with pytest.raises(ModelUnavailable, match=r'pip install "openbook\[tune\]"'):
        trainer_of(Settings(), "embedder")


def test_an_answer_that_was_liked_is_found_with_its_chunks(service: Running) -> None:
    with service.client(service.admin_secret) as client:
        answer = client.post("/v1/answers", json={"question": "What is made of copper and velvet?"}).json()
        client.post(f"/v1/answers/{answer['id']}/feedback", json={"rating": 1})

    liked = service.services.training.liked()

    cited = frozenset(ChunkId(int(citation["chunk_id"])) for citation in answer["citations"])
    assert cited
    assert liked == [LikedQuestion("What is made of copper and velvet?", cited)]
