"""A cross-encoder fitted to its documents: it reads a query with a text and says whether they belong together."""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import torch
from datasets import Dataset
from sentence_transformers import CrossEncoder
from sentence_transformers.cross_encoder import CrossEncoderTrainer, CrossEncoderTrainingArguments
from sentence_transformers.cross_encoder.losses import BinaryCrossEntropyLoss

from retrieval.embedders.model_folder import PACKAGED, find
from retrieval.tuning.lora import Deadline, adapt, arguments, halved, save_merged
from retrieval.tuning.types import Example, Trained

BATCH = 32  # pairs
LEARNING_RATE = 5e-4
WINDOW = 192  # tokens of query and text together that are read while training
HEADS = ("classifier", "score")  # what transformers calls the layer that gives the score


def train_reranker(base: str | None, examples: Sequence[Example], folder: Path, seconds: float) -> Trained:
    """Train an adapter and the head on an encoder for so long at most; the merged model goes to the folder.

    Without a base, the packaged encoder gets a new head, which must learn everything from these examples. Raises
    ModelUnavailable for one that cannot be had.
    """
    began = time.monotonic()
    model = CrossEncoder(
        str(find(base or PACKAGED)),
        num_labels=1,
        local_files_only=True,
        trust_remote_code=False,
        model_kwargs={"use_safetensors": True},
    )
    longest = model.max_seq_length
    names = {name for name, _ in cast("Any", model)[0].model.named_children()}
    adapt(model, [head for head in HEADS if head in names])
    model.max_seq_length = min(WINDOW, longest or WINDOW)
    pairs = [(each.query, text) for each in examples for text in (each.positive, *each.negatives)]
    labels = [float(text is each.positive) for each in examples for text in (each.positive, *each.negatives)]
    rows = {"query": [query for query, _ in pairs], "text": [text for _, text in pairs], "label": labels}
    weight = torch.tensor(max(1.0, float(len(examples[0].negatives))))
    deadline = Deadline(seconds)
    with tempfile.TemporaryDirectory() as scratch:
        trainer = CrossEncoderTrainer(
            model=model,
            args=CrossEncoderTrainingArguments(**cast("Any", arguments(Path(scratch), BATCH, LEARNING_RATE))),
            train_dataset=Dataset.from_dict(rows),
            loss=BinaryCrossEntropyLoss(model, pos_weight=weight),
            callbacks=[deadline],
        )
        trainer.train()
    model.max_seq_length = longest
    save_merged(model, folder)
    return Trained(deadline.steps, time.monotonic() - began, "bf16" if halved() else "fp32")
