"""Transcripts -> LoRA adapter, with TRL and PEFT: the weights, and a card that says how they were made."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from backends.engine.model import LocalModel
from core.errors import AdapterError, TrainingError
from core.protocols import Retriever, Templates
from finetune.reading import read_rounds
from finetune.rows import training_rows


@dataclass(frozen=True)
class Recipe:
    """How an adapter is trained: `epochs` over the rows, peak `learning_rate`, LoRA `rank` on every linear layer."""

    epochs: float = 8
    learning_rate: float = 2e-3
    rank: int = 16
    batch_size: int = 8
    passages_share: float = 0.25
    validation_share: float = 0.05
    seed: int = 1


def train_adapter(
    name: str,
    transcripts: Sequence[Path],
    adapters: Path,
    model: LocalModel,
    templates: Templates,
    retriever: Retriever,
    template_name: str,
    company: str,
    recipe: Recipe,
) -> dict[str, Any]:
    """Trains and saves `adapters`/`name`, and returns its card. Nothing is there before it is complete.

    Raises AdapterError (the name is bad or taken), TrainingError, ModelError, UnknownTemplate.
    """
    if not name.replace("-", "").replace("_", "").isalnum():
        raise AdapterError(f"'{name}' cannot name an adapter; use letters, digits, - and _.")
    target = adapters / name
    if target.exists():
        raise AdapterError(f"The adapter '{name}' exists already ({target}); choose another name or remove it.")
    template = templates.get(template_name)
    rounds, _ = read_rounds(transcripts, None)
    rows = training_rows(rounds, template, templates, retriever, company, recipe.passages_share, recipe.seed)
    unfinished = adapters / f".{name}.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    losses = _train(model, rows, recipe, unfinished)
    card = {
        "name": name,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "model": model.name,
        "model_hash": model.hash,
        "template": template.name,
        "template_hash": template.hash,
        "conversation_rounds": len(rounds),
        "rows": len(rows),
        "data_hash": hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()[:12],
        "recipe": asdict(recipe),
        **losses,
    }
    (unfinished / "card.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    (unfinished / "README.md").write_text(_readme(card), encoding="utf-8")
    unfinished.rename(target)
    return card


def _train(model: LocalModel, rows: list[dict[str, Any]], recipe: Recipe, out: Path) -> dict[str, Any]:
    """Runs TRL's trainer, saves the adapter to `out` and returns its losses."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
    from trl import SFTConfig, SFTTrainer

    class Progress(TrainerCallback):
        """One line an epoch in place of a bar a step."""

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            kept = {key: value for key, value in (logs or {}).items() if key in ("loss", "eval_loss", "learning_rate")}
            if kept:
                figures = ", ".join(f"{key} {float(value):.4g}" for key, value in kept.items())
                print(f"step {state.global_step}/{state.max_steps}: {figures}", flush=True)

    tokenizer = AutoTokenizer.from_pretrained(model.folder, local_files_only=True)
    base = AutoModelForCausalLM.from_pretrained(model.folder, dtype=torch.float32, local_files_only=True)
    data = Dataset.from_list(rows).train_test_split(recipe.validation_share, seed=recipe.seed)
    config = SFTConfig(
        output_dir=str(out),
        num_train_epochs=recipe.epochs,
        learning_rate=recipe.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=0.05,
        weight_decay=0.0,
        per_device_train_batch_size=recipe.batch_size,
        per_device_eval_batch_size=recipe.batch_size,
        # A quarter of the rows carry passages and are five times as long; mixed batches would be mostly padding.
        train_sampling_strategy="group_by_length",
        max_length=base.config.max_position_embeddings,
        eval_strategy="epoch",
        logging_strategy="epoch",
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        seed=recipe.seed,
        # TRL's own defaults ask for both even on a processor, where they only cost.
        bf16=False,
        gradient_checkpointing=False,
        use_cpu=not torch.cuda.is_available(),
    )
    lora = LoraConfig(
        r=recipe.rank, lora_alpha=2 * recipe.rank, lora_dropout=0.05, target_modules="all-linear", task_type="CAUSAL_LM"
    )
    trainer = SFTTrainer(
        model=base,
        args=config,
        train_dataset=data["train"],
        eval_dataset=data["test"],
        processing_class=tokenizer,
        peft_config=lora,
        callbacks=[Progress()],
    )
    from transformers import PrinterCallback

    trainer.remove_callback(PrinterCallback)
    trainer.train()
    logged = trainer.state.log_history
    final = [entry["loss"] for entry in logged if "loss" in entry]
    if not final or final[-1] != final[-1]:
        raise TrainingError("The training loss is not a number; try a lower learning rate.")
    # The path of this machine's model folder says nothing elsewhere; the card holds the name and the hash.
    adapted: Any = trainer.model
    adapted.peft_config["default"].base_model_name_or_path = model.name
    trainer.save_model(str(out))
    for extra in out.glob("*"):
        if extra.name not in ("adapter_config.json", "adapter_model.safetensors"):
            shutil.rmtree(extra) if extra.is_dir() else extra.unlink()
    return {
        "final_loss": final[-1],
        "validation_loss": [round(entry["eval_loss"], 4) for entry in logged if "eval_loss" in entry],
    }


def _readme(card: dict[str, Any]) -> str:
    """The model card that adapter hubs show."""
    recipe = card["recipe"]
    return (
        f"---\nlibrary_name: peft\npipeline_tag: text-generation\n---\n# {card['name']}\n\n"
        f"A LoRA adapter (rank {recipe['rank']}, every linear layer) for the base model {card['model']} "
        f"({card['model_hash']}), trained on {card['conversation_rounds']} rounds of customer-service transcripts "
        f"({card['rows']} rows, template {card['template']}), {recipe['epochs']} epochs, learning rate "
        f"{recipe['learning_rate']}.\nFinal training loss {card['final_loss']:.3f}; validation loss by epoch: "
        f"{card['validation_loss']}.\nMade by `python3 launch.py train {card['name']}`; all figures in card.json.\n"
    )
