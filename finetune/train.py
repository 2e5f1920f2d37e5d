"""A training run: from the prepared rows to an adapter with its card."""

from __future__ import annotations

import dataclasses
import json
import math
import resource
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.errors import AdapterError, TrainingError
from core.training import RunStatus
from finetune.losses import Rows, loss_sets, set_losses, table
from finetune.run_folder import LOG, RunFolder, last_checkpoint, step_of
from finetune.trainer import Base, build_trainer
from finetune.worker import check_base

TRAIN, VALIDATION, OLD, GENERAL = "train.jsonl", "validation.jsonl", "old.jsonl", "general.jsonl"
BEFORE = "losses_before.json"


def train(run: RunFolder) -> tuple[RunStatus, str, dict[str, Any]]:
    """Trains until the recipe, the validation loss or a person ends it, and saves the best as an adapter.

    Returns status, message and the card. An earlier attempt's checkpoint is gone on from.
    """
    plan, setup = run.plan, run.setup
    if card := run.saved_card(Path(setup["adapters"])):  # and was cut off before it could say so
        shutil.rmtree(run.checkpoints, ignore_errors=True)
        return "done", f"Done: the adapter '{plan.adapter}' is ready.", card
    from transformers import EarlyStoppingCallback

    from finetune.watch import Ended, Watch

    check_base(setup)
    base = base_of(setup)
    rows, validation = run.rows(TRAIN), run.rows(VALIDATION)
    trainer = build_trainer(base, plan.method, plan.recipe, rows, validation, run.checkpoints)
    sets = loss_sets(validation, run.rows(OLD), run.rows(GENERAL))
    first = trainer.is_world_process_zero()
    checkpoint = last_checkpoint(run.checkpoints)
    if first:
        run.forget_after(step_of(checkpoint) if checkpoint else -1)
        if not (run.folder / BEFORE).exists():
            run.say("running", "Measuring the losses before training …")
            run.write(BEFORE, _losses(trainer, sets, base.context))
    trainer.accelerator.wait_for_everyone()
    trainer.add_callback(Watch(run, trainer))
    if plan.recipe.patience:
        stopping = EarlyStoppingCallback(plan.recipe.patience)
        stopping.early_stopping_patience_counter = evaluations_without_progress(checkpoint) if checkpoint else 0
        trainer.add_callback(stopping)
        if stopping.early_stopping_patience_counter >= plan.recipe.patience:
            trainer.add_callback(Ended())
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    if not first:
        return "done", "", {}
    run.say("running", "Measuring the losses after training …")
    after = _losses(trainer, sets, base.context)
    check_base(setup)
    card = _card(run, trainer, table(run.read(BEFORE), after))
    save_adapter(trainer, card, Path(setup["adapters"]))
    shutil.rmtree(run.checkpoints, ignore_errors=True)
    ended = "stopped" if run.asked_to_stop() else "done"
    why = {"stopped": "Stopped; the best so far was kept", "done": "Done"}[ended]
    if ended == "done" and trainer.state.global_step < trainer.state.max_steps:
        why = f"Ended early, as the validation loss had not fallen for {plan.recipe.patience} evaluations"
    return ended, f"{why}: the adapter '{plan.adapter}' is ready.", card  # type: ignore[return-value]


def base_of(setup: dict[str, Any]) -> Base:
    parent = setup.get("parent")
    return Base(Path(setup["model_folder"]), setup["model"], setup["context"], Path(parent["path"]) if parent else None)


def _losses(trainer: Any, sets: dict[str, Rows], context: int) -> dict[str, float]:
    with trainer.accelerator.autocast():  # as in training
        return set_losses(trainer.model, trainer.processing_class, sets, context)


def evaluations_without_progress(checkpoint: Path) -> int:
    """How many evaluations in a row up to a checkpoint were no better than the best before them."""
    state = json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
    best, count = math.inf, 0
    for row in state["log_history"]:
        if "eval_loss" in row:
            best, count = (row["eval_loss"], 0) if row["eval_loss"] < best else (best, count + 1)
    return count


def _card(run: RunFolder, trainer: Any, losses: list[dict[str, Any]]) -> dict[str, Any]:
    """Everything that is worth knowing of the adapter, figures of the run included."""
    plan, setup, curve = run.plan, run.setup, run.rows(LOG)
    measured = [(row["eval_loss"], row["step"]) for row in curve if "eval_loss" in row]
    trained = [row["loss"] for row in curve if "loss" in row]
    speeds = [row["tokens_per_s"] for row in curve if "tokens_per_s" in row]
    best, step = min(measured) if measured else (trained[-1] if trained else math.nan, trainer.state.global_step)
    return {
        "name": plan.adapter,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        **{key: setup[key] for key in ("model", "model_hash", "template", "template_hash", "data_hash", "data")},
        "method": plan.method,
        "parent": setup.get("parent") and {key: setup["parent"][key] for key in ("name", "hash")},
        "replayed_rounds": setup["replayed_rounds"],
        "conversation_rounds": setup["rounds"],
        "rows": setup["rows"],
        "leaks_kept": setup["leaks_kept"],
        "recipe": dataclasses.asdict(plan.recipe) | {"rank": _rank(trainer)},
        "run": run.id,
        "steps": trainer.state.global_step,
        "best_step": step,
        "best_validation_loss": round(best, 4),
        "validation_loss": [round(value, 4) for value, _ in measured],
        "final_loss": round(trained[-1], 4) if trained else None,
        "losses": losses,
        "curve": [{key: row[key] for key in ("step", "loss", "eval_loss") if key in row} for row in curve],
        "seconds": run.view(whole=False).seconds,
        "tokens_per_s": round(sum(speeds) / len(speeds)) if speeds else None,
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def _rank(trainer: Any) -> int:
    """That of the adapter itself: one that is continued keeps its parent's."""
    return int(trainer.accelerator.unwrap_model(trainer.model).peft_config["default"].r)


def save_adapter(trainer: Any, card: dict[str, Any], adapters: Path) -> None:
    """Writes weights, card and README beside each other, then gives the folder its name: there whole or not at all."""
    target, unfinished = adapters / card["name"], adapters / f".{card['name']}.unfinished"
    if target.exists():
        raise AdapterError(f"The adapter '{card['name']}' exists already ({target}); rename it, then resume the run.")
    shutil.rmtree(unfinished, ignore_errors=True)
    model: Any = trainer.accelerator.unwrap_model(trainer.model)
    # The path of this machine's model folder says nothing elsewhere; the card holds the name and the hash.
    model.peft_config["default"].base_model_name_or_path = card["model"]
    model.save_pretrained(unfinished, selected_adapters=["default"], save_embedding_layers=False)
    (unfinished / "card.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    (unfinished / "README.md").write_text(_readme(card), encoding="utf-8")
    if not all((unfinished / name).exists() for name in ("adapter_config.json", "adapter_model.safetensors")):
        raise TrainingError(f"The adapter '{card['name']}' could not be saved to {adapters}; look at the run's log.")
    unfinished.rename(target)


def _readme(card: dict[str, Any]) -> str:
    """The model card that adapter hubs show."""
    recipe = card["recipe"]
    method = {"sft": "answers", "dpo": "rated answers (DPO)", "kto": "rated answers (KTO)"}[card["method"]]
    return (
        f"---\nlibrary_name: peft\npipeline_tag: text-generation\n---\n# {card['name']}\n\n"
        f"A LoRA adapter (rank {recipe['rank']}, every linear layer) for the base model {card['model']} "
        f"({card['model_hash']}), trained on the {method} of {card['conversation_rounds']} rounds of customer service "
        f"({card['rows']} rows, template {card['template']}), at most {recipe['epochs']:g} epochs, learning rate "
        f"{recipe['learning_rate']:g}. Best validation loss {card['best_validation_loss']} at step {card['best_step']} "
        f"of {card['steps']}.\nMade by Duodesk; all figures in card.json.\n"
    )
