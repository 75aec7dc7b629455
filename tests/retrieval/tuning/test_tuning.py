"""Both trainings on models that are real: what comes out is a model like any other, near to what went in."""

from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file  # pyright: ignore[reportUnknownVariableType]
from torch.nn.modules.module import register_module_forward_hook
from transformers import Trainer

from retrieval.embedders.bert import is_bert
from retrieval.embedders.model_folder import LANGUAGES_FILE
from retrieval.embedders.prompts import NO_PROMPTS
from retrieval.embedders.sentence_transformers import SentenceTransformerEmbedder
from retrieval.errors import ModelUnavailable
from retrieval.rerankers.cross_encoder import CrossEncoderReranker
from retrieval.tuning.embedder import train_embedder
from retrieval.tuning.reranker import train_reranker
from retrieval.tuning.types import Example
from tests.contracts.reranker import CANDIDATES, QUERY, TEXTS, VECTOR
from tests.tiny_models import save_cross_encoder, save_embedder

# peft asks transformers for a flag by its old name.
pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")

EXAMPLES = [
    Example(
        f"What is the zorblat of ship {number}?", f"Ship {number} carries its keel high.", (f"Ship {number} sank.",)
    )
    for number in range(128)
]


@pytest.fixture(autouse=True)
def exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    """In fp32 wherever the tests run."""
    monkeypatch.setattr("retrieval.embedders.sentence_transformers.halves_pay", lambda: False)
    monkeypatch.setattr("retrieval.tuning.lora.halves_pay", lambda: False)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """An embedder that says that it knows English."""
    texts = [text for each in EXAMPLES for text in (each.query, each.positive, *each.negatives)]
    folder = save_embedder(tmp_path / "base", texts)
    (folder / LANGUAGES_FILE).write_text('["en"]')
    return folder


def test_a_tuned_embedder_is_a_model_like_its_base_and_draws_questions_to_their_texts(
    tmp_path: Path, base: Path
) -> None:
    folder = tmp_path / "tuned"

    trained = train_embedder(str(base), NO_PROMPTS, EXAMPLES, folder, seconds=60)

    untuned, tuned = SentenceTransformerEmbedder(str(base)), SentenceTransformerEmbedder(str(folder))
    assert trained.steps == 12
    assert is_bert(folder)
    assert (tuned.window, tuned.dim, tuned.languages) == (untuned.window, untuned.dim, {"en"})
    assert tuned.fingerprint != untuned.fingerprint
    assert gain(tuned) > gain(untuned)
    [vector], [other] = untuned.embed_queries(["An unrelated text"]), tuned.embed_queries(["An unrelated text"])
    assert vector @ other > 0.8


def gain(embedder: SentenceTransformerEmbedder) -> float:
    """How much nearer the questions are to their texts than to the negatives, on average."""
    asked = embedder.embed_queries([each.query for each in EXAMPLES])
    right = embedder.embed_queries([each.positive for each in EXAMPLES])
    wrong = embedder.embed_queries([each.negatives[0] for each in EXAMPLES])
    return float(((asked * right).sum(axis=1) - (asked * wrong).sum(axis=1)).mean()) + 1


def test_a_training_stops_when_its_time_is_over(tmp_path: Path, base: Path) -> None:
    trained = train_embedder(str(base), NO_PROMPTS, EXAMPLES, tmp_path / "tuned", seconds=0)

    assert trained.steps == 1


def test_a_tuned_reranker_is_a_cross_encoder(tmp_path: Path) -> None:
    pairs = [(QUERY, text) for text in TEXTS]
    base = save_cross_encoder(tmp_path / "base", pairs, [0.0, 0.0, 1.0])
    examples = [Example(QUERY, TEXTS[2], TEXTS[:2])] * 8

    trained = train_reranker(str(base), examples, tmp_path / "tuned", seconds=60)

    before = CrossEncoderReranker(str(base)).scores(QUERY, VECTOR, CANDIDATES)
    after = CrossEncoderReranker(str(tmp_path / "tuned")).scores(QUERY, VECTOR, CANDIDATES)
    assert trained.steps == 3
    assert max(range(3), key=after.__getitem__) == 2
    assert after != pytest.approx(before, abs=1e-6)


@dataclass(slots=True)
class Watched:
    """The loss of each step, and the precisions that linear layers gave their numbers in."""

    losses: list[float] = field(default_factory=list[float])
    precisions: set[torch.dtype] = field(default_factory=set[torch.dtype])


@pytest.fixture
def halved(monkeypatch: pytest.MonkeyPatch) -> Watched:
    """In bf16, which any processor can, if slowly."""
    watched, step = Watched(), Trainer.training_step

    def note(module: torch.nn.Module, _: Any, output: Any) -> None:
        if isinstance(module, torch.nn.Linear):
            watched.precisions.add(output.dtype)

    def watched_step(*given: Any, **named: Any) -> torch.Tensor:
        hook = register_module_forward_hook(note)
        loss = step(*given, **named)
        hook.remove()
        watched.losses.append(loss.item())
        return loss

    monkeypatch.setattr("retrieval.tuning.lora.halves_pay", lambda: True)
    monkeypatch.setattr(Trainer, "training_step", watched_step)
    return watched


@pytest.mark.parametrize("kind", ["embedder", "reranker"])
def test_a_training_in_bf16_leaves_a_model_in_fp32(tmp_path: Path, base: Path, halved: Watched, kind: str) -> None:
    folder = tmp_path / "tuned"
    if kind == "embedder":
        trained = train_embedder(str(base), NO_PROMPTS, EXAMPLES, folder, seconds=60)
    else:
        base = save_cross_encoder(tmp_path / "judge", [(QUERY, text) for text in TEXTS], [0.0, 0.0, 1.0])
        trained = train_reranker(str(base), [Example(QUERY, TEXTS[2], TEXTS[:2])] * 32, folder, seconds=60)

    before, after = (load_file(each / "model.safetensors") for each in (base, folder))
    assert trained.precision == "bf16"
    assert halved.precisions == {torch.bfloat16}
    assert len(halved.losses) == trained.steps > 1
    assert all(isfinite(loss) for loss in halved.losses)
    assert after.keys() == before.keys()
    assert all(each.dtype == torch.float32 and each.isfinite().all() for each in after.values())
    assert any(not after[name].equal(before[name]) for name in before)


def test_a_base_that_cannot_be_had_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="OPENBOOK_EMBEDDER"):
        train_embedder(str(tmp_path), NO_PROMPTS, EXAMPLES, tmp_path / "tuned", seconds=1)
