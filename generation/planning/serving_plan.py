"""Whether a decoder fits a GPU: bytes of weights and of KV cache, how many answers at a time, and vLLM's flags."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from generation.planning.decoder import Decoder

Precision: TypeAlias = Literal["bf16", "fp8", "int4"]

GIBIBYTE = 1 << 30
UTILISATION = 0.9
"""The share of the card that vLLM is given; the rest is the driver's and other programs'."""

_WEIGHT_BYTES: dict[Precision, float] = {
    "bf16": 2.0,
    "fp8": 1.0,
    "int4": 0.5 + 2.5 / 128,  # per group of 128 a scale in half precision and a zero point
}
_CACHE_BYTES: dict[Precision, float] = {"bf16": 2.0, "fp8": 1.0, "int4": 2.0}
_WEIGHT_FLAGS: dict[Precision, tuple[str, ...]] = {
    "bf16": ("--dtype bfloat16",),
    "fp8": ("--quantization fp8",),
    "int4": (),  # vLLM makes no such weights itself: the checkpoint has them, and names its method
}
_CACHE_FLAGS: dict[Precision, tuple[str, ...]] = {"bf16": (), "fp8": ("--kv-cache-dtype fp8",), "int4": ()}
_BLOCK = 16  # tokens; vLLM's unit of the cache
_BATCHED_TOKENS = 8192
_MOST_SEQUENCES = 256  # answers at a time that are planned for
_GRAPHS_BYTES = 3 * GIBIBYTE // 2  # an allowance for CUDA graphs and the allocator, not a measurement


@dataclass(frozen=True, slots=True)
class Plan:
    """One way to serve a model. `answers` is how many of `context` tokens fit at once; 0: the model does not fit."""

    precision: Precision
    weight_bytes: int
    cache_bytes_per_token: int
    """On all cards together, while no sliding window is full."""
    cache_bytes_per_answer: int
    reserved_bytes: int
    """For activations, logits and CUDA graphs: an allowance."""
    free_bytes: int
    """What is left for the cache; negative by how much it lacks."""
    answers: int
    flags: tuple[str, ...]
    other_checkpoint: bool
    """Whether it takes one whose weights lie in this precision, as those at hand do not."""


def plans(decoder: Decoder, gpu_bytes: int, context: int, gpus: int = 1) -> tuple[Plan, ...]:
    """One plan per precision for `gpus` cards of `gpu_bytes` each.

    The weights are split evenly between them; the cache by its heads, so that cards past their number hold copies. Of a
    checkpoint that is quantised already the precision that comes nearest is the one to look at.
    """
    return tuple(_plan(decoder, precision, gpu_bytes, context, gpus) for precision in _WEIGHT_BYTES)


def _plan(decoder: Decoder, precision: Precision, gpu_bytes: int, context: int, gpus: int) -> Plan:
    parameters = decoder.parameters
    kept = parameters.total - parameters.quantisable
    weights = int(kept * 2 + parameters.quantisable * _WEIGHT_BYTES[precision])
    blocks = -(-context // _BLOCK)
    copies = -(-gpus // decoder.key_heads)
    per_answer = copies * decoder.cache_bytes(blocks * _BLOCK, _CACHE_BYTES[precision])
    reserved = gpus * (_GRAPHS_BYTES + _activations(decoder) // gpus)
    free = int(gpus * gpu_bytes * UTILISATION) - weights - reserved
    answers = max(0, free // per_answer)
    flags = (
        f"--max-model-len {context}",
        f"--max-num-seqs {max(1, min(answers, _MOST_SEQUENCES))}",
        f"--max-num-batched-tokens {_BATCHED_TOKENS}",
        f"--gpu-memory-utilization {UTILISATION}",
        "--enable-prefix-caching",
        *(() if decoder.quantised else _WEIGHT_FLAGS[precision]),
        *_CACHE_FLAGS[precision],
        *((f"--tensor-parallel-size {gpus}",) if gpus > 1 else ()),
    )
    return Plan(
        precision=precision,
        weight_bytes=weights,
        cache_bytes_per_token=copies * decoder.cache_bytes(1, _CACHE_BYTES[precision]),
        cache_bytes_per_answer=per_answer,
        reserved_bytes=reserved,
        free_bytes=free,
        answers=answers,
        flags=flags,
        other_checkpoint=precision == "int4" and not decoder.quantised,
    )


def _activations(decoder: Decoder) -> int:
    """A batch's hidden states with room for a block's widest layer, and every sequence's logits in fp32."""
    return _BATCHED_TOKENS * decoder.hidden * 2 * 12 + _MOST_SEQUENCES * decoder.vocabulary * 4 * 2
