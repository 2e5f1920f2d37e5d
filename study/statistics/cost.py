"""What answers, training and labels cost, and from which volume on the dearer start pays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.studies import Prices
from study.statistics.clusters import Labels, Values, clustered_mean
from study.statistics.estimate import LEVEL, Estimate, Inference


@dataclass(frozen=True)
class BreakEven:
    """The number of answers from which the start is paid back; None: never. `low` is the soonest, `high` the latest."""

    answers: float | None
    low: float | None
    high: float | None


def answer_costs(prompt_tokens: Values, new_tokens: Values, seconds: Values, prices: Prices) -> np.ndarray:
    """The cost of each answer [answers] from its tokens and its machine time [answers]."""
    tokens = np.multiply(prompt_tokens, prices.million_prompt_tokens) + np.multiply(
        new_tokens, prices.million_new_tokens
    )
    return tokens / 1e6 + np.multiply(seconds, prices.machine_hour) / 3600


def training_cost(seconds: float, labels: int, prices: Prices) -> float:
    """What an adapter costs before its first answer: machine seconds of all its runs, and labels bought for it."""
    return seconds / 3600 * prices.machine_hour + labels * prices.label


def break_even(start: float, saving: Inference, level: float = LEVEL) -> BreakEven:
    """From what the start costs, such as training, and what is saved per answer (`paired_difference` of the costs of
    the other arm and of this one, with scale 0): a saving whose interval holds 0 may never pay back."""

    def answers(each: float) -> float | None:
        return start / each if each > 0 else None

    ends = saving.interval(level)
    return BreakEven(answers(saving.mean), answers(ends.high), answers(ends.low))


def cost_per_acceptable(
    costs: Values, acceptable: Values, questions: Labels | None = None, level: float = LEVEL
) -> Estimate | None:
    """All costs [answers] over the number of acceptable answers [answers], 1 or 0 each; None where none is.

    The interval is Fieller's, which asks of each price whether the costs less that price an acceptable answer have a
    mean of 0, cluster-robust by question [answers]; its upper end is infinite where there may be hardly any.
    Source: Fieller, "Some problems in interval estimation", 1954. Raises ValueError as `clustered_mean` does.
    """
    paid, good = np.asarray(costs, float), np.asarray(acceptable, float)
    if not good.sum():
        return None
    price = float(paid.sum() / good.sum())

    def unlike(candidate: float) -> float:
        """Above 0 where this price lies outside the interval."""
        rest = clustered_mean(paid - candidate * good, questions)
        return abs(rest.mean) - rest.half_width(level)

    from scipy.optimize import brentq

    low = brentq(unlike, 0.0, price) if unlike(0.0) > 0 else 0.0
    far = next((price * 2**power for power in range(1, 20) if unlike(price * 2**power) > 0), None)
    return Estimate(price, float(low), float(brentq(unlike, price, far)) if far else float("inf"))
