"""Votes in the order in which they came, and what each says of its arms."""

from __future__ import annotations

from collections.abc import Sequence

from core.studies import Rating
from study.statistics.win_rate import Verdict

RATERS = 4  # people; two or three leave the votes' intervals so wide that readers should know the reason


def in_order(ratings: Sequence[Rating]) -> list[Rating]:
    """As the votes came."""
    return sorted(ratings, key=lambda one: (one.place is None, one.place or 0))


def verdict_of(rating: Rating, arm: str) -> Verdict:
    """A vote as one of its arms sees it."""
    if rating.choice in ("tie", "both_bad"):
        return rating.choice
    return "win" if winner(rating) == arm else "loss"


def winner(rating: Rating) -> str:
    """The arm that a vote prefers, or the choice itself where it prefers none."""
    return {"left": rating.left, "right": rating.right}.get(str(rating.choice), str(rating.choice))


def votes_on(pair: tuple[str, str], votes: Sequence[Rating]) -> list[Rating]:
    return [one for one in votes if {one.left, one.right} == set(pair)]
