"""What each arm costs: an answer, an acceptable one, its training and labels, and when the dearer start pays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.errors import DuodeskError
from core.studies import Prices, Study, StudyArm
from study.analysis.comparisons import pairs_of
from study.analysis.graded import GradedAnswer
from study.analysis.machine_time import machine_seconds
from study.report.tools import ReportTools
from study.statistics.clusters import clustered_mean
from study.statistics.cost import BreakEven, answer_costs, break_even, cost_per_acceptable, training_cost
from study.statistics.estimate import Estimate
from study.statistics.paired import paired_difference

SECONDS = Prices(machine_hour=3600.0, currency="s")  # an hour costs its seconds: machine time instead of money
LONGEST_LINE = 20  # adapters that were trained on top of each other


@dataclass(frozen=True)
class ArmCost:
    """In the unit of CostFindings. `start` is training and labels, 0 without an adapter, None where the adapter's card
    does not tell; `training_s` and `labels` are what it is made of."""

    answer: Estimate
    acceptable: Estimate | None
    start: float | None
    training_s: float | None
    labels: int


@dataclass(frozen=True)
class PaidBack:
    """How many answers pay back what the `dearer` arm's start costs more than the other's; `saving` is per answer."""

    dearer: str
    other: str
    start: float
    saving: Estimate
    volume: BreakEven


@dataclass(frozen=True)
class CostFindings:
    """`unit` is a currency, or 's' for seconds of the machine where the plan has no prices of answers."""

    unit: str
    arms: Mapping[str, ArmCost]
    paid_back: tuple[PaidBack, ...]

    @property
    def priced(self) -> bool:
        return self.unit != SECONDS.currency

    @property
    def each(self) -> int:
        """How many answers people are told the price of: that of one alone is tiny."""
        return 1000 if self.priced else 1


def cost_findings(study: Study, graded: Sequence[GradedAnswer], tools: ReportTools) -> CostFindings:
    """Of the arms that answered something."""
    prices = study.plan.prices
    if not (prices.million_prompt_tokens or prices.million_new_tokens or prices.machine_hour):
        prices = SECONDS
    paid = _paid(study, graded, prices)
    arms = {
        arm.name: _arm_cost(arm, graded, paid[arm.name], prices, tools) for arm in study.plan.arms if paid[arm.name]
    }
    return CostFindings(prices.currency, arms, tuple(_paid_back(study, graded, paid, arms)))


def _paid(study: Study, graded: Sequence[GradedAnswer], prices: Prices) -> dict[str, dict[str, float]]:
    """The cost of each answer that did not fail, by arm and question."""
    made = [one for one in graded if not one.failed]
    seconds = machine_seconds([one.answer for one in made])
    read, written = ([getattr(one.answer, name) for one in made] for name in ("prompt_tokens", "new_tokens"))
    paid: dict[str, dict[str, float]] = {arm.name: {} for arm in study.plan.arms}
    for one, cost in zip(made, answer_costs(read, written, seconds, prices).tolist(), strict=True):
        paid[one.arm][one.question.id] = cost
    return paid


def _arm_cost(
    arm: StudyArm, graded: Sequence[GradedAnswer], paid: Mapping[str, float], prices: Prices, tools: ReportTools
) -> ArmCost:
    mine = [one for one in graded if one.arm == arm.name and one.question.id in paid]
    costs, clusters = [paid[one.question.id] for one in mine], [one.question.cluster for one in mine]
    judged = [place for place, one in enumerate(mine) if one.acceptable is not None]
    seconds, labels = _training(arm, tools)
    return ArmCost(
        answer=clustered_mean(costs, clusters).interval(),
        acceptable=cost_per_acceptable(
            [costs[place] for place in judged],
            [float(bool(mine[place].acceptable)) for place in judged],
            [clusters[place] for place in judged],
        )
        if judged
        else None,
        start=None if seconds is None else training_cost(seconds, labels, prices),
        training_s=seconds,
        labels=labels,
    )


def _training(arm: StudyArm, tools: ReportTools) -> tuple[float | None, int]:
    """Machine seconds and labelled answers of the arm's adapter and of those that it continues; None: not known."""
    if not arm.spec.uses_adapter or not arm.spec.adapter:
        return 0.0, 0
    seconds: float | None = 0.0
    labels, name = 0, arm.spec.adapter
    for _ in range(LONGEST_LINE):
        card = _card(name, tools)
        known, rounds = card.get("seconds"), card.get("conversation_rounds")
        seconds = None if seconds is None or not _is_number(known) else seconds + float(known)  # type: ignore[arg-type]
        labels += int(rounds) if _is_number(rounds) else 0  # type: ignore[arg-type]
        parent = card.get("parent")
        if not isinstance(parent, Mapping) or not parent.get("name"):
            break
        name = str(parent["name"])
    return seconds, labels


def _card(adapter: str, tools: ReportTools) -> Mapping[str, Any]:
    try:
        return tools.card(adapter)
    except DuodeskError:  # it was removed since
        return {}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and bool(np.isfinite(value)) and value >= 0


def _paid_back(
    study: Study, graded: Sequence[GradedAnswer], paid: Mapping[str, Mapping[str, float]], arms: Mapping[str, ArmCost]
) -> list[PaidBack]:
    clusters = {one.question.id: one.question.cluster for one in graded}
    found = []
    for pair in pairs_of(study):
        starts = [arms[arm].start if arm in arms else None for arm in pair]
        if starts[0] is None or starts[1] is None or starts[0] == starts[1]:
            continue
        dearer, other = pair if starts[0] > starts[1] else pair[::-1]
        common = sorted(set(paid[dearer]) & set(paid[other]))
        if len(common) < 2:
            continue
        theirs, ours = ([paid[arm][question] for question in common] for arm in (other, dearer))
        saving = paired_difference(theirs, ours, [clusters[question] for question in common], scale=0.0)
        more = abs(starts[0] - starts[1])
        found.append(PaidBack(dearer, other, more, saving.interval(), break_even(more, saving)))
    return found
