"""The learning-rate range test (Smith, 2017, arXiv:1506.01186): the loss while the rate grows from step to step."""

from __future__ import annotations

import math
from statistics import mean
from typing import Any

from core.errors import TrainingError
from core.training import RunStatus
from finetune.run_folder import LOG, RunFolder
from finetune.train import TRAIN, base_of
from finetune.trainer import build_trainer
from finetune.worker import check_base

LOWEST, HIGHEST, STEPS = 1e-5, 1.0, 100
REACH = 4  # steps
GIVE_UP = 1.5  # times the lowest smoothed loss
DECADE = 10


def range_test(run: RunFolder) -> tuple[RunStatus, str, dict[str, Any]]:
    """Trains STEPS steps, each at a higher rate, until the loss explodes. Nothing of it is kept but the curve."""
    from transformers import TrainerCallback

    plan, setup = run.plan, run.setup
    check_base(setup)
    trainer = build_trainer(
        base_of(setup), plan.method, plan.recipe, run.rows(TRAIN), [], run.checkpoints, STEPS, "constant"
    )
    trainer.args.logging_steps = trainer.state.logging_steps = 1
    run.forget_after(-1)
    curve: list[tuple[float, float]] = []

    class Grow(TrainerCallback):
        def on_step_begin(self, args: Any, state: Any, control: Any, optimizer: Any = None, **_: Any) -> None:
            self.rate = LOWEST * (HIGHEST / LOWEST) ** (state.global_step / (STEPS - 1))
            for group in optimizer.param_groups:
                group["lr"] = self.rate

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            if "loss" not in (logs or {}):
                return
            loss = float(logs["loss"])
            if math.isfinite(loss):
                curve.append((self.rate, loss))
                run.append(LOG, {"step": state.global_step, "loss": loss, "learning_rate": self.rate})
            run.say("running", f"Step {state.global_step}", step=state.global_step, total_steps=STEPS)
            smooth = smoothed([value for _, value in curve])
            exploded = not math.isfinite(loss) or (len(curve) > 10 and smooth[-1] > GIVE_UP * min(smooth))
            if exploded or run.asked_to_stop():
                control.should_training_stop = True

    trainer.add_callback(Grow())
    trainer.train()
    if run.asked_to_stop():
        return "stopped", "Stopped; the curve so far is kept.", {}
    rate = suggest(curve)
    why = "a tenth of the rate at which the smoothed loss was lowest, as Smith advises"
    return "done", f"Suggested learning rate: {rate:g} ({why}).", {"suggested": rate, "reason": why}


def suggest(curve: list[tuple[float, float]]) -> float:
    """The rate to train with, from (rate, loss) pairs in the order of growing rates. Raises TrainingError."""
    if not curve:
        raise TrainingError(
            f"The loss was not a number at the lowest learning rate ({LOWEST:g}) already, so that none can be "
            "suggested; check the base model and the adapter to continue."
        )
    smooth = smoothed([loss for _, loss in curve])
    lowest = min(range(len(smooth)), key=smooth.__getitem__)
    return float(f"{curve[lowest][0] / DECADE:.1e}")


def smoothed(losses: list[float]) -> list[float]:
    """Each loss as the mean of itself and REACH neighbours on both sides, fewer at the ends. A moving average of the
    past alone would lag behind and so suggest too high a rate."""
    return [mean(losses[max(0, at - REACH) : at + REACH + 1]) for at in range(len(losses))]
