"""A decoder's shape, read from its config.json: parameters by part, and what each layer caches of a token.

The parameters are counted on the model's own skeleton, which transformers builds without weights: no formula of ours
can be wrong about an architecture. Nothing is loaded, and no code that comes with a model is run.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import torch
from transformers import AutoConfig, AutoModelForCausalLM, PretrainedConfig

from generation.errors import UnknownModel
from generation.planning.decoder import CachedLayer, Decoder, Parameters

_ATTENTION = ("attn", "attention")
_FEED_FORWARD = ("mlp", "feed_forward", "ffn", "block_sparse_moe", "shared_expert")
_EMBEDDING = ("embed", "wte", "wpe")
_EXPERT_COUNTS = ("num_local_experts", "num_experts", "n_routed_experts")
_NO_CACHE = {"linear_attention", "mamba", "recurrent", "conv"}


def read(model: str) -> Decoder:
    """From a config.json, a model's folder, or a hub's name where the hub can be reached. Raises UnknownModel."""
    path = Path(model)
    try:
        config = cast(
            PretrainedConfig, AutoConfig.from_pretrained(path if path.exists() else model, trust_remote_code=False)
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UnknownModel(
            f"{model}: expected a config.json, a folder with one, or a name on a model hub that can be reached "
            f"({_first_line(error)})"
        ) from error
    return describe(config.get_text_config())


def describe(config: PretrainedConfig) -> Decoder:
    """The decoder of a text configuration. Raises UnknownModel for what is none, or keeps its state otherwise."""
    try:
        with torch.device("meta"):
            skeleton = cast(torch.nn.Module, AutoModelForCausalLM.from_config(config, trust_remote_code=False))
    except (ValueError, TypeError, AttributeError, RuntimeError, ImportError, ArithmeticError) as error:
        raise UnknownModel(
            f"{config.model_type}: not a decoder that can be planned for ({_first_line(error)})"
        ) from error
    causal = [bool(module.is_causal) for module in skeleton.modules() if hasattr(module, "is_causal")]
    if causal and not any(causal):
        raise UnknownModel(f"{config.model_type}: an encoder, which writes no answers")
    heads = int(_first(config, ("num_attention_heads",)))
    kv_heads = _key_heads(config, heads)
    latent = bool(getattr(config, "kv_lora_rank", None))
    return Decoder(
        architecture=type(skeleton).__name__,
        attention="MLA" if latent else _kind(heads, kv_heads),
        key_heads=1 if latent else kv_heads,
        parameters=_parameters(skeleton, config),
        layers=_layers(config, heads, kv_heads),
        hidden=int(config.hidden_size),
        vocabulary=int(config.vocab_size),
        longest=int(_first(config, ("max_position_embeddings",), 0)),
        quantised=_quantised(config),
    )


def _parameters(skeleton: torch.nn.Module, config: PretrainedConfig) -> Parameters:
    counts = Counter[str]()
    for name, parameter in skeleton.named_parameters():  # tied ones are named once, as the embedding
        counts[_part(name, parameter)] += parameter.numel()
    experts = int(_first(config, _EXPERT_COUNTS, 1)) or 1
    active = int(_first(config, ("num_experts_per_tok", "num_experts_per_token"), experts))
    return Parameters(
        embedding=counts["embedding"],
        attention=counts["attention"],
        feed_forward=counts["feed_forward"],
        experts=counts["experts"],
        norms_and_routers=counts["rest"],
        head=counts["head"],
        experts_active=counts["experts"] * min(active, experts) // experts,
    )


def _part(name: str, parameter: torch.nn.Parameter) -> str:
    """Which part a parameter belongs to, by the names that all of transformers' decoders use."""
    parts = name.split(".")
    if any(word in part for part in parts for word in _EMBEDDING):
        return "embedding"
    if parts[0] in {"lm_head", "embed_out"}:
        return "head"
    if "experts" in parts:
        return "experts"
    if any(word in part for part in parts[:-1] for word in _ATTENTION):
        return "attention" if "norm" not in parts[-2] else "rest"
    is_router = parts[-2] in {"gate", "router"} or parts[-1] == "e_score_correction_bias"
    if not is_router and any(word in part for part in parts for word in _FEED_FORWARD):
        return "feed_forward"
    return "rest"


def _layers(config: PretrainedConfig, heads: int, kv_heads: int) -> tuple[CachedLayer, ...]:
    """One per layer; keys and values of each head, or the one compressed vector that latent attention keeps."""
    count = int(_first(config, ("num_hidden_layers",)))
    rank = getattr(config, "kv_lora_rank", None)
    if rank:
        numbers = int(rank) + int(config.qk_rope_head_dim)
    else:
        numbers = 2 * kv_heads * int(_first(config, ("head_dim",), int(config.hidden_size) // heads))
    kinds: Sequence[str] | None = getattr(config, "layer_types", None)
    if kinds is not None and (stateful := _NO_CACHE.intersection(kinds)):
        raise UnknownModel(
            f"{config.model_type}: its layers of {', '.join(sorted(stateful))} keep a state that is no KV cache; "
            "start vLLM with the model and read the figure from its log"
        )
    window = int(getattr(config, "sliding_window", None) or 0) or None
    if getattr(config, "use_sliding_window", None) is False:
        window = None
    if kinds is None:
        return (CachedLayer(numbers, window),) * count
    return tuple(CachedLayer(numbers, None if kind == "full_attention" else window) for kind in kinds)


def _key_heads(config: PretrainedConfig, heads: int) -> int:
    """How many heads have keys and values of their own; Falcon's first generation has one unless it says otherwise."""
    if config.model_type == "falcon" and not config.new_decoder_architecture:
        return 1 if config.multi_query else heads
    return int(_first(config, ("num_key_value_heads", "num_kv_heads"), heads))


def _kind(heads: int, kv_heads: int) -> str:
    if kv_heads == heads:
        return "MHA"
    return "MQA" if kv_heads == 1 else "GQA"


def _quantised(config: PretrainedConfig) -> str | None:
    given = getattr(config, "quantization_config", None)
    return str(cast(dict[str, object], given).get("quant_method", "unnamed")) if isinstance(given, dict) else None


def _first(config: PretrainedConfig, names: Sequence[str], otherwise: int | None = None) -> Any:
    for name in names:
        if (value := getattr(config, name, None)) is not None:
            return value
    if otherwise is None:
        raise UnknownModel(f"{config.model_type}: its configuration does not say {names[0]}")
    return otherwise


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0][:200]
