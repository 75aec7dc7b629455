from dataclasses import replace

import pytest
from transformers import LlamaConfig, MixtralConfig

from generation.planning.decoder import Decoder
from generation.planning.decoder_config import describe
from generation.planning.serving_plan import GIBIBYTE, plans


@pytest.fixture(scope="module")
def llama() -> Decoder:
    """The shape of Llama 3 8B."""
    return describe(
        LlamaConfig(
            hidden_size=4096,
            intermediate_size=14336,
            num_hidden_layers=32,
            num_attention_heads=32,
            num_key_value_heads=8,
            vocab_size=128256,
        )
    )


def test_an_8b_model_fits_a_24_gib_card_with_few_answers_and_more_when_quantised(llama: Decoder) -> None:
    bf16, fp8, int4 = plans(llama, 24 * GIBIBYTE, context=8192)
    assert bf16.weight_bytes == 8_030_261_248 * 2
    assert bf16.cache_bytes_per_answer == 8192 * 128 * 1024 == GIBIBYTE
    assert fp8.cache_bytes_per_answer == GIBIBYTE // 2
    assert (bf16.precision, fp8.precision, int4.precision) == ("bf16", "fp8", "int4")
    assert bf16.weight_bytes > fp8.weight_bytes > int4.weight_bytes
    assert 1 <= bf16.answers < int4.answers < fp8.answers


def test_what_is_free_is_the_card_less_weights_and_allowance(llama: Decoder) -> None:
    [bf16, *_] = plans(llama, 24 * GIBIBYTE, context=8192)
    assert bf16.free_bytes == int(24 * GIBIBYTE * 0.9) - bf16.weight_bytes - bf16.reserved_bytes
    assert bf16.answers == bf16.free_bytes // bf16.cache_bytes_per_answer


def test_a_model_that_is_too_big_fits_no_answer_and_says_how_much_it_lacks(llama: Decoder) -> None:
    [bf16, *_] = plans(llama, 12 * GIBIBYTE, context=8192)
    assert bf16.answers == 0
    assert bf16.free_bytes < 0


def test_two_cards_share_weights_and_cache(llama: Decoder) -> None:
    [one, *_], [two, *_] = plans(llama, 24 * GIBIBYTE, 8192), plans(llama, 24 * GIBIBYTE, 8192, gpus=2)
    assert two.answers > 2 * one.answers
    assert "--tensor-parallel-size 2" in two.flags


def test_cards_without_a_head_of_keys_of_their_own_hold_copies(llama: Decoder) -> None:
    """Llama 3 has eight: eight cards share its cache, sixteen hold it twice; one head is held by every card."""

    def per_answer(decoder: Decoder, gpus: int) -> int:
        return plans(decoder, 24 * GIBIBYTE, 8192, gpus)[0].cache_bytes_per_answer

    assert [per_answer(llama, gpus) for gpus in (1, 8, 16)] == [GIBIBYTE, GIBIBYTE, 2 * GIBIBYTE]
    multi_query = replace(llama, key_heads=1)
    assert [per_answer(multi_query, gpus) for gpus in (1, 2, 4)] == [GIBIBYTE, 2 * GIBIBYTE, 4 * GIBIBYTE]


def test_the_flags_start_just_what_was_planned(llama: Decoder) -> None:
    fp8 = plans(llama, 80 * GIBIBYTE, context=4096)[1]
    assert fp8.flags == (
        "--max-model-len 4096",
        f"--max-num-seqs {fp8.answers}",
        "--max-num-batched-tokens 8192",
        "--gpu-memory-utilization 0.9",
        "--enable-prefix-caching",
        "--quantization fp8",
        "--kv-cache-dtype fp8",
    )


def test_a_checkpoint_that_names_its_method_is_given_no_other(llama: Decoder) -> None:
    for precision in plans(replace(llama, quantised="awq"), 24 * GIBIBYTE, context=4096):
        assert not any("--quantization" in flag or "--dtype" in flag for flag in precision.flags)
        assert not precision.other_checkpoint


def test_a_cache_of_one_byte_is_asked_for_where_it_was_counted(llama: Decoder) -> None:
    for decoder in (llama, replace(llama, quantised="awq")):
        asked = ["--kv-cache-dtype fp8" in plan.flags for plan in plans(decoder, 80 * GIBIBYTE, context=8192)]
        assert asked == [False, True, False]


def test_weights_of_four_bits_take_a_checkpoint_that_has_them(llama: Decoder) -> None:
    assert [plan.other_checkpoint for plan in plans(llama, 80 * GIBIBYTE, context=8192)] == [False, False, True]


def test_all_experts_are_stored_however_few_a_token_uses() -> None:
    config = MixtralConfig(
        hidden_size=64, intermediate_size=96, num_hidden_layers=2, vocab_size=128, num_attention_heads=4
    )
    decoder = describe(config)
    [bf16, *_] = plans(decoder, GIBIBYTE, context=16)
    assert bf16.weight_bytes == 2 * decoder.parameters.total
    assert decoder.parameters.active < decoder.parameters.total
