"""Both trainings on models that are real: what comes out is a model like any other, near to what went in."""

from pathlib import Path

import pytest

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


def test_a_base_that_cannot_be_had_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="OPENBOOK_EMBEDDER"):
        train_embedder(str(tmp_path), NO_PROMPTS, EXAMPLES, tmp_path / "tuned", seconds=1)
