"""Parameters and caches against what makers publish, and against models that are really built and run."""

import json
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from safetensors.torch import load
from transformers import (
    AutoModelForCausalLM,
    DeepseekV3Config,
    DynamicCache,
    FalconConfig,
    Gemma2Config,
    GemmaConfig,
    GPT2Config,
    GPTBigCodeConfig,
    LlamaConfig,
    MambaConfig,
    MistralConfig,
    MixtralConfig,
    PretrainedConfig,
    PreTrainedModel,
    Qwen2Config,
    Qwen3MoeConfig,
)

from generation.errors import UnknownModel
from generation.planning.decoder import CachedLayer
from generation.planning.decoder_config import describe, read

TINY: dict[str, Any] = {
    "num_hidden_layers": 2,
    "hidden_size": 64,
    "intermediate_size": 96,
    "vocab_size": 128,
    "num_attention_heads": 4,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}

FALCON: dict[str, Any] = {key: value for key, value in TINY.items() if key != "intermediate_size"}


def shaped(kind: Any, width: int, inner: int, layers: int, vocabulary: int, **more: Any) -> Any:
    return kind(hidden_size=width, intermediate_size=inner, num_hidden_layers=layers, vocab_size=vocabulary, **more)


LLAMA_2 = shaped(LlamaConfig, 4096, 11008, 32, 32000, num_attention_heads=32, num_key_value_heads=32)
LLAMA_3 = shaped(LlamaConfig, 4096, 14336, 32, 128256, num_attention_heads=32, num_key_value_heads=8)
MISTRAL = shaped(
    MistralConfig, 4096, 14336, 32, 32000, num_attention_heads=32, num_key_value_heads=8, sliding_window=4096
)
QWEN = shaped(
    Qwen2Config, 3584, 18944, 28, 152064, num_attention_heads=28, num_key_value_heads=4, tie_word_embeddings=False
)
GEMMA = shaped(GemmaConfig, 3072, 24576, 28, 256128, num_attention_heads=16, num_key_value_heads=16, head_dim=256)
MIXTRAL = shaped(MixtralConfig, 4096, 14336, 32, 32000, num_attention_heads=32, num_key_value_heads=8)


@pytest.mark.parametrize(
    ("config", "total", "active", "attention", "bytes_per_token"),
    [
        (LLAMA_2, 6_738_415_616, 6_738_415_616, "MHA", 512 * 1024),
        (LLAMA_3, 8_030_261_248, 8_030_261_248, "GQA", 128 * 1024),
        (MISTRAL, 7_241_732_096, 7_241_732_096, "GQA", 128 * 1024),
        (QWEN, 7_615_616_512, 7_615_616_512, "GQA", 56 * 1024),
        (MIXTRAL, 46_702_792_704, 12_879_925_248, "GQA", 128 * 1024),
    ],
    ids=["Llama 2 7B", "Llama 3 8B", "Mistral 7B", "Qwen2.5 7B", "Mixtral 8x7B"],
)
def test_the_counts_are_those_that_the_makers_publish(
    config: PretrainedConfig, total: int, active: int, attention: str, bytes_per_token: int
) -> None:
    decoder = describe(config)
    found = (decoder.parameters.total, decoder.parameters.active, decoder.attention, decoder.cache_bytes(1))
    assert found == (total, active, attention, bytes_per_token)


def test_a_tied_head_is_counted_once_with_the_embedding() -> None:
    parameters = describe(GEMMA).parameters
    assert (parameters.embedding, parameters.head) == (786_825_216, 0)
    assert parameters.embedding == 256_128 * 3_072
    assert round(parameters.total / 1e9, 1) == 8.5


def test_one_shared_head_of_keys_is_mqa() -> None:
    assert describe(LlamaConfig(**TINY, num_key_value_heads=1)).attention == "MQA"


def test_the_parts_add_up_and_each_holds_its_own() -> None:
    parameters = describe(MixtralConfig(**TINY, num_key_value_heads=2, num_local_experts=4)).parameters
    width, inner, head = 64, 96, 16
    assert parameters.embedding == parameters.head == 128 * width
    assert parameters.attention == 2 * (2 * width * 4 * head + 2 * width * 2 * head)
    assert parameters.experts == 2 * 4 * 3 * width * inner
    assert parameters.experts_active == parameters.experts // 2
    assert parameters.feed_forward == 0
    assert parameters.norms_and_routers == 2 * (2 * width + 4 * width) + width


def test_experts_that_all_tokens_share_are_feed_forward() -> None:
    config = DeepseekV3Config(
        **TINY, num_key_value_heads=4, n_routed_experts=4, n_group=2, topk_group=1, num_experts_per_tok=2,
        first_k_dense_replace=1, moe_intermediate_size=32, n_shared_experts=1,
    )  # fmt: skip
    parameters = describe(config).parameters
    assert parameters.experts == 4 * 3 * 64 * 32
    assert parameters.feed_forward == 3 * 64 * 96 + 3 * 64 * 32


@pytest.mark.parametrize(
    "config",
    [
        LlamaConfig(**TINY, num_key_value_heads=2),
        Qwen3MoeConfig(**TINY, num_key_value_heads=2, num_experts=4, num_experts_per_tok=2, moe_intermediate_size=32),
        GPT2Config(n_layer=2, n_embd=64, n_head=4, vocab_size=128, bos_token_id=1, eos_token_id=2),
    ],
    ids=["dense", "experts", "learned positions"],
)
def test_the_total_is_what_lies_in_the_checkpoint(config: PretrainedConfig, tmp_path: Path) -> None:
    cast(PreTrainedModel, AutoModelForCausalLM.from_config(config)).save_pretrained(tmp_path)
    stored = load((tmp_path / "model.safetensors").read_bytes())
    assert read(str(tmp_path)).parameters.total == sum(tensor.numel() for tensor in stored.values())


def test_falcon_s_two_generations_say_their_heads_of_keys_in_two_ways() -> None:
    first, second = (FalconConfig(**FALCON, new_decoder_architecture=newer, num_kv_heads=2) for newer in (False, True))
    assert [(describe(each).attention, describe(each).key_heads) for each in (first, second)] == [
        ("MQA", 1),
        ("GQA", 2),
    ]


@pytest.mark.parametrize(
    "config",
    [
        LlamaConfig(**TINY, num_key_value_heads=2),
        FalconConfig(**FALCON, new_decoder_architecture=False, multi_query=True),
        FalconConfig(**FALCON, new_decoder_architecture=False, multi_query=False),
        GPTBigCodeConfig(n_layer=2, n_embd=64, n_head=4, vocab_size=128, bos_token_id=1, eos_token_id=2),
    ],
    ids=["GQA", "Falcon MQA", "Falcon MHA", "GPTBigCode MQA"],
)
def test_the_cache_is_what_a_forward_pass_keeps(config: PretrainedConfig) -> None:
    cache = DynamicCache(config=config)
    model = cast(Any, AutoModelForCausalLM.from_config(config))
    with torch.no_grad():
        model(torch.ones((1, 7), dtype=torch.int64), past_key_values=cache)
    kept = sum(layer.keys.numel() + layer.values.numel() for layer in cache.layers)  # pyright: ignore
    assert describe(config).cache_bytes(7, number_bytes=4) == kept * 4


def test_a_sliding_window_bounds_the_cache_of_its_layers_alone() -> None:
    layers = describe(Gemma2Config(**TINY, num_key_value_heads=2, head_dim=16, sliding_window=32)).layers
    assert layers == (CachedLayer(64, 32), CachedLayer(64, None))
    assert [layer.bytes(100) for layer in layers] == [64 * 2 * 32, 64 * 2 * 100]


def test_latent_attention_caches_one_compressed_vector() -> None:
    decoder = describe(
        DeepseekV3Config(
            **TINY, num_key_value_heads=4, n_routed_experts=4, n_group=2, topk_group=1, kv_lora_rank=24,
            qk_rope_head_dim=8, first_k_dense_replace=2,
        )
    )  # fmt: skip
    assert (decoder.attention, decoder.layers[0]) == ("MLA", CachedLayer(32, None))


def test_a_config_file_is_read_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    LlamaConfig(**TINY, num_key_value_heads=2).to_json_file(path)
    assert read(str(path)) == read(str(tmp_path))


def test_a_checkpoint_that_is_quantised_says_so(tmp_path: Path) -> None:
    config = LlamaConfig(**TINY).to_dict() | {"quantization_config": {"quant_method": "awq", "bits": 4}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert read(str(tmp_path)).quantised == "awq"


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"model_type": "no-such-type"}', '{"model_type": "bert"}'])
def test_what_is_no_decoder_is_said_to_be_none(content: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(UnknownModel):
        read(str(tmp_path))


def test_a_model_that_is_not_there_names_the_ways_to_name_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(UnknownModel, match=r"expected a config\.json, a folder with one, or a name on a model hub"):
        read("nobody/nothing")


def test_a_state_that_is_no_cache_is_not_counted_as_one() -> None:
    with pytest.raises(UnknownModel):
        describe(MambaConfig(hidden_size=64, num_hidden_layers=2, vocab_size=128))
