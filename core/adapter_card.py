"""What an adapter's card may hold: one that comes from elsewhere can hold anything, under any name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LARGEST, SMALLEST = 1e15, 1e-15  # of a figure; nothing that is measured lies beyond, and charts can draw what is within

ANY = "*"  # every other field
TEXT, NUMBER, SCALAR = "text", "number", "scalar"
COUNTS = {ANY: NUMBER}
LOSSES = {"set": TEXT, "before": NUMBER, "after": NUMBER}
ESTIMATES = {ANY: {ANY: {ANY: NUMBER}}}  # arm -> measure -> mean, low, high
DATA = {
    **dict.fromkeys(("train", "validation"), NUMBER),
    **dict.fromkeys(("left_out", "left_out_topics", "boilerplate", "languages", "topics", "personal_data"), COUNTS),
    "warnings": [TEXT],
    ANY: (SCALAR, [SCALAR], COUNTS),
}
# A shape is a kind of value, a list of one shape, an object of named ones, or a tuple of shapes to choose from.
CARD = {
    "data": DATA,
    "recipe": {ANY: (SCALAR, [SCALAR])},
    "parent": {ANY: SCALAR},
    "validation_loss": (NUMBER, [NUMBER]),
    "losses": [LOSSES],
    "curve": [COUNTS],
    "scores": {"arms": ESTIMATES, "differences": ESTIMATES, "failed": COUNTS, ANY: SCALAR},
    "run": TEXT,
    ANY: (SCALAR, [SCALAR]),
}


def known_card(card: Mapping[str, Any]) -> dict[str, Any]:
    """The card without everything that is not of the shape that its field has: fit to be shown and kept."""
    return dict(_kept(card, CARD) or {})


def _kept(value: Any, shape: Any) -> Any:
    """What of a value is of the shape; None when it is of another."""
    if isinstance(shape, tuple):
        return next((found for one in shape if (found := _kept(value, one)) is not None), None)
    if isinstance(shape, list):
        if not isinstance(value, list | tuple):
            return None
        return [found for one in value if (found := _kept(one, shape[0])) is not None]
    if isinstance(shape, dict):
        if not isinstance(value, Mapping):
            return None
        parts = {name: _kept(one, shape.get(name, shape.get(ANY))) for name, one in value.items() if _is_text(name)}
        return {name: found for name, found in parts.items() if found is not None}
    return value if _is_of(value, shape) else None


def _is_of(value: Any, kind: str | None) -> bool:
    if kind == SCALAR:
        return isinstance(value, bool) or _is_text(value) or _is_number(value)
    return _is_text(value) if kind == TEXT else kind == NUMBER and _is_number(value)


def _is_text(value: Any) -> bool:
    """JSON can escape half a character, which no page can show."""
    return isinstance(value, str) and not any("\ud800" <= letter <= "\udfff" for letter in value)


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return value == 0 or SMALLEST <= abs(value) <= LARGEST
