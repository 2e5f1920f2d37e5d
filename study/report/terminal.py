"""What a study found, for the terminal: the verdict, then a table of the arms and what each part adds."""

from __future__ import annotations

from collections.abc import Mapping

from study.analysis.arms import Figure
from study.analysis.findings import Findings
from study.analysis.words import amount, duration, points
from study.report.scores_html import EFFECTS

COLUMNS: Mapping[Figure, str] = {
    "facts": "facts",
    "similarity": "similarity",
    "strict": "all facts right",
    "rightly_declined": "declined rightly",
    "wrongly_declined": "declined wrongly",
    "unsupported": "unsupported",
    "acceptable": "acceptable",
    "retrieved": "right article found",
}


def print_findings(found: Findings) -> None:
    """The sentence, what contradicts it and what must be known; each arm; people's votes; the effects."""
    decision = found.decision
    print("", decision.sentence, sep="\n")
    for line in (decision.second_opinion, found.live, *found.exploration):
        print(line) if line else None
    for line in found.remarks:
        print(f"! {line}")
    _print_arms(found)
    for pair in found.ratings.pairs if found.ratings else ():
        rate, votes = points(pair.votes.rate), pair.votes.votes
        print(f"{pair.first} preferred to {pair.second} in {rate} of 100 votes ({votes:,})")
    for effect, value in found.effects.items():
        print(f"{EFFECTS[effect]}: {points(value.interval(), '+')} points")


def _print_arms(found: Findings) -> None:
    arms = sorted(
        (arm for arm in found.arms.values() if arm.answered),
        key=lambda arm: -(score.mean if (score := arm.score(found.score_measure)) else 0.0),
    )
    shown = {figure: name for figure, name in COLUMNS.items() if any(figure in arm.figures for arm in arms)}
    rows = [["of 100", *(arm.name for arm in arms)]] if arms else []
    for figure, name in shown.items():
        rows.append([name, *(points(arm.figures[figure]) if figure in arm.figures else "-" for arm in arms)])
    rows += [["seconds", *(duration(arm.total.median.mean) if arm.total else "-" for arm in arms)]] if arms else []
    if found.costs.priced:
        costs = [found.costs.arms.get(arm.name) for arm in arms]
        each, unit = found.costs.each, found.costs.unit
        rows.append([f"{each:,} answers", *(amount(each * cost.answer.mean, unit) if cost else "-" for cost in costs)])
    widths = [max(len(row[place]) for row in rows) for place in range(len(arms) + 1)] if rows else []
    print()
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    print()
