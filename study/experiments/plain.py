"""Findings as plain JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from study.statistics.estimate import Estimate, Inference


def plain(value: Any) -> Any:
    """Records as objects and numbers as Python's own; an inference as its value with the ends of its 95% interval.
    What JSON has no number for, such as the end of an interval that is the whole line, is None."""
    if isinstance(value, Inference):
        return plain(value.interval())
    if is_dataclass(value) and not isinstance(value, type):
        return {entry.name: plain(getattr(value, entry.name)) for entry in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(one) for one in value]
    if hasattr(value, "tolist"):  # of numpy
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


def estimate(found: Mapping[str, Any]) -> Estimate:
    """A value with its interval as it was before `plain`: an end that is None was infinite."""
    low, high = (found[end] for end in ("low", "high"))
    return Estimate(found["mean"], -math.inf if low is None else low, math.inf if high is None else high)
