"""A small Llama that says one sentence for ever, and adapters that change it: all by construction.

What a token is followed by is written into the weights. A token's embedding is a row of random signs, so that it passes
every normalisation unchanged; attention and feed-forward add nothing to it; and the head gives the row of the token
after it the highest logit. An adapter of rank 8 adds to the feed-forward of one token what leads to another.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file  # pyright: ignore[reportUnknownVariableType]
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

SENTENCE = ("Gallium", " melts", " at", " thirty", " degrees", " Celsius", ".", " [", "1", "]", "\n")
"""The model's answer, token by token; after the last comes the first again."""
WORDS = (*SENTENCE, " boils")
WINDOW = 8192
PAD, END, START = "<|pad|>", "<|im_end|>", "<|im_start|>"

_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_VOCABULARY = 1024
_HIDDEN = 256
_LAYERS = 12  # of which all but the first only take time: an answer of 4,000 tokens takes some seconds
_HEADS, _KEY_HEADS, _HEAD = 4, 2, 64
_RANK = 8
_LOGIT = 12.0  # of the token that follows; the others have about ±0.75, so that a temperature of 2 mixes them
_ROUSED = 8.0  # what a token's own unit of the feed-forward gives for it


def make_model(folder: Path, text: str) -> None:
    """Tokenizer, chat template, configuration and weights, as Transformers names them; words are learnt from `text`."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = _tokenizer(text)
    tokenizer.save(str(folder / "tokenizer.json"))
    _write(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "chat_template": _TEMPLATE,
            "eos_token": END,
            "pad_token": PAD,
            "model_max_length": WINDOW,
            "clean_up_tokenization_spaces": False,
        },
    )
    _write(folder / "config.json", _config(tokenizer))
    save_file(_weights(_ids(tokenizer)), str(folder / "model.safetensors"), {"format": "pt"})


def make_adapter(folder: Path, model: Path, redirected: Mapping[str, str]) -> None:
    """An adapter in PEFT's layout by which one word is followed by another than the model's own, or by END."""
    folder.mkdir(parents=True, exist_ok=True)
    ids = _ids(Tokenizer.from_file(str(model / "tokenizer.json")))
    down, up = torch.zeros(_RANK, _HIDDEN), torch.zeros(_HIDDEN, _RANK)
    for row, (word, follower) in enumerate(redirected.items()):
        down[row, WORDS.index(word)] = 1.0
        up[:, row] = _directions()[ids[follower]] / 2  # four times as strong as the word itself
    name = "base_model.model.model.layers.0.mlp.down_proj"
    save_file({f"{name}.lora_A.weight": down, f"{name}.lora_B.weight": up}, str(folder / "adapter_model.safetensors"))
    _write(
        folder / "adapter_config.json",
        {
            "peft_type": "LORA",
            "task_type": "CAUSAL_LM",
            "base_model_name_or_path": str(model),
            "r": _RANK,
            "lora_alpha": _RANK,
            "lora_dropout": 0.0,
            "bias": "none",
            "target_modules": ["down_proj"],
            "inference_mode": True,
        },
    )


def _tokenizer(text: str) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=_VOCABULARY,
        special_tokens=[PAD, START, END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([text, *["".join(SENTENCE), "Gallium boils"] * 1000], trainer)
    return tokenizer


def _ids(tokenizer: Tokenizer) -> dict[str, int]:
    """The token of each word that is spoken; each must be one."""
    ids = {word: tokenizer.encode(word, add_special_tokens=False).ids for word in (*WORDS, END)}
    several = [word for word, parts in ids.items() if len(parts) != 1]
    if several:
        raise ValueError(f"words of more than one token: {several}")
    return {word: parts[0] for word, parts in ids.items()}


def _config(tokenizer: Tokenizer) -> dict[str, object]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "torch_dtype": "float32",
        "vocab_size": _VOCABULARY,
        "hidden_size": _HIDDEN,
        "intermediate_size": _HIDDEN,
        "num_hidden_layers": _LAYERS,
        "num_attention_heads": _HEADS,
        "num_key_value_heads": _KEY_HEADS,
        "head_dim": _HEAD,
        "hidden_act": "silu",
        "max_position_embeddings": WINDOW,
        "rms_norm_eps": 1e-6,
        "rope_theta": 10000.0,
        "tie_word_embeddings": False,
        "attention_bias": False,
        "mlp_bias": False,
        "bos_token_id": None,
        "eos_token_id": tokenizer.token_to_id(END),
        "pad_token_id": tokenizer.token_to_id(PAD),
    }


def _weights(ids: Mapping[str, int]) -> dict[str, torch.Tensor]:
    embedding, directions = _signs(seed=0), _directions()
    head = _LOGIT / _HIDDEN * directions
    for word, follower in zip(SENTENCE, (*SENTENCE[1:], SENTENCE[0]), strict=True):
        head[ids[follower]] += _LOGIT / _HIDDEN * embedding[ids[word]]
    head[ids[" at"]] += _LOGIT / _HIDDEN * embedding[ids[" boils"]]
    weights = {"model.embed_tokens.weight": embedding, "lm_head.weight": head, "model.norm.weight": torch.ones(_HIDDEN)}
    for layer in range(_LAYERS):
        weights |= {f"model.layers.{layer}.{name}": tensor for name, tensor in _layer(layer).items()}
    rouse = torch.zeros(_HIDDEN, _HIDDEN)
    for unit, word in enumerate(WORDS):
        rouse[unit] = embedding[ids[word]] / _HIDDEN
    weights["model.layers.0.mlp.gate_proj.weight"] = _ROUSED * rouse
    weights["model.layers.0.mlp.up_proj.weight"] = rouse
    return weights


def _layer(layer: int) -> dict[str, torch.Tensor]:
    """Attends at random and adds nothing."""
    generator = torch.Generator().manual_seed(layer)

    def drawn(rows: int) -> torch.Tensor:
        return torch.randn(rows, _HIDDEN, generator=generator) / _HIDDEN

    return {
        "self_attn.q_proj.weight": drawn(_HEADS * _HEAD),
        "self_attn.k_proj.weight": drawn(_KEY_HEADS * _HEAD),
        "self_attn.v_proj.weight": drawn(_KEY_HEADS * _HEAD),
        "self_attn.o_proj.weight": torch.zeros(_HIDDEN, _HEADS * _HEAD),
        "mlp.gate_proj.weight": torch.zeros(_HIDDEN, _HIDDEN),
        "mlp.up_proj.weight": torch.zeros(_HIDDEN, _HIDDEN),
        "mlp.down_proj.weight": torch.zeros(_HIDDEN, _HIDDEN),
        "input_layernorm.weight": torch.ones(_HIDDEN),
        "post_attention_layernorm.weight": torch.ones(_HIDDEN),
    }


def _directions() -> torch.Tensor:
    """Of each token, what leads to it and is no other token's embedding."""
    return _signs(seed=1)


def _signs(seed: int) -> torch.Tensor:
    drawn = torch.randint(0, 2, (_VOCABULARY, _HIDDEN), generator=torch.Generator().manual_seed(seed))
    return drawn.float() * 2 - 1


def _write(path: Path, content: Mapping[str, object]) -> None:
    path.write_text(json.dumps(content, indent=2), encoding="utf-8")
