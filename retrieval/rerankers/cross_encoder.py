"""A cross-encoder reads the query and a candidate together, on this machine, and says how well they match."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from retrieval.errors import RerankerUnavailable
from retrieval.hub import ModelNotFound, model_files
from retrieval.ports import Reranker
from retrieval.rerankers.passages import passage
from retrieval.types import PlacedChunk, Vector

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

MOST = 32  # candidates, a pass through the model each
BATCH = 16  # pairs read at once
RETRY_SECONDS = 60.0  # after which a model that could not be had is tried again

_log = logging.getLogger(__name__)


class CrossEncoderReranker(Reranker):
    """`model` is a folder or a name on the hub of a sentence-transformers CrossEncoder with one score per pair.

    It is loaded when first asked, from safetensors alone, and no code that comes with it runs.
    """

    weight: float = 0.9
    """Its order stands; where it finds two alike, what was fused decides."""
    most: int | None = MOST

    def __init__(self, model: str, device: str | None = None) -> None:
        self._model = model
        self._device = device
        self._lock = threading.Lock()  # two passes at a time would share the cores that one can use alone
        self._loaded: CrossEncoder | None = None
        self._retry_at = 0.0
        self._why = ""

    def scores(self, query: str, query_vector: Vector | None, candidates: Sequence[PlacedChunk]) -> list[float]:
        if not candidates:
            return []
        asked = query.encode("utf-8", "replace").decode()
        pairs = [(asked, passage(candidate)) for candidate in candidates]
        with self._lock:
            model = self._had()
            try:
                given = model.predict(pairs, batch_size=BATCH, show_progress_bar=False)
            except (RuntimeError, ValueError, IndexError) as error:
                raise self._unavailable(f"it cannot score ({type(error).__name__})") from error
        scores = np.asarray(given, np.float64).reshape(-1)
        if len(scores) != len(pairs) or not (np.isfinite(scores) & (scores >= 0) & (scores <= 1)).all():
            raise self._unavailable("its scores are not between 0 and 1: it needs a sigmoid as its activation")
        return scores.tolist()

    def _had(self) -> CrossEncoder:
        if self._loaded is None:
            if time.monotonic() < self._retry_at:
                raise self._unavailable(self._why)
            try:
                self._loaded = self._load()
            except RerankerUnavailable as error:
                _log.warning("%s", error)
                self._retry_at = time.monotonic() + RETRY_SECONDS
                raise
        return self._loaded

    def _load(self) -> CrossEncoder:
        try:
            folder = model_files(self._model)
            model = _cross_encoder(folder, self._device)
        except (ModelNotFound, OSError, ValueError, RuntimeError, KeyError) as error:
            raise self._unavailable(str(error)) from error
        return model

    def _unavailable(self, why: str) -> RerankerUnavailable:
        self._why = why
        return RerankerUnavailable(
            f"cross-encoder {self._model!r}: {why}. Set OPENBOOK_RERANKER to 'sentence', or to cross-encoder: and a "
            "folder or a model of the hub that this machine can reach."
        )


def _cross_encoder(folder: Path, device: str | None) -> CrossEncoder:
    # Seconds and hundreds of megabytes that a process which does not rerank by it never needs.
    import torch  # noqa: PLC0415
    from safetensors import SafetensorError  # noqa: PLC0415
    from sentence_transformers import CrossEncoder  # noqa: PLC0415
    from transformers.utils.logging import disable_progress_bar  # noqa: PLC0415

    disable_progress_bar()
    if not _judges_pairs(folder):
        raise ValueError(f"{folder} holds no model that gives a pair a score")
    chosen = device or ("cuda" if torch.cuda.is_available() else "cpu")
    precision = torch.float32 if chosen == "cpu" else torch.bfloat16
    try:
        model = CrossEncoder(
            str(folder),
            device=chosen,
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"dtype": precision, "use_safetensors": True},
        )
    except SafetensorError as error:
        raise ValueError(f"{folder}: its weights are damaged") from error
    if model.num_labels != 1:
        raise ValueError(f"{folder} gives {model.num_labels} scores to a pair; a reranker gives one")
    return model


def _judges_pairs(folder: Path) -> bool:
    """Any other model would be given a head of random numbers, and would judge by those."""
    described, config = _json(folder / "config_sentence_transformers.json"), _json(folder / "config.json")
    named = cast("list[str]", config.get("architectures") or [])
    heads = ("ForSequenceClassification", "ForCausalLM")
    return described.get("model_type") == "CrossEncoder" or any(name.endswith(heads) for name in named)


def _json(file: Path) -> Mapping[str, object]:
    return cast("Mapping[str, object]", json.loads(file.read_text(encoding="utf-8"))) if file.exists() else {}
