"""A BERT encoder with mean pooling, run straight from its weights.

It does what sentence-transformers does with such a model, without importing it: 170 MB and 3.6 s of CPU less in every
process that embeds, and weights packed once for oneDNN make a question take about half the time and a batch a seventh
less. The tests hold it to sentence-transformers' own vectors.

oneDNN compiles a kernel for each shape that it meets, which may take as long as computing the batch, so there are few
shapes: all tokens of a batch stand in one column without padding, rounded up, and only attention sees them by rows.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self, cast

import safetensors.torch as safetensors
import torch
from torch import Tensor
from torch.nn import functional

Linear = Callable[[Tensor], Tensor]
FILE = "model.safetensors"
_FEW = 64  # tokens of a batch: up to here the next power of two is computed, past it the next multiple
_ROW = 16  # tokens: rows are a multiple of it long


@dataclass(frozen=True, slots=True, eq=False)
class _Norm:
    weight: Tensor
    bias: Tensor
    epsilon: float

    def __call__(self, x: Tensor) -> Tensor:
        return functional.layer_norm(x, self.weight.shape, self.weight, self.bias, self.epsilon)


@dataclass(frozen=True, slots=True, eq=False)
class _Layout:
    """Where each token of a batch stands: in rows, as it came, and in one column of round length."""

    rows: int
    cells: Tensor
    """The place in the rows of each token of the column; past the last token any place."""
    places: Tensor
    """The place in the column of each token of the rows; where a row is padded any place."""
    mask: Tensor
    """What is added to the attention that a token of a row gets: nothing, or where the row is padded -inf."""

    @classmethod
    def of(cls, present: Tensor, precision: torch.dtype) -> Self:
        rows, longest = present.shape
        cells = present.flatten().nonzero().squeeze(1)
        places = torch.zeros(rows * longest, dtype=torch.long, device=present.device)
        places[cells] = torch.arange(len(cells), device=present.device)
        mask = torch.zeros(present.shape, dtype=precision, device=present.device).masked_fill_(~present, -torch.inf)
        return cls(
            rows,
            functional.pad(cells, (0, _rounded(len(cells)) - len(cells))),
            places,
            mask[:, None, None, :].expand(-1, 1, longest, -1),
        )

    def spread(self, column: Tensor) -> Tensor:
        """Tokens by rows."""
        return column.index_select(0, self.places).view(self.rows, -1, column.shape[1])

    def gathered(self, grid: Tensor) -> Tensor:
        """Tokens in the column."""
        return grid.flatten(0, 1).index_select(0, self.cells)


@dataclass(frozen=True, slots=True, eq=False)
class _Layer:
    """Attention and feed-forward, each followed by its norm."""

    heads: int
    query_key_value: Linear
    attended: Linear
    attention_norm: _Norm
    widen: Linear
    narrow: Linear
    norm: _Norm

    def __call__(self, x: Tensor, layout: _Layout) -> Tensor:
        parts = layout.spread(self.query_key_value(x)).view(layout.rows, -1, 3, self.heads, x.shape[1] // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=layout.mask)
        x = self.attention_norm(x + self.attended(layout.gathered(mixed.transpose(1, 2).flatten(2))))
        return self.norm(x + self.narrow(self.widen(x)))


class Bert:
    """Called as a SentenceTransformer is: `input_ids` and `attention_mask` in, token and sentence embeddings out."""

    def __init__(self, root: Path, device: str, precision: torch.dtype) -> None:
        config = _config(root)
        weights = {
            name.removeprefix("bert."): weight.to(device, precision) if weight.is_floating_point() else weight
            for name, weight in cast("Mapping[str, Tensor]", safetensors.load_file(root / FILE)).items()
        }
        epsilon = float(str(config.get("layer_norm_eps", 1e-12)))
        self._words = weights["embeddings.word_embeddings.weight"]
        self._positions = (
            weights["embeddings.position_embeddings.weight"] + weights["embeddings.token_type_embeddings.weight"][0]
        )
        self._norm = _norm(weights, "embeddings.LayerNorm", epsilon)
        layers, heads = (int(str(config[key])) for key in ("num_hidden_layers", "num_attention_heads"))
        self._layers = [_layer(weights, f"encoder.layer.{number}.", heads, epsilon) for number in range(layers)]

    def __call__(self, features: Mapping[str, Tensor]) -> dict[str, Tensor]:
        padding = (0, -features["input_ids"].shape[1] % _ROW)
        ids = functional.pad(features["input_ids"], padding)
        present = functional.pad(features["attention_mask"], padding).bool()
        layout = _Layout.of(present, self._words.dtype)
        words = functional.embedding(ids.flatten()[layout.cells], self._words)
        x = self._norm(words + self._positions[layout.cells % ids.shape[1]])
        for layer in self._layers:
            x = layer(x, layout)
        tokens, counted = layout.spread(x), present.float()
        mean = torch.einsum("bt,btd->bd", counted, tokens.float()) / counted.sum(dim=1, keepdim=True).clamp(min=1)
        return {"token_embeddings": tokens, "sentence_embedding": mean}


def _rounded(count: int) -> int:
    return 1 << max(0, count - 1).bit_length() if count <= _FEW else -(-count // _FEW) * _FEW


def is_bert(root: Path) -> bool:
    """Whether the folder holds the weights of a BERT that this module computes exactly."""
    config = _config(root)
    plain = config.get("position_embedding_type", "absolute") == "absolute" and not config.get("is_decoder")
    return (
        config.get("model_type") == "bert" and config.get("hidden_act") == "gelu" and plain and (root / FILE).exists()
    )


def _config(root: Path) -> Mapping[str, object]:
    return cast("Mapping[str, object]", json.loads((root / "config.json").read_text(encoding="utf-8")))


def _norm(weights: Mapping[str, Tensor], name: str, epsilon: float) -> _Norm:
    return _Norm(weights[f"{name}.weight"], weights[f"{name}.bias"], epsilon)


def _layer(weights: Mapping[str, Tensor], name: str, heads: int, epsilon: float) -> _Layer:
    def both(part: str) -> tuple[Tensor, Tensor]:
        return weights[f"{name}{part}.weight"], weights[f"{name}{part}.bias"]

    three = [both(f"attention.self.{part}") for part in ("query", "key", "value")]
    return _Layer(
        heads,
        _linear(torch.cat([weight for weight, _ in three]), torch.cat([bias for _, bias in three])),
        _linear(*both("attention.output.dense")),
        _norm(weights, f"{name}attention.output.LayerNorm", epsilon),
        _linear(*both("intermediate.dense"), gelu=True),
        _linear(*both("output.dense")),
        _norm(weights, f"{name}output.LayerNorm", epsilon),
    )


def _linear(weight: Tensor, bias: Tensor, *, gelu: bool = False) -> Linear:
    mkldnn = torch.ops.mkldnn
    if weight.is_cpu and torch.backends.mkldnn.is_available() and hasattr(mkldnn, "_linear_pointwise"):
        # What torch's own compiler calls; GELU is computed before the product leaves the cache.
        packed = mkldnn._reorder_linear_weight(weight.contiguous())
        after, kind = ("gelu", "none") if gelu else ("none", "")
        return lambda x: cast("Tensor", mkldnn._linear_pointwise(x, packed, bias, after, [], kind))
    if gelu:
        return lambda x: functional.gelu(functional.linear(x, weight, bias))
    return lambda x: functional.linear(x, weight, bias)
