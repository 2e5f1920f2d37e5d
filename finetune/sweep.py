"""A sweep over learning rate and rank: many short trainings, the worse ones ended early.

Asynchronous successive halving (Li et al., 2020, arXiv:1810.05934), by Optuna: at the first, third and ninth evaluation
only the best third of what came so far goes on.
"""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

from core.training import RunStatus
from finetune.run_folder import LOG, RunFolder
from finetune.train import TRAIN, VALIDATION, base_of
from finetune.trainer import build_trainer
from finetune.worker import check_base

# The likeliest first: they set the mark that the others must meet.
RATE_FACTORS = (1.0, 0.3, 3.0, 0.1)  # times the plan's learning rate
RANKS = (16, 4, 64)
EVALUATIONS, REDUCTION = 9, 3


class Stopped(Exception):
    """A person ended the sweep; the pair under way does not count."""


def sweep(run: RunFolder) -> tuple[RunStatus, str, dict[str, Any]]:
    """Tries every pair of rate and rank on the same rows and budget; pairs that an earlier attempt tried are kept."""
    import optuna
    from optuna.storages.journal import JournalFileBackend

    plan, setup = run.plan, run.setup
    check_base(setup)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = optuna.storages.JournalStorage(JournalFileBackend(str(run.folder / "optuna.log")))
    study = optuna.create_study(
        storage=storage,
        study_name=run.id,
        load_if_exists=True,
        pruner=optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=REDUCTION),
    )
    rates = [float(f"{plan.recipe.learning_rate * factor:.2g}") for factor in RATE_FACTORS]
    pairs = [(rate, rank) for rate in rates for rank in _ranks(setup)]
    kept = {trial.number for trial in _ended(study)}
    run.write_rows(LOG, [row for row in run.rows(LOG) if row["trial"] in kept])
    for rate, rank in pairs:
        if run.asked_to_stop():
            break
        if {"learning_rate": rate, "rank": rank} in [trial.params for trial in _ended(study)]:
            continue
        study.enqueue_trial({"learning_rate": rate, "rank": rank})
        study.optimize(lambda trial: _try(run, trial, len(pairs)), n_trials=1, catch=(Stopped,))
    trials = _table(study)
    if not trials:
        return "stopped", "Stopped before the first pair was tried.", {}
    best = trials[0]
    status: RunStatus = "stopped" if run.asked_to_stop() else "done"
    message = f"Best of {len(trials)}: learning rate {best['learning_rate']:g}, rank {best['rank']}"
    return status, f"{message} (validation loss {best['eval_loss']}).", {"trials": trials}


def _try(run: RunFolder, trial: Any, pairs: int) -> float:
    """One training of a third of the recipe's epochs; returns its lowest validation loss."""
    import optuna
    from transformers import TrainerCallback

    rate = trial.suggest_float("learning_rate", 1e-7, 10.0, log=True)
    rank = trial.suggest_int("rank", 1, 512)
    plan = run.plan
    rows, validation = run.rows(TRAIN), run.rows(VALIDATION)
    recipe = dataclasses.replace(plan.recipe, learning_rate=rate, rank=rank)
    steps = max(EVALUATIONS, round(-(-len(rows) // recipe.batch_size) * recipe.epochs / 3))
    trainer = build_trainer(
        base_of(run.setup), plan.method, recipe, rows, validation, run.folder / "sweep", max_steps=steps
    )
    trainer.args.eval_steps = trainer.state.eval_steps = max(1, steps // EVALUATIONS)
    trainer.args.save_strategy = "no"
    trainer.args.load_best_model_at_end = False
    measured: list[float] = []

    class Report(TrainerCallback):
        def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **_: Any) -> None:
            loss = float(metrics["eval_loss"])
            if not math.isfinite(loss):
                raise optuna.TrialPruned
            measured.append(loss)
            trial.report(loss, len(measured))
            trial.set_user_attr("steps", state.global_step)
            trial.set_user_attr("eval_loss", min(measured))
            run.append(
                LOG, {"step": state.global_step, "eval_loss": loss, "trial": trial.number, "learning_rate": rate}
            )
            if trial.should_prune():
                raise optuna.TrialPruned

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
            if run.asked_to_stop():
                raise Stopped
            return control

    done = len(_ended(trial.study))
    run.say(
        "running",
        f"Pair {done + 1} of {pairs}: learning rate {rate:g}, rank {rank}",
        step=done,
        total_steps=pairs,
    )
    trainer.add_callback(Report())
    trainer.train()
    return min(measured)


def _ranks(setup: dict[str, Any]) -> tuple[int, ...]:
    """Those to try; an adapter that is continued keeps its own."""
    if not setup.get("parent"):
        return RANKS
    config = json.loads((Path(setup["parent"]["path"]) / "adapter_config.json").read_text(encoding="utf-8"))
    return (int(config["r"]),)


def _ended(study: Any) -> list[Any]:
    from optuna.trial import TrialState

    return study.get_trials(states=(TrialState.COMPLETE, TrialState.PRUNED))


def _table(study: Any) -> list[dict[str, Any]]:
    """What was tried, best first; `eval_loss` is the lowest of a pair, None where the loss was not a number."""
    from optuna.trial import TrialState

    rows = [
        {
            **trial.params,
            "steps": trial.user_attrs.get("steps", 0),
            "eval_loss": round(trial.user_attrs["eval_loss"], 4) if "eval_loss" in trial.user_attrs else None,
            "pruned": trial.state == TrialState.PRUNED,
        }
        for trial in _ended(study)
    ]
    return sorted(rows, key=lambda row: (row["pruned"], math.inf if row["eval_loss"] is None else row["eval_loss"]))
