"""What is wrong with a study's plan, in one sentence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import astuple

from core.errors import StudyError
from core.studies import MEASURES, QuestionsLook, StudyArm, StudyPlan, TestQuestion
from core.types import ARM_NAMES

LONGEST_NAME = 80


def check_plan(plan: StudyPlan) -> None:
    """Raises StudyError for names, arms or numbers that make no sense."""
    if not plan.name.strip() or len(plan.name) > LONGEST_NAME:
        raise StudyError(f"A study needs a name of 1 to {LONGEST_NAME} characters; choose one.")
    names = [arm.name for arm in plan.arms]
    check_arms(plan.arms)
    if len(plan.decides) != 2 or plan.decides[0] == plan.decides[1] or not set(plan.decides) <= set(names):
        raise StudyError(
            f"The comparison that decides must be of two different arms of the study ({', '.join(names)}), but is of "
            f"{' and '.join(plan.decides) or 'none'}."
        )
    check_numbers(plan)


def check_arms(arms: Sequence[StudyArm]) -> None:
    """Raises StudyError for fewer than two arms, two of one name, and one that is incomplete."""
    names = [arm.name for arm in arms]
    for arm in arms:
        _check_arm(arm)
        if names.count(arm.name) > 1:
            raise StudyError(f"Two of the arms are called '{arm.name}'; give each a name of its own.")
    if len(names) < 2:
        raise StudyError(f"It takes at least two arms to compare, but there is {len(names)}; add one.")


def check_numbers(plan: StudyPlan) -> None:
    """Raises StudyError for what is out of range: the part of a plan that planning needs."""
    if plan.measure not in MEASURES:
        raise StudyError(f"There is no measure '{plan.measure}'; the measures are {', '.join(MEASURES)}.")
    if not 0 < plan.margin < 1:
        raise StudyError(
            f"The margin, the smallest difference that matters, must be above 0 and below 1, but is {plan.margin:g}."
        )
    for what, number in (("ratings", plan.ratings), ("limit", plan.limit)):
        if number < 0:
            raise StudyError(f"'{what}' must not be negative, but is {number}.")
    for what, share in (("twice", plan.twice), ("repeats", plan.repeats)):
        if not 0 <= share <= 1:
            raise StudyError(f"'{what}' is a share of the ratings, from 0 to 1, but is {share:g}.")
    if plan.measure == "ratings" and not plan.ratings:
        raise StudyError("Ratings are to decide, but none are planned; plan some or choose another measure.")
    for what, known in (("pairs", ("deciding", "all")), ("leaks", ("refuse", "keep"))):
        if getattr(plan, what) not in known:
            raise StudyError(f"'{what}' must be {' or '.join(known)}, but is '{getattr(plan, what)}'.")
    if not all(isinstance(price, str) or (math.isfinite(price) and price >= 0) for price in astuple(plan.prices)):
        raise StudyError("A price must be a number that is not negative; mend the prices.")


def check_questions(plan: StudyPlan, questions: Sequence[TestQuestion], allowed: QuestionsLook) -> None:
    """Raises StudyError when the questions are too few or do not allow the measure that decides."""
    if len(questions) < 2:
        raise StudyError(f"A study needs at least two questions, but there is {len(questions)} in {plan.questions}.")
    if plan.measure not in allowed.measures:
        why = "facts of two questions at least" if plan.measure == "facts" else "a reference answer of each question"
        raise StudyError(
            f"The measure '{plan.measure}' takes {why}, and {plan.questions} does not have them; choose one of "
            f"{', '.join(allowed.measures)}."
        )


def _check_arm(arm: StudyArm) -> None:
    if not arm.name.strip() or len(arm.name) > LONGEST_NAME:
        raise StudyError(f"Each arm needs a name of 1 to {LONGEST_NAME} characters, but one is '{arm.name}'.")
    if arm.spec.name not in ARM_NAMES:
        raise StudyError(f"The arm '{arm.name}' is none of {', '.join(ARM_NAMES)}, but '{arm.spec.name}'.")
    if not arm.spec.template:
        raise StudyError(f"The arm '{arm.name}' has no template; choose one.")
    if arm.spec.uses_adapter and not arm.spec.adapter:
        raise StudyError(f"The arm '{arm.name}' needs an adapter; choose one.")
