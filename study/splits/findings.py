"""All that a split found, in one record: what the page, the terminal and the exports show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from core.splits import Split
from core.types import Exchange
from study.splits.checked import check_answers
from study.splits.decision import SplitDecision, decide
from study.splits.figures import ArmResult, Contrast, Figure, arm_results, contrast, measured
from study.splits.observed import ChatOutcome, Counted, chats_of, counted
from study.splits.remarks import exploration, remarks
from study.statistics.estimate import Estimate
from study.statistics.sample_ratio import sample_ratio_p_value


@dataclass(frozen=True)
class SplitFindings:
    """`ratio` is the p value of the check that visitors came in the planned shares, None while they are too few.
    `contrasts` are of each arm with the first one; `unit` is that of costs. `remarks` is what a reader must know,
    `exploration` what differs beyond the thumbs."""

    split: Split
    running: bool
    decision: SplitDecision
    arms: Mapping[str, ArmResult]
    contrasts: tuple[Contrast, ...]
    ratio: float | None
    unit: str
    remarks: tuple[str, ...]
    exploration: tuple[str, ...]
    counted: Counted
    chats: tuple[ChatOutcome, ...]

    def difference(self, one: Contrast, figure: Figure) -> tuple[Estimate, float | None]:
        """With its interval and p value, as they may be shown: before the planned end thumbs up have the interval that
        holds at every look, and no p value."""
        lead = next((lead for lead in self.decision.leads if lead.arm == one.arm and lead.early), None)
        if figure == "up" and lead:
            return lead.interval, None
        return one.differences[figure].interval(), one.p_values[figure]


def findings(split: Split, exchanges: Sequence[Exchange], at: datetime) -> SplitFindings:
    """At any moment, also before the first chat. `exchanges` are all of the split, the oldest first."""
    kept = counted(split, exchanges)
    chats = chats_of(kept.exchanges, check_answers(kept.exchanges))
    rows = measured(split, chats)
    arms = arm_results(split, chats, rows)
    control, *others = [arm.name for arm in split.plan.arms]
    contrasts = tuple(contrast(rows, arm, control) for arm in others)
    ratio = sample_ratio_p_value([arm.visitors for arm in arms.values()], [arm.share for arm in arms.values()])
    decision = decide(split, at, arms, contrasts, chats, ratio, whole=not kept.changed)
    return SplitFindings(
        split=split,
        running=split.runs(at),
        decision=decision,
        arms=arms,
        contrasts=contrasts,
        ratio=ratio,
        unit=rows.unit,
        remarks=remarks(split, at, kept, arms, contrasts, decision),
        exploration=exploration(contrasts),
        counted=kept,
        chats=tuple(chats),
    )
