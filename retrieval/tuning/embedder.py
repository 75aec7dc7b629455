"""An embedder fitted to its documents: a query is drawn to its text, away from the batch's and from hard negatives."""

import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from datasets import Dataset
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.base.sampler import BatchSamplers
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

from retrieval.embedders.model_folder import LANGUAGES_FILE, languages_of, open_model
from retrieval.embedders.prompts import Prompts
from retrieval.tuning.lora import Deadline, adapt, arguments, halved, save_merged
from retrieval.tuning.types import Example, Trained

BATCH = 32
LEARNING_RATE = 2e-4
WINDOW = 128  # tokens that are read while training: what a text is about stands at its head, and time goes with length


def train_embedder(base: str, prompts: Prompts, examples: Sequence[Example], folder: Path, seconds: float) -> Trained:
    """Train an adapter on a sentence-transformers model for so long at most; the merged model goes to the folder.

    `prompts` go before the model's own, and must be set for the merged model too. Each example has as many negatives as
    the first. Raises ModelUnavailable for a base that cannot be had.
    """
    opened = open_model(base, prompts)
    began = time.monotonic()
    model = SentenceTransformer(str(opened.path), local_files_only=True, model_kwargs={"use_safetensors": True})
    longest = model.max_seq_length
    adapt(model)
    model.max_seq_length = min(WINDOW, longest or WINDOW)
    columns: dict[str, list[str]] = {
        "anchor": [opened.query_prompt + each.query for each in examples],
        "positive": [opened.passage_prompt + each.positive for each in examples],
    }
    for number in range(len(examples[0].negatives)):
        columns[f"negative_{number}"] = [opened.passage_prompt + each.negatives[number] for each in examples]
    deadline = Deadline(seconds)
    with tempfile.TemporaryDirectory() as scratch:
        given = arguments(Path(scratch), BATCH, LEARNING_RATE)
        given["batch_sampler"] = BatchSamplers.NO_DUPLICATES
        trainer = SentenceTransformerTrainer(
            model=model,
            args=SentenceTransformerTrainingArguments(**cast("Any", given)),
            train_dataset=Dataset.from_dict(columns),
            loss=MultipleNegativesRankingLoss(model),
            callbacks=[deadline],
        )
        trainer.train()
    model.max_seq_length = longest
    save_merged(model, folder)
    (folder / LANGUAGES_FILE).write_text(json.dumps(sorted(languages_of(base))))
    return Trained(deadline.steps, time.monotonic() - began, "bf16" if halved() else "fp32")
