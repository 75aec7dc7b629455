"""Vectors by a sentence-transformers model on this machine: all-MiniLM-L6-v2 from its package unless told otherwise.

One forward pass gives the chunk's vector and, for a model trained with mean pooling, a vector per sentence, pooled over
the sentence's own token embeddings; other models encode each sentence by itself. Torch and the model are loaded at the
first embedding, in the fastest precision that the processor really has; a plain BERT without sentence-transformers.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from retrieval.embedders.counted import Counted
from retrieval.embedders.model_folder import PACKAGED, ModelFolder, Tokens, languages_of, open_model, unavailable
from retrieval.embedders.parts import parted
from retrieval.embedders.prompts import NO_PROMPTS, Prompts
from retrieval.ports import Embedder
from retrieval.types import Matrix, PassageEmbedding, PassageInput, Span

if TYPE_CHECKING:
    import torch

    _Forward = Callable[[dict[str, object]], dict[str, torch.Tensor]]

_T = TypeVar("_T")

BATCH_TOKENS = 2048  # padded; of texts in the order of their length
CARD_TOKENS = 32_768  # the same on a GPU, which has to be filled
LANE_TOKENS = 1024  # of a batch that one core computes: small enough that no core waits long for the last one
HALF_GAIN = 1.3  # how much faster bf16 must be to be worth its rounding


class SentenceTransformerEmbedder(Embedder):
    """`model` is `packaged-minilm`, a folder or a name on the hub; `languages` is what it was trained on, if known.

    `prompts` go before the model's own.
    """

    def __init__(
        self,
        model: str = PACKAGED,
        device: str | None = None,
        languages: frozenset[str] | None = None,
        prompts: Prompts = NO_PROMPTS,
    ) -> None:
        self._model = model
        self._prompts = prompts
        self._device = device
        self._languages = languages if languages is not None else languages_of(model)
        self._lock = threading.Lock()
        self._folder: ModelFolder | None = None
        self._network: _Network | None = None
        self._counted: Counted | None = None

    @property
    def fingerprint(self) -> str:
        return self._opened().fingerprint

    @property
    def dim(self) -> int:
        return self._opened().dim

    @property
    def window(self) -> int:
        folder = self._opened()
        return folder.window - folder.count([folder.passage_prompt])[0]

    @property
    def languages(self) -> frozenset[str]:
        return self._languages

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        folder = self._opened()
        return folder.count(texts) if self._counted is None else self._counted.count(folder, texts)

    def embed_queries(self, texts: Sequence[str]) -> Matrix:
        folder = self._opened()
        return self._whole([folder.query_prompt + text for text in texts], folder.query_prompt)

    def embed_passages(self, passages: Sequence[PassageInput]) -> list[PassageEmbedding]:
        folder = self._opened()
        prompt = folder.passage_prompt
        if not folder.late:
            texts = [prompt + passage.prefix + passage.text for passage in passages]
            sentences = [prompt + passage.text[start:end] for passage in passages for start, end in passage.sentences]
            both = self._whole([*texts, *sentences], prompt)
            return parted(both, [len(passage.sentences) for passage in passages])
        self._counted = self._counted or Counted()  # from now on: who embeds no passages has no use for it
        tokens = self._counted.read(folder, passages)

        def pooled(rows: list[int]) -> list[PassageEmbedding]:
            spans = [_shifted(passages[row].sentences, len(prompt) + len(passages[row].prefix)) for row in rows]
            return self._loaded().pooled([tokens[row] for row in rows], spans)

        embedded: dict[int, PassageEmbedding] = {}
        for rows, vectors in self._loaded().each(tokens, pooled):
            embedded.update(zip(rows, vectors, strict=True))
        return [embedded[row] for row in range(len(passages))]

    def _whole(self, texts: Sequence[str], prompt: str) -> Matrix:
        folder = self._opened()
        tokens = folder.read(texts)
        vectors = np.zeros((len(texts), folder.dim), np.float32)
        for rows, found in self._loaded().each(
            tokens, lambda rows: self._loaded().whole([tokens[row] for row in rows], prompt)
        ):
            vectors[rows] = found
        return vectors

    def _opened(self) -> ModelFolder:
        if self._folder is None:
            with self._lock:
                self._folder = self._folder or open_model(self._model, self._prompts)
        return self._folder

    def _loaded(self) -> _Network:
        folder = self._opened()
        if self._network is None:
            with self._lock:
                self._network = self._network or _load(self._model, folder, self._device)
        return self._network


class _Network:
    """The loaded model: the only place that touches torch."""

    def __init__(self, folder: ModelFolder, device: str, forward: _Forward) -> None:
        import torch  # noqa: PLC0415 - see _load

        self._torch = torch
        self._folder = folder
        self._device = device
        self._forward = forward
        cores = torch.get_num_threads() if device == "cpu" else 1
        self._lanes = (
            ThreadPoolExecutor(cores, "encoder", initializer=torch.set_num_threads, initargs=(1,))
            if cores > 1
            else None
        )

    def each(self, tokens: Sequence[Tokens], compute: Callable[[list[int]], _T]) -> Iterator[tuple[list[int], _T]]:
        """The rows of every batch with what `compute` makes of them; on a processor each core has a batch of its own.

        Threads that share a batch meet after every operation, so that whatever else takes one core holds up all: beside
        two processes that take a quarter of a core each, cores of their own gave 1.23 times as many chunks a second.
        """
        lengths = [len(one.ids) for one in tokens]
        together = list(_batches(lengths, BATCH_TOKENS if self._device == "cpu" else CARD_TOKENS))
        if self._lanes is None or len(together) == 1:
            return ((rows, compute(rows)) for rows in together)
        batches = list(_batches(lengths, LANE_TOKENS))
        return zip(batches, self._lanes.map(compute, batches), strict=True)

    def whole(self, tokens: Sequence[Tokens], prompt: str) -> Matrix:
        with self._torch.inference_mode():
            return self._unit(self._forward(self._features(tokens, prompt))["sentence_embedding"])

    def pooled(self, tokens: Sequence[Tokens], spans: Sequence[Sequence[Span]]) -> list[PassageEmbedding]:
        """The mean over all tokens and over those of each sentence, from one pass."""
        torch = self._torch
        with torch.inference_mode():
            embedded = self._forward(self._features(tokens, self._folder.passage_prompt))
            by_token = embedded["token_embeddings"]
            counts = [len(one) for one in spans]
            owner = torch.from_numpy(_owners(tokens, spans, by_token.shape[1]).reshape(-1)).to(self._device)
            sums = torch.zeros(sum(counts) + 1, by_token.shape[2], device=self._device)
            sums.index_add_(0, owner, by_token.reshape(-1, by_token.shape[2]).float())
            return parted(np.concatenate((self._unit(embedded["sentence_embedding"]), self._unit(sums[:-1]))), counts)

    def _features(self, tokens: Sequence[Tokens], prompt: str) -> dict[str, object]:
        longest = max(len(one.ids) for one in tokens)
        ids = np.full((len(tokens), longest), self._folder.pad, np.int64)
        mask = np.zeros((len(tokens), longest), np.int64)
        for row, one in enumerate(tokens):
            ids[row, : len(one.ids)] = one.ids
            mask[row, : len(one.ids)] = 1
        features: dict[str, object] = {
            "input_ids": self._torch.from_numpy(ids).to(self._device),
            "attention_mask": self._torch.from_numpy(mask).to(self._device),
        }
        if prompt and not self._folder.pools_prompt:
            [read] = self._folder.read([prompt])
            features["prompt_length"] = len(read.ids) - 1
        return features

    def _unit(self, vectors: torch.Tensor) -> Matrix:
        scaled = self._torch.nn.functional.normalize(vectors.float(), dim=-1)
        return cast("Matrix", scaled.cpu().numpy())


def _load(name: str, folder: ModelFolder, device: str | None) -> _Network:
    # A second and 200 MB that a process which does not embed never needs; sentence-transformers is as much again.
    import torch  # noqa: PLC0415
    from safetensors import SafetensorError  # noqa: PLC0415

    from retrieval.embedders.bert import Bert, is_bert  # noqa: PLC0415

    chosen = device or ("cuda" if torch.cuda.is_available() else "cpu")
    precision = torch.bfloat16 if chosen != "cpu" or halves_pay() else torch.float32
    try:
        if folder.late and folder.pools_prompt and is_bert(folder.root):
            return _Network(folder, chosen, cast("_Forward", Bert(folder.root, chosen, precision)))
        return _Network(folder, chosen, _sentence_transformer(folder, chosen, precision))
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        raise unavailable(name, f"it cannot be loaded ({error!r})") from error


def _sentence_transformer(folder: ModelFolder, device: str, precision: torch.dtype) -> _Forward:
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415 - see _load
    from transformers.utils.logging import disable_progress_bar  # noqa: PLC0415

    disable_progress_bar()
    model = SentenceTransformer(
        str(folder.path),
        device=device,
        local_files_only=True,
        # Safetensors only: the other format is a pickle.
        model_kwargs={"dtype": precision, "attn_implementation": "sdpa", "use_safetensors": True},
    )
    return cast("_Forward", model.eval().to(precision))


def halves_pay() -> bool:
    """Whether this processor has bf16 units: by measure, since not every bf16 that is offered is fast.

    The measure is one thread's processor time: on a busy machine two threads wait for each other so long that the clock
    tells no difference.
    """
    import torch  # noqa: PLC0415 - see _load

    def seconds(precision: torch.dtype) -> float:
        left, right = torch.ones(256, 384, dtype=precision), torch.ones(1536, 384, dtype=precision)
        return min(_processor_time(lambda: torch.nn.functional.linear(left, right)) for _ in range(7))

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return seconds(torch.float32) >= HALF_GAIN * seconds(torch.bfloat16)
    finally:
        torch.set_num_threads(threads)


def _processor_time(call: Callable[[], object]) -> float:
    start = time.thread_time()
    call()
    return time.thread_time() - start


def _batches(lengths: Sequence[int], most: int) -> Iterator[list[int]]:
    """Rows by length, so that little is padded, as many at a time as make so many tokens."""
    batch: list[int] = []
    for row in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and (len(batch) + 1) * lengths[row] > most:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def _shifted(spans: Sequence[Span], by: int) -> list[Span]:
    return [(start + by, end + by) for start, end in spans]


def _owners(tokens: Sequence[Tokens], spans: Sequence[Sequence[Span]], longest: int) -> NDArray[np.int64]:
    """For each token of a batch the number of the sentence that it ends in, counted through; one past all for none."""
    nobody = sum(len(one) for one in spans)
    owners = np.full((len(tokens), longest), nobody, np.int64)
    first = 0
    for row, (one, sentences) in enumerate(zip(tokens, spans, strict=True)):
        if sentences:
            starts, ends = np.array(sentences, np.int64).T
            sentence = np.searchsorted(starts, one.last, side="right") - 1
            inside = (sentence >= 0) & (one.last < ends[sentence])
            owners[row, : len(one.ids)] = np.where(inside, first + sentence, nobody)
        first += len(sentences)
    return owners
