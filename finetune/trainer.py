"""TRL's trainers on the base model in use: the one place that says how weights are trained, whatever the method."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import TrainingError
from core.training import Method, Recipe
from finetune.losses import Rows

if TYPE_CHECKING:
    from transformers import Trainer

SPARSE, FEWEST = 5, 4  # steps between two evaluations, evaluations in a training

KEYS = {
    "sft": ("prompt", "completion"),
    "dpo": ("prompt", "chosen", "rejected"),
    "kto": ("prompt", "completion", "label"),
}


@dataclass(frozen=True)
class Base:
    """The base model a run trains on, and the adapter that it continues, if any."""

    folder: Path
    name: str
    context: int
    parent: Path | None = None


def build_trainer(
    base: Base,
    method: Method,
    recipe: Recipe,
    train: Rows,
    validation: Rows,
    out: Path,
    max_steps: int = -1,
    scheduler: str = "cosine",
) -> Trainer:
    """A trainer ready to run. Checkpoints go to `out`; the best one by validation loss is in force at the end.

    `max_steps` ends it before the recipe's epochs do; -1: never. With several processes (accelerate launch) a step
    takes a batch of each.
    """
    import torch
    import trl
    from transformers import PrinterCallback

    tokenizer, model = load(base)
    processes = int(os.environ.get("WORLD_SIZE", "1"))  # each takes batches of its own
    batches = -(-len(train) // (recipe.batch_size * processes))
    interval = evaluation_interval(batches, recipe)
    on_gpu = torch.cuda.is_available()
    options: dict[str, Any] = {
        "output_dir": str(out),
        "num_train_epochs": recipe.epochs,
        "max_steps": max_steps,
        "learning_rate": recipe.learning_rate,
        "lr_scheduler_type": scheduler,
        "warmup_steps": 0.05 if scheduler == "cosine" else 0,
        "weight_decay": 0.0,
        "per_device_train_batch_size": recipe.batch_size,
        "per_device_eval_batch_size": recipe.batch_size,
        "max_length": base.context,
        "eval_strategy": "steps" if validation else "no",
        "eval_steps": interval,
        "logging_steps": max(1, interval // 10),
        "save_strategy": "steps" if validation else "no",
        "save_steps": interval,
        "save_total_limit": 2,  # the best and the last
        "load_best_model_at_end": bool(validation),
        "metric_for_best_model": "eval_loss",
        "greater_is_better": False,
        "report_to": "none",
        "disable_tqdm": True,
        "seed": recipe.seed,
        "include_num_input_tokens_seen": "non_padding",
        "logging_nan_inf_filter": False,  # a loss that is not a number must be seen
        # TRL's own defaults ask for both on any processor, where the second only costs.
        "bf16": multiplies_bf16(),
        "gradient_checkpointing": False,
        "use_cpu": not on_gpu,
        "dataloader_pin_memory": on_gpu,
    }
    if method != "sft":
        options["beta"] = recipe.beta
    config = {"sft": trl.SFTConfig, "dpo": trl.DPOConfig, "kto": trl.KTOConfig}[method](**options)
    kept = KEYS[method]
    trainer = _trainer_class(method)(
        model=model,
        args=config,
        train_dataset=_dataset(train, kept),
        eval_dataset=_dataset(validation, kept) if validation else None,
        processing_class=tokenizer,
        peft_config=None if base.parent else lora_config(recipe),
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def evaluation_interval(batches: int, recipe: Recipe) -> int:
    """Steps from one evaluation to the next, with so many batches an epoch. Where an epoch has hardly a step, one after
    each would cost more than the training: then one every SPARSE steps at most, but FEWEST in all."""
    steps = int(batches * recipe.epochs)
    return max(1, batches // recipe.evaluations, min(SPARSE, steps // FEWEST))


def multiplies_bf16() -> bool:
    """Whether the GPU, or else the processor, has instructions for products of bf16, which are then taken for all of
    the model's. A processor without them would be many times slower than in float32."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported()
    known = torch.cpu.get_capabilities()
    return bool(known.get("avx512_bf16") or known.get("amx_bf16"))


def load(base: Base) -> tuple[Any, Any]:
    """Tokenizer and model, the latter with the parent adapter's weights, ready to be trained further."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(base.folder, local_files_only=True)
    dtype = torch.bfloat16 if torch.cuda.is_available() else torch.float32
    model: Any = AutoModelForCausalLM.from_pretrained(base.folder, dtype=dtype, local_files_only=True)
    if base.parent:
        from peft import PeftModel

        try:
            model = PeftModel.from_pretrained(model, base.parent, is_trainable=True)
        except (RuntimeError, ValueError, OSError) as error:
            raise TrainingError(f"The adapter {base.parent.name} cannot be continued: {error}") from error
    return tokenizer, model


def lora_config(recipe: Recipe) -> Any:
    """LoRA on every linear layer of any architecture, scaled by two."""
    from peft import LoraConfig

    return LoraConfig(
        r=recipe.rank,
        lora_alpha=2 * recipe.rank,
        lora_dropout=recipe.dropout,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )


def _dataset(rows: Rows, keys: tuple[str, ...]) -> Any:
    from datasets import Dataset, disable_progress_bars

    disable_progress_bars()
    return Dataset.from_list([{key: row[key] for key in keys} for row in rows])


def _trainer_class(method: Method) -> Any:
    if method == "sft":
        from finetune.sft_trainer import SFTTrainer

        return SFTTrainer
    import trl

    return {"dpo": trl.DPOTrainer, "kto": trl.KTOTrainer}[method]
