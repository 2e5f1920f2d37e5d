"""How the figures of a split are called, and how they are shown."""

from __future__ import annotations

import math
from collections.abc import Mapping

from study.analysis.words import amounts, duration, middle, span
from study.splits.figures import SHARES, Figure
from study.statistics.estimate import Estimate

NAMES: Mapping[Figure, str] = {
    "up": "Thumbs up, of 100 rated chats",
    "rated": "Chats with a thumb, of 100",
    "down": "Chats with a thumb down, of 100",
    "messages": "Messages a chat",
    "stopped": "Messages whose answer was stopped, of 100",
    "failed": "Messages whose answer failed, of 100",
    "regenerated": "Messages answered anew, of 100",
    "reworded": "Messages edited or undone, of 100",
    "unsupported": "Answers that state something unsupported, of 100",
    "declined": "Answers that decline, of 100",
    "first_token": "To the first word",
    "total": "To the whole answer",
    "cost": "An answer costs",
}


def told(figure: Figure, value: Estimate, unit: str, sign: str = "") -> tuple[str, str]:
    """A figure, or with `sign` '+' a difference, and its interval."""
    if figure in SHARES:
        return middle(value, sign), span(value)
    shown, ends = (text.replace("-", "−") for text in _mean(figure, value, unit, sign))
    return shown, ends if math.isfinite(value.low) and math.isfinite(value.high) else span(value)


def _mean(figure: Figure, value: Estimate, unit: str, sign: str) -> tuple[str, str]:
    if figure == "messages":
        return f"{value.mean:{sign}.2f}", f"[{value.low:.2f}, {value.high:.2f}]"
    if figure == "cost":
        shown, _, ends = amounts(value, unit).partition(" [")
        return (f"{sign}{shown}" if value.mean > 0 else shown), f"[{ends}"
    shown = f"{sign}{duration(value.mean)}" if value.mean > 0 else duration(value.mean)
    return shown, f"[{duration(value.low)} to {duration(value.high)}]"
