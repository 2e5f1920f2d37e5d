"""What is wrong with the plan of a split, in one sentence; and how arms with shares are written in a terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import astuple
from datetime import timedelta

from core.errors import SplitError
from core.splits import SplitArm, SplitPlan
from core.studies import StudyArm
from core.types import SPLIT, now
from study.check_plan import LONGEST_NAME, check_arms

LONGEST = timedelta(days=366)
CLOSE = 1e-6


def check_split(plan: SplitPlan) -> None:
    """Raises SplitError for a name, shares, a margin or an end that make no sense, StudyError for such arms."""
    if not plan.name.strip() or len(plan.name) > LONGEST_NAME or plan.name == SPLIT:
        raise SplitError(f"A split needs a name of 1 to {LONGEST_NAME} characters other than '{SPLIT}'; choose one.")
    check_arms([StudyArm(arm.name, arm.spec) for arm in plan.arms])
    shares = [arm.share for arm in plan.arms]
    if not all(math.isfinite(share) and 0 < share < 100 for share in shares) or abs(sum(shares) - 100) > CLOSE:
        given = " + ".join(f"{share:g}" for share in shares)
        raise SplitError(f"The shares of the arms are percents above 0 that make 100 together, but are {given}.")
    if not 0 < plan.margin < 1:
        raise SplitError(
            f"The margin, the smallest difference that matters, must be above 0 and below 1, but is {plan.margin:g}."
        )
    if not now() < plan.until <= now() + LONGEST:
        raise SplitError(
            f"A split ends after now and within a year, but this one would at {plan.until:%Y-%m-%d %H:%M} UTC."
        )
    if not all(isinstance(price, str) or (math.isfinite(price) and price >= 0) for price in astuple(plan.prices)):
        raise SplitError("A price must be a number that is not negative; mend the prices.")


def shared_out(arms: Sequence[StudyArm], shares: Sequence[float] | None) -> tuple[SplitArm, ...]:
    """Each arm with its share; equal ones unless given. Raises SplitError for as many shares as there are not arms."""
    given = list(shares) if shares else [100 / max(len(arms), 1)] * len(arms)
    if len(given) != len(arms):
        raise SplitError(f"There are {len(arms)} arms but {len(given)} shares; give each arm its own.")
    return tuple(SplitArm(arm.name, arm.spec, share) for arm, share in zip(arms, given, strict=True))
