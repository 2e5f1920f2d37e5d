"""The page's section on cost: an answer, an acceptable one, training and labels, and when the start pays back."""

from __future__ import annotations

from study.analysis.costs import ArmCost, CostFindings, PaidBack
from study.analysis.findings import Findings
from study.analysis.words import amount, amounts, count, duration, points
from study.report.cells import price
from study.report.html import Cell, charts, items, paragraph, section, table
from study.report.interval_chart import Row, interval_chart, scatter
from study.report.scores_html import SCORES, scaled


def costs_section(found: Findings) -> str:
    costs = found.costs
    if not costs.arms:
        return ""
    prices = found.study.plan.prices
    if costs.priced:
        told = (
            f"Prices of the plan: {prices.currency} {prices.million_prompt_tokens:g} for a million tokens read, "
            f"{prices.million_new_tokens:g} for a million written, {prices.machine_hour:g} for an hour of the machine, "
            f"{prices.label:g} for a label. Answers that were written at the same time share its time."
        )
    else:
        told = "The plan has no prices of answers, so that cost is told as seconds of the machine"
        told += "; answers that were written at the same time share them."
    head = ["", _each(costs), _each(costs, "acceptable "), "Training and labels"]
    rows = [[name, *_cells(cost, costs, prices.label > 0)] for name, cost in costs.arms.items()]
    return section(
        "What it costs",
        paragraph(told, "soft"),
        charts(_scatter(found), _bars(found)),
        table(head, rows),
        items(_paid_back(one, costs) for one in costs.paid_back),
    )


def _cells(cost: ArmCost, costs: CostFindings, labels_cost: bool) -> list[str | Cell]:
    none = "no answer was acceptable" if costs.arms else ""
    acceptable = price(scaled(cost.acceptable, costs.each), costs.unit) if cost.acceptable else Cell("–", none)
    if cost.start is None:
        return [
            price(scaled(cost.answer, costs.each), costs.unit),
            acceptable,
            Cell("not known", "the adapter's card does not tell"),
        ]
    if not cost.training_s and not cost.labels:
        return [price(scaled(cost.answer, costs.each), costs.unit), acceptable, "none"]
    made_of = f"{duration(cost.training_s or 0.0)} of training, {count(cost.labels, 'label')}"
    if not labels_cost or not costs.priced:
        made_of += ", which have no price here"
    return [
        price(scaled(cost.answer, costs.each), costs.unit),
        acceptable,
        Cell(amount(cost.start, costs.unit), made_of),
    ]


def _scatter(found: Findings) -> str:
    shown = []
    for name, cost in found.costs.arms.items():
        if score := found.arms[name].score(found.score_measure):
            told = f"{points(score)} of 100 at {amounts(scaled(cost.answer, found.costs.each), found.costs.unit)}"
            row = Row(name, scaled(score), told, name == found.decision.advised)
            shown.append((row, scaled(cost.answer, found.costs.each)))
    return scatter(
        "Cost against quality", shown, _axis(found), f"{SCORES[found.score_measure]}, of 100", "best is top left"
    )


def _bars(found: Findings) -> str:
    rows = [
        Row(
            name,
            scaled(cost.acceptable, found.costs.each),
            amounts(scaled(cost.acceptable, found.costs.each), found.costs.unit),
            name == found.decision.advised,
        )
        for name, cost in found.costs.arms.items()
        if cost.acceptable
    ]
    return interval_chart("Cost of an acceptable answer", rows, _axis(found, "acceptable "))


def _axis(found: Findings, kind: str = "") -> str:
    return f"{found.costs.unit if found.costs.priced else 'machine seconds'} for {_each(found.costs, kind)}"


def _each(costs: CostFindings, kind: str = "") -> str:
    """`1,000 answers`, or `1 answer` where nothing has a price."""
    return count(costs.each, f"{kind}answer")


def _paid_back(one: PaidBack, costs: CostFindings) -> str:
    start = amount(one.start, costs.unit)
    begun = f"{one.dearer} costs {start} more to start with than {one.other}"
    if one.volume.answers is None and one.volume.low is None:
        return f"{begun} and no less for an answer: it never pays back by lower cost."
    if one.volume.answers is None:
        return f"{begun} and hardly less for an answer: at best it pays back after {_answers(one.volume.low)}."
    high = _answers(one.volume.high) if one.volume.high is not None else "never"
    return f"{begun}, and pays that back after {_answers(one.volume.answers)} [{_answers(one.volume.low)} to {high}]."


def _answers(number: float | None) -> str:
    if number is None:
        return "never"
    digits = 10 ** max(len(f"{number:.0f}") - 2, 0)  # two figures that count
    return count(round(number / digits) * digits, "answer")
