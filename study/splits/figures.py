"""How each arm of a split did with its visitors, and how arms differ: every figure with its interval.

A visitor keeps one arm and brings as many chats and messages as they like, so that theirs belong together everywhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from core.splits import Split
from core.studies import Prices
from core.types import Answer, Exchange
from study.analysis.costs import SECONDS
from study.analysis.machine_time import machine_seconds
from study.splits.observed import ChatOutcome
from study.statistics.clusters import clustered_mean
from study.statistics.cost import answer_costs
from study.statistics.estimate import Estimate, Inference
from study.statistics.independent import independent_difference
from study.statistics.multiple import holm
from study.statistics.shares import share

Share = Literal[
    "up", "rated", "down", "stopped", "failed", "regenerated", "reworded", "unsupported", "declined"
]  # from 0 to 1
Mean = Literal["messages", "first_token", "total", "cost"]
Figure = Share | Mean

SHARES: tuple[Share, ...] = get_args(Share)
MEANS: tuple[Mean, ...] = get_args(Mean)
FIGURES: tuple[Figure, ...] = (*SHARES, *MEANS)

Rows = tuple[list[float], list[str]]  # values and their visitors


@dataclass(frozen=True)
class ArmResult:
    """One arm. `slow` is the time within which 95 of 100 answers were complete, None without an answer; `busiest` the
    largest part of its chats that one visitor has."""

    name: str
    share: float
    visitors: int
    chats: int
    messages: int
    rated: int
    busiest: float
    figures: Mapping[Figure, Estimate]
    slow: float | None


@dataclass(frozen=True)
class Contrast:
    """An arm less the first one. `p_values` are of all figures but thumbs up, which decides, corrected for their
    number."""

    arm: str
    control: str
    differences: Mapping[Figure, Inference]
    p_values: Mapping[Figure, float]


@dataclass(frozen=True)
class Measured:
    """All rows of a split: by arm, by figure. `unit` is that of the cost of an answer: a currency, or 's' of the
    machine where there are no prices."""

    arms: Mapping[str, Mapping[Figure, Rows]]
    unit: str


def measured(split: Split, chats: Sequence[ChatOutcome]) -> Measured:
    """What each figure of each arm is the mean of."""
    answers = [answer for chat in chats for answer in chat.answers]
    prices = split.plan.prices
    priced = bool(prices.million_prompt_tokens or prices.million_new_tokens or prices.machine_hour)
    costs = _costs(answers, prices if priced else SECONDS)
    rows: dict[str, dict[Figure, Rows]] = {
        arm.name: {figure: ([], []) for figure in FIGURES} for arm in split.plan.arms
    }
    for chat in chats:
        for figure, values in _of_chat(chat, costs).items():
            rows[chat.arm][figure][0].extend(values)
            rows[chat.arm][figure][1].extend([chat.visitor] * len(values))
    return Measured(rows, prices.currency if priced else "s")


def arm_results(split: Split, chats: Sequence[ChatOutcome], found: Measured) -> dict[str, ArmResult]:
    """By the arm's name."""
    return {arm.name: _result(arm.name, arm.share, chats, found.arms[arm.name]) for arm in split.plan.arms}


def contrast(found: Measured, arm: str, control: str) -> Contrast:
    """Of the figures that both have."""
    ours, theirs = found.arms[arm], found.arms[control]
    differences = {
        figure: independent_difference(
            ours[figure][0], theirs[figure][0], ours[figure][1], theirs[figure][1], 1.0 if figure in SHARES else 0.0
        )
        for figure in FIGURES
        if ours[figure][0] and theirs[figure][0]
    }
    alone = {figure: one.p_value() for figure, one in differences.items()}
    corrected = holm({str(figure): p for figure, p in alone.items() if figure != "up"})
    return Contrast(arm, control, differences, {figure: corrected.get(figure, p) for figure, p in alone.items()})


def _result(name: str, planned: float, chats: Sequence[ChatOutcome], rows: Mapping[Figure, Rows]) -> ArmResult:
    mine = [chat for chat in chats if chat.arm == name]
    per_visitor = Counter(chat.visitor for chat in mine)
    figures: dict[Figure, Estimate] = {}
    for figure in FIGURES:
        values, visitors = rows[figure]
        if values:
            is_share = figure in SHARES
            figures[figure] = share(values, visitors) if is_share else clustered_mean(values, visitors).interval()
    totals = rows["total"][0]
    return ArmResult(
        name=name,
        share=planned,
        visitors=len(per_visitor),
        chats=len(mine),
        messages=sum(len(chat.messages) for chat in mine),
        rated=sum(chat.approval is not None for chat in mine),
        busiest=max(per_visitor.values(), default=0) / max(len(mine), 1),
        figures=figures,
        slow=float(np.quantile(totals, 0.95)) if totals else None,
    )


def _of_chat(chat: ChatOutcome, costs: Mapping[str, float]) -> dict[Figure, list[float]]:
    """Its part in every figure: of the chat itself, of its messages, of its complete answers, of all its answers."""
    complete = [answer for answer in chat.answers if answer.outcome == "complete"]
    return {
        "up": [] if chat.approval is None else [chat.approval],
        "rated": [float(chat.approval is not None)],
        "down": [float(any(thumb.value < 0 for thumb in chat.thumbs))],
        "messages": [float(len(chat.messages))],
        "stopped": [float(_has(one, "stopped")) for one in chat.messages],
        "failed": [float(_has(one, "failed")) for one in chat.messages],
        "regenerated": [float(len(one.answers) > 1) for one in chat.messages],
        "reworded": [float(one.withdrawn) for one in chat.messages],
        "unsupported": [float(bool(one.unsupported)) for one in chat.checks.values()],
        "declined": [float(one.declined) for one in chat.checks.values()],
        "first_token": [one.first_token_s for one in complete if one.first_token_s is not None],
        "total": [one.total_s for one in complete],
        "cost": [costs[one.id] for one in chat.answers],
    }


def _has(message: Exchange, outcome: str) -> bool:
    return any(answer.outcome == outcome for answer in message.answers)


def _costs(answers: Sequence[Answer], prices: Prices) -> dict[str, float]:
    """By the answer's id."""
    read, written = [one.prompt_tokens for one in answers], [one.new_tokens for one in answers]
    paid = answer_costs(read, written, machine_seconds(answers), prices)
    return dict(zip((one.id for one in answers), paid.tolist(), strict=True))
