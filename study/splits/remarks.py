"""What every reader of a split's results must know beside the verdict, and what differs beyond the thumbs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from core.splits import Split
from study.analysis.decision import ALPHA
from study.analysis.words import count, duration, hundredth, listed, middle, span
from study.splits.decision import SplitDecision
from study.splits.figures import ArmResult, Contrast, Figure
from study.splits.observed import Counted
from study.statistics.estimate import Estimate

FEW = 30  # visitors of an arm
BUSY = 0.2  # of an arm's chats, by one visitor
WORDS: Mapping[Figure, str] = {
    "rated": "chats with a thumb",
    "down": "chats with a thumb down",
    "stopped": "answers stopped",
    "failed": "answers failed",
    "regenerated": "messages answered anew",
    "reworded": "messages edited or undone",
    "unsupported": "answers that state something unsupported",
    "declined": "answers that decline",
}


def remarks(
    split: Split,
    at: datetime,
    kept: Counted,
    arms: Mapping[str, ArmResult],
    contrasts: Sequence[Contrast],
    decision: SplitDecision,
) -> tuple[str, ...]:
    """The gravest first."""
    told = []
    if kept.changed:
        told.append(
            f"An arm is no longer what it was ({kept.changed}). A changed arm is a new arm: "
            f"{count(kept.left_out, 'message')} of all arms from then on are left out. End this split and begin "
            "another."
        )
    busy = [arm.name for arm in arms.values() if arm.busiest > BUSY and arm.chats >= FEW]
    if busy:
        told.append(
            f"One visitor has more than {hundredth(BUSY)} of 100 chats of {listed(busy)}: a key of the API without "
            "`user` is one visitor, however many customers are behind it."
        )
    if decision.leads and decision.leads[0].early:
        why = f"The split did not go on unchanged to {split.plan.until:%Y-%m-%d %H:%M} UTC, its planned end"
        if split.runs(at):
            why = f"The split runs until {split.end:%Y-%m-%d %H:%M} UTC"
        told.append(
            f"{why}: only the confidence sequence of each visitor's first thumb may decide. It stays right however "
            "often one looks, and is wider for it."
        )
    few = [f"{arm.name} {arm.visitors}" for arm in arms.values() if 0 < arm.visitors < FEW]
    if few:
        told.append(f"Few visitors so far ({listed(few)}): what they do may not be what others do.")
    told += [_unlike(one, arms) for one in contrasts if _sure(one, "rated")]
    if kept.indexes > 1:
        told.append(f"The documents changed {count(kept.indexes - 1, 'time')} meanwhile, for all arms at once.")
    return tuple(told)


def exploration(contrasts: Sequence[Contrast]) -> tuple[str, ...]:
    """What surely differs from the first arm beyond the thumbs up, corrected for how much was looked at."""
    told = []
    for one in contrasts:
        surely = [_difference(figure, one) for figure in WORDS if figure != "rated" and _sure(one, figure)]
        if _sure(one, "total"):
            seconds = one.differences["total"].mean
            surely.append(f"{duration(abs(seconds))} {'longer' if seconds > 0 else 'less'} an answer")
        if surely:
            told.append(f"Beyond thumbs up, {one.arm} has {listed(surely)} compared with {one.control}.")
    return tuple(told)


def _sure(one: Contrast, figure: Figure) -> bool:
    return one.p_values.get(figure, 1.0) < ALPHA


def _difference(figure: Figure, one: Contrast) -> str:
    value = one.differences[figure].interval()
    if value.mean >= 0:
        return f"{middle(value)} points more {WORDS[figure]} {span(value)}"
    turned = Estimate(-value.mean, -value.high, -value.low)
    return f"{middle(turned)} points fewer {WORDS[figure]} {span(turned)}"


def _unlike(one: Contrast, arms: Mapping[str, ArmResult]) -> str:
    ours, theirs = (hundredth(arms[arm].figures["rated"].mean) for arm in (one.arm, one.control))
    return (
        f"People rate {ours} of 100 chats of {one.arm} but {theirs} of {one.control}: thumbs may come from other kinds "
        "of people in each. Look at chats with a thumb down, which are of all chats."
    )
