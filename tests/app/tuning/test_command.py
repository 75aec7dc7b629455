"""`openbook tune` from a collection to a model on disk: a real training of models of a few thousand parameters."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli.main import cli
from app.db.types import TrainingChunk
from app.settings import Settings
from app.tuning import questions
from app.tuning import tune as tuning
from app.tuning.questions import Known
from retrieval.embedders.sentence_transformers import SentenceTransformerEmbedder
from retrieval.ports import Embedder, Reranker
from tests.app.library import add, services
from tests.tiny_models import save_cross_encoder, save_embedder

# peft asks transformers for a flag by its old name.
pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")

DOCUMENTS = 16
WORDS = ("copper", "timber", "granite", "velvet")
SAID = "It is opened with a wrench of nine millimetres and closed again by hand after that, as the others are."


def title(number: int) -> str:
    return f"The {WORDS[number % 4]} and {WORDS[number // 4]} pump"


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder whose collection `pumps` was embedded by a tiny model, which the environment names."""
    texts = [*(title(number) for number in range(DOCUMENTS)), SAID, "Grease before is moved"]
    base = save_embedder(tmp_path / "base", texts)
    with services(tmp_path / "data", embedder=str(base)) as given:
        for number in range(DOCUMENTS):
            after = title((number + 1) % DOCUMENTS)
            add(
                given,
                f"{number}.md",
                f"# {title(number)}\n\n{SAID} Grease {title(number)} before {after} is moved.",
                "pumps",
            )
    for name, value in (("DATA_DIR", tmp_path / "data"), ("EMBEDDER", base), ("PARSE_PROCESSES", 1)):
        monkeypatch.setenv(f"OPENBOOK_{name}", str(value))
    monkeypatch.setattr("retrieval.tuning.lora.halves_pay", lambda: False)
    monkeypatch.setattr(tuning, "FEWEST", 1)
    monkeypatch.setattr(questions, "HELD_BACK", 2)  # by ids that are random: of four or so, there may be none
    return tmp_path / "data"


def better(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever was trained finds more."""
    figures = iter((0.4, 0.6))

    def measured(
        settings: Settings,
        chunks: Sequence[TrainingChunk],
        held_back: Sequence[Known],
        embedder: Embedder,
        reranker: Reranker | None,
    ) -> list[float]:
        assert embedder.embed_queries([held_back[0].text]).shape == (1, embedder.dim)
        return [next(figures)] * len(held_back)

    monkeypatch.setattr(tuning, "measure", measured)


def tune(*arguments: str, fails: bool = False) -> str:
    result = CliRunner().invoke(cli, ["tune", *arguments])
    assert (result.exit_code != 0) == fails, result.output + repr(result.exception)
    return " ".join(result.output.split())


def test_a_better_embedder_is_left_in_a_folder_that_can_be_set(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    better(monkeypatch)

    output = tune("embedder", "pumps", "--minutes", "0.2")

    [folder] = (data / "models").iterdir()
    assert f"Questions: {DOCUMENTS} from headings, {DOCUMENTS} from links." in output
    assert "0.400 before, 0.600 after; difference +0.200, 95 % between +0.200 and +0.200" in output
    assert f"Set OPENBOOK_EMBEDDER={folder}, start the service again, and run openbook reindex pumps." in output
    tuned, base = SentenceTransformerEmbedder(str(folder)), SentenceTransformerEmbedder(str(data.parent / "base"))
    assert tuned.fingerprint != base.fingerprint
    assert float(tuned.embed_queries([SAID])[0] @ base.embed_queries([SAID])[0]) > 0.5


def test_a_reranker_that_is_measured_to_be_no_better_is_not_kept(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = [(title(number), f"{title(number)} {SAID}") for number in range(4)]
    base = save_cross_encoder(data.parent / "reranker", pairs, [1.0, 0.0, 1.0, 0.0])
    monkeypatch.setenv("OPENBOOK_RERANKER", f"cross-encoder:{base}")

    output = tune("reranker", "pumps", "--minutes", "0.2")

    assert "steps in" in output
    assert "Not significantly better: the model was not kept, and nothing changes." in output
    assert list((data / "models").iterdir()) == []


def test_a_collection_that_is_not_there_is_named(data: Path) -> None:
    assert "there is no collection “valves”" in tune("embedder", "valves", fails=True)
