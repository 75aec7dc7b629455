"""What both trainings share: a low-rank adapter beside each linear layer, a deadline, and the merged model on disk.

LoRA: Hu et al., ICLR 2022. A few per cent of the weights are trained, so minutes on a processor go far, and what the
model knew before stays near.
"""

import time
from pathlib import Path
from typing import Any, cast

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from sentence_transformers import CrossEncoder, SentenceTransformer
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from retrieval.embedders.sentence_transformers import halves_pay

RANK, ALPHA, DROPOUT = 16, 32, 0.05
WARMUP_STEPS = 10
EPOCHS = 3
SEED = 42


class Deadline(TrainerCallback):
    """Stops a training once its time is over; counts the steps."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self.steps = 0

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        self.steps = state.global_step
        control.should_training_stop = control.should_training_stop or time.monotonic() > self._end


def adapt(model: SentenceTransformer | CrossEncoder, head: list[str] | None = None) -> None:
    """Freeze the weights, add an adapter to each linear layer, and leave the named heads to be trained whole."""
    config = LoraConfig(
        r=RANK, lora_alpha=ALPHA, lora_dropout=DROPOUT, target_modules="all-linear", modules_to_save=head
    )
    first = cast("Any", model)[0]
    first.model = get_peft_model(first.model, config)


def save_merged(model: SentenceTransformer | CrossEncoder, folder: Path) -> None:
    """The model as any other, in safetensors, the adapters added to the weights that they adapt."""
    first = cast("Any", model)[0]
    first.model = cast("PeftModel", first.model).merge_and_unload()
    first.model.to(torch.float32)
    model.save_pretrained(str(folder), create_model_card=False)


def arguments(folder: Path, batch: int, learning_rate: float) -> dict[str, object]:
    """Of either trainer: nothing is saved, reported or shown on the way."""
    cuda = torch.cuda.is_available()
    return {
        "output_dir": str(folder),
        "per_device_train_batch_size": batch,
        "num_train_epochs": EPOCHS,
        "learning_rate": learning_rate,
        "lr_scheduler_type": "constant_with_warmup",
        "warmup_steps": WARMUP_STEPS,
        "bf16": halved(),
        "use_cpu": not cuda,
        "dataloader_pin_memory": cuda,
        "save_strategy": "no",
        "logging_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "seed": SEED,
    }


def halved() -> bool:
    """Whether bf16 is faster here."""
    return torch.cuda.is_available() or halves_pay()
