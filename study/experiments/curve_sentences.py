"""What a learning curve says, in sentences for people who decide."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from study.experiments.scoring import UNITS

Findings = Mapping[str, Any]


def curve_sentences(content: Findings, arm: str, margin: float) -> list[str]:
    """Where the adapter overtakes the other arm, and whether more examples would help. `content` is the curve's plain
    findings; a gain below `margin` a doubling does not matter."""
    found = content["arms"][arm]
    told = [_meeting(found, arm, content["against"]["name"])]
    return [*told, _more(found["slope"], margin, UNITS[content["measure"]])]


def _meeting(found: Findings, arm: str, other: str) -> str:
    crossover, most = found["crossover"], found["sizes"][-1]
    rows, low, high = crossover["rows"], crossover["low"], crossover["high"]
    what, does, does_not = (
        ("Fine-tuning", "overtakes prompting", "does not overtake prompting")
        if arm == "lora"
        else (f"An adapter on top of '{other}'", "pays", "does not pay")
    )
    if rows is None:
        unsure = "" if low is None else f"; from about {low:,.0f} on that is not certain"
        return f"{what} {does_not} within your {most:,} examples{unsure}."
    if high is None:
        start = "from the first examples on" if rows < 1 else f"at about {rows:,.0f} examples"
        return f"{what} {does} {start}, it seems, but within your {most:,} examples that is not certain."
    if rows < 1:
        return f"{what} {does} from the first examples on, certainly from {high:,.0f}."
    return f"{what} {does} at about {rows:,.0f} examples [{low or 0:,.0f}, {high:,.0f}]."


def _more(slope: Findings, margin: float, unit: str) -> str:
    told = f"{_signed(slope['mean'])} {unit} a doubling"
    if slope["low"] is None or slope["high"] is None:
        return f"Whether more examples would help cannot be told ({told})."
    told += f" [{_signed(slope['low'])}, {_signed(slope['high'])}]"
    if slope["low"] > 0:
        return f"More examples would still help: {told}."
    if slope["high"] < margin:
        return f"More examples would hardly help: {told}."
    return f"Whether more examples would help cannot be told: {told}."


def _signed(share: float) -> str:
    return f"{100 * share:+.1f}"
