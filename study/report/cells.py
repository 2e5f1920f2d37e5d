"""Figures as cells of a table: the value, and its interval smaller beside it."""

from __future__ import annotations

import math

from study.analysis.words import amount, duration, middle, span
from study.report.html import Cell
from study.statistics.estimate import Estimate, Inference

NONE = Cell("–")


def of_100(value: Estimate | None, sign: str = "", strong: bool = False) -> Cell:
    """A share in points of 100."""
    return Cell(middle(value, sign), span(value), strong) if value else NONE


def whole(value: Estimate | None) -> Cell:
    """A number without decimals, such as of characters."""
    return Cell(f"{value.mean:,.0f}", ends(value, ",.0f")) if value else NONE


def plain(value: Estimate | None, sign: str = "") -> Cell:
    """A number with two decimals."""
    return Cell(f"{value.mean:{sign}.2f}", ends(value, f"{sign}.2f")) if value else NONE


def odds(value: Inference) -> Cell:
    """A difference in log-odds."""
    return plain(value.interval(), "+")


def seconds(value: Estimate | None) -> Cell:
    """A time, whose interval may have no upper end."""
    if value is None:
        return NONE
    high = f"to {duration(value.high)}" if math.isfinite(value.high) else "or more"
    return Cell(duration(value.mean), f"[{duration(value.low)} {high}]")


def price(value: Estimate, unit: str) -> Cell:
    """An amount of money, or seconds of the machine."""
    return Cell(amount(value.mean, unit), f"[{amount(value.low, unit)} to {amount(value.high, unit)}]")


def ends(value: Estimate, form: str) -> str:
    """The interval's ends, or that there are none."""
    if not (math.isfinite(value.low) and math.isfinite(value.high)):
        return "[no interval: too little to go by]"
    return f"[{value.low:{form}}, {value.high:{form}}]"
