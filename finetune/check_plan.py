"""Whether the numbers of a plan make sense, before any data is read: later a bad one would only crash or mislead."""

from __future__ import annotations

import dataclasses
from typing import Any

from core.errors import TrainingError
from core.training import Plan

# The least and the most that each field may be, whichever part of a plan has it.
LIMITS: dict[str, tuple[float, float]] = {
    "rows": (0, 100_000_000),
    "validation_share": (0, 0.5),
    "replay_share": (0, 1),
    "epochs": (0.01, 10_000),
    "learning_rate": (1e-9, 1),
    "rank": (1, 512),
    "batch_size": (1, 4096),
    "dropout": (0, 0.9),
    "passages_share": (0, 1),
    "evaluations": (1, 1000),
    "patience": (0, 1000),
    "beta": (0.001, 10),
    "seed": (0, 2**32 - 1),
}


def check_plan(plan: Plan) -> None:
    """Raises TrainingError for the first number that is none, or is out of its range."""
    for part in (plan, plan.choices, plan.recipe):
        for entry in dataclasses.fields(part):
            if entry.name in LIMITS:
                _check(entry.name, getattr(part, entry.name), whole=entry.type == "int")


def _check(name: str, value: Any, whole: bool) -> None:
    least, most = LIMITS[name]
    is_number = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
    if not (is_number and least <= value <= most):  # which is false for NaN too
        kind = "whole number" if whole else "number"
        field = name.replace("_", " ")
        raise TrainingError(f"The field '{field}' is {value}; it must be a {kind} from {least:,} to {most:,}.")
