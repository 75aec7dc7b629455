"""Models of a few thousand parameters, made and trained in a second: real files, real code paths, no download."""

from collections.abc import Sequence
from pathlib import Path

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing
from transformers import BertConfig, BertForSequenceClassification, BertModel, PreTrainedTokenizerFast

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
STEPS = 60


def save_cross_encoder(
    folder: Path, pairs: Sequence[tuple[str, str]], labels: Sequence[float], num_labels: int = 1, size: int = 32
) -> Path:
    """A BERT of that hidden size with a head that gives a pair a score, trained until it knows these pairs."""
    torch.manual_seed(7)
    tokenizer = _tokenizer([text for pair in pairs for text in pair])
    config = _config(tokenizer, size)
    config.num_labels = num_labels
    model = BertForSequenceClassification(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    read = tokenizer([query for query, _ in pairs], [text for _, text in pairs], padding=True, return_tensors="pt")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # two would wait for each other longer than they work
    for _ in range(STEPS):
        logits = model(**read).logits[:, 0]
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, torch.tensor(labels))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    torch.set_num_threads(threads)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def save_embedder(folder: Path, texts: Sequence[str]) -> Path:
    """A sentence-transformers model that was trained on nothing and knows the words of these texts."""
    torch.manual_seed(7)
    tokenizer = _tokenizer(texts)
    BertModel(_config(tokenizer)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    encoder = Transformer(str(folder), max_seq_length=64)
    SentenceTransformer(modules=[encoder, Pooling(encoder.get_embedding_dimension()), Normalize()]).save(str(folder))
    return folder


def _config(tokenizer: PreTrainedTokenizerFast, size: int = 32) -> BertConfig:
    return BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=size,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=128,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )


def _tokenizer(texts: Sequence[str]) -> PreTrainedTokenizerFast:
    split = Whitespace()
    words = {word for text in texts for word, _ in split.pre_tokenize_str(text)}
    vocabulary = {word: number for number, word in enumerate([*SPECIAL, *sorted(words)])}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = split
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=128,
    )
