"""Figures as people read them: points of 100, shares, money, seconds, and intervals that may have no end."""

from __future__ import annotations

import math

from core.studies import Measure
from study.statistics.estimate import Estimate

MEASURES: dict[Measure, str] = {
    "facts": "share of facts",
    "similarity": "similarity in meaning to the reference",
    "rouge_l": "words shared with the reference (ROUGE-L)",
    "chrf": "letters shared with the reference (chrF)",
    "ratings": "people's ratings",
}


def points(value: Estimate, sign: str = "") -> str:
    """`12 [6, 18]`: in points of 100, with the interval."""
    return f"{middle(value, sign)} {span(value)}"


def middle(value: Estimate, sign: str = "") -> str:
    """`12`: without the interval."""
    return hundredth(value.mean, _digits(value), sign)


def span(value: Estimate) -> str:
    """`[6, 18]`: the interval in points of 100, or that there is none."""
    if not (math.isfinite(value.low) and math.isfinite(value.high)):
        return "[no interval: too little to go by]"
    digits = _digits(value)
    return f"[{hundredth(value.low, digits)}, {hundredth(value.high, digits)}]"


def hundredth(value: float, digits: int = 0, sign: str = "") -> str:
    """A share in points of 100, never '-0'."""
    rounded = round(100 * value, digits)
    return f"{rounded:{sign}.{digits}f}".replace("-", "−") if rounded else "0"


def _digits(value: Estimate) -> int:
    """Decimals of points: none where the interval is wide anyway, unless an end beside 0 would read as 0."""
    beside_0 = any(0 < abs(end) < 0.005 for end in (value.low, value.high))
    return 1 if beside_0 or value.high - value.low < 0.05 else 0


def amount(value: float, unit: str) -> str:
    """`EUR 0.0021` or, where there are no prices, `1.9 s`; three figures that count."""
    if not math.isfinite(value):
        return "no upper limit"
    if unit == "s":
        return duration(value)
    digits = 2 if abs(value) >= 1 or value == 0 else min(2 - math.floor(math.log10(abs(value))), 12)
    return f"{unit} {value:,.{digits}f}"


def amounts(value: Estimate, unit: str) -> str:
    """The same with its interval."""
    return f"{amount(value.mean, unit)} [{amount(value.low, unit)} to {amount(value.high, unit)}]"


def duration(seconds: float) -> str:
    """`0.85 s`, `12 s`, `3.5 min`, `2.1 h`."""
    for size, name in ((3600, "h"), (60, "min")):
        if abs(seconds) >= 2 * size:
            return f"{seconds / size:.1f} {name}"
    return f"{seconds:.2f} s" if abs(seconds) < 10 else f"{seconds:.0f} s"


def count(number: float, one: str, many: str = "") -> str:
    """`1 question`, `1,200 questions`."""
    return f"{number:,.0f} {one if number == 1 else many or one + 's'}"


def about(number: int) -> int:
    """Two figures that count: 648 is about 650."""
    unit = 10 ** max(len(str(abs(number))) - 2, 0)
    return round(number / unit) * unit


def share_of(part: int, whole: int) -> str:
    """`part/whole (percentage)`, or a dash when there is nothing to share."""
    return f"{part}/{whole} ({part / whole:.1%})" if whole else "-"


def p_value(value: float) -> str:
    """`0.03`, `below 0.001`."""
    return "below 0.001" if value < 0.001 else f"{value:.3f}" if value < 0.1 else f"{value:.2f}"


def listed(names: list[str], last: str = "and") -> str:
    """`a, b and c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {last} {names[-1]}" if names else ""
