"""The decision of a split: which arm to use, that either will do, or that it goes on; told in one sentence.

What decides was fixed before the first chat: thumbs up of 100 rated chats, each arm against the first. The rule is
that of studies (study.analysis.decision). At the planned end the ordinary interval decides; whoever looks earlier, or
ends the split earlier, has the confidence sequence, which holds at every look. With more than two arms each interval
is wider, so that all of them hold together (Bonferroni).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from core.splits import Split
from study.analysis.decision import ALPHA, Outcome, outcome_of
from study.analysis.words import about, count, duration, hundredth, middle, p_value, points, span
from study.splits.figures import ArmResult, Contrast
from study.splits.observed import ChatOutcome
from study.statistics.estimate import Estimate
from study.statistics.planning import more_ratings
from study.statistics.sample_ratio import SUSPICIOUS
from study.statistics.sequential import difference_so_far

SplitKind = Literal["use", "equal", "undecided", "mismatch"]


@dataclass(frozen=True)
class SplitLead:
    """What an arm has over the first one, in thumbs up; `early`: by the confidence sequence of visitors' first
    thumbs. `more` is about how many more rated chats would settle it, None where that cannot be told."""

    arm: str
    control: str
    interval: Estimate
    early: bool
    more: int | None

    def outcome(self, margin: float) -> Outcome:
        return outcome_of(self.interval, margin)


@dataclass(frozen=True)
class SplitDecision:
    """`advised` is the arm to use, or the one ahead where it is open, '' where there is nothing to go by."""

    kind: SplitKind
    advised: str
    sentence: str
    leads: tuple[SplitLead, ...]


def decide(
    split: Split,
    at: datetime,
    arms: Mapping[str, ArmResult],
    contrasts: Sequence[Contrast],
    chats: Sequence[ChatOutcome],
    ratio: float | None,
    whole: bool = True,
) -> SplitDecision:
    """`ratio` is the p value of the visitors' shares: where these are not the planned ones, nothing else counts.
    `whole`: what is there reaches to the planned end, or will; an arm that was changed may have cut it off."""
    early = not whole or split.ended_early or split.runs(at)
    level = 1 - ALPHA / len(contrasts)
    margin, control = split.plan.margin, split.plan.arms[0].name
    leads = tuple(lead for one in contrasts if (lead := _lead(one, arms, chats, early, level, margin)))
    if ratio is not None and ratio < SUSPICIOUS:
        return SplitDecision("mismatch", "", _mismatch(arms, ratio), leads)
    if not leads:
        return SplitDecision("undecided", "", _nothing(arms), leads)
    outcomes = [lead.outcome(margin) for lead in leads]
    best = max(leads, key=lambda lead: lead.interval.mean)
    better = [lead for lead, outcome in zip(leads, outcomes, strict=True) if outcome == "first"]
    if better:
        chosen = max(better, key=lambda lead: lead.interval.mean)
        sentence = f"Use {chosen.arm}: {_over(chosen, chosen.arm, arms)}{_beside(chosen, arms)}."
        return SplitDecision("use", chosen.arm, sentence, leads)
    if len(leads) == len(contrasts) and all(outcome in ("second", "equal") for outcome in outcomes):
        if "equal" not in outcomes:
            sentence = f"Keep {control}: {_over(best, control, arms)}{_beside(best, arms)}."
            return SplitDecision("use", control, sentence, leads)
        near = next(lead for lead, outcome in zip(leads, outcomes, strict=True) if outcome == "equal")
        return SplitDecision("equal", _cheaper(near, arms), _equal(near, arms, margin), leads)
    ahead = best.arm if best.interval.mean >= 0 else control
    return SplitDecision("undecided", ahead, _undecided(split, at, best, ahead, arms), leads)


def _lead(
    one: Contrast,
    arms: Mapping[str, ArmResult],
    chats: Sequence[ChatOutcome],
    early: bool,
    level: float,
    margin: float,
) -> SplitLead | None:
    found = one.differences.get("up")
    if found is None:
        return None
    ours, theirs = (first_thumbs(chats, arm) for arm in (one.arm, one.control))
    interval = difference_so_far(ours, theirs, level) if early else found.interval(level)
    try:
        more = more_ratings(found, arms[one.arm].rated + arms[one.control].rated, margin, level)
    except ValueError:
        more = None
    return SplitLead(one.arm, one.control, interval, early, more)


def first_thumbs(chats: Sequence[ChatOutcome], arm: str) -> list[float]:
    """1 or 0 for each visitor's first thumb in an arm, in the order in which they came: independent of each other, and
    none of them changes when more come."""
    rated = [chat for chat in chats if chat.arm == arm and chat.thumbs]
    first: dict[str, float] = {}
    for chat in sorted(rated, key=lambda chat: chat.thumbs[0].created_at):
        first.setdefault(chat.visitor, float(chat.thumbs[0].value > 0))
    return list(first.values())


def _over(lead: SplitLead, named: str, arms: Mapping[str, ArmResult]) -> str:
    """Such as `it gets 12 points more thumbs up than prompt [4, 20] (78 against 66 of 100 rated chats)`, where `named`
    is the arm that was named just before."""
    ours, theirs = (arms[arm].figures["up"].mean for arm in (lead.arm, lead.control))
    value = lead.interval
    who, direction = "it" if lead.arm == named else lead.arm, "more" if value.mean >= 0 else "fewer"
    shown = value if value.mean >= 0 else Estimate(-value.mean, -value.high, -value.low)
    told = middle(shown)
    by = ", by each visitor's first thumb" if lead.early else ""
    return (
        f"{who} gets {told} {'point' if told == '1' else 'points'} {direction} thumbs up than {lead.control} "
        f"{span(shown)}{by} ({hundredth(ours)} against {hundredth(theirs)} of 100 rated chats)"
    )


def _equal(lead: SplitLead, arms: Mapping[str, ArmResult], margin: float) -> str:
    return (
        f"No difference that matters: {lead.arm} and {lead.control} are within {100 * margin:g} points of thumbs up of "
        f"each other ({points(lead.interval, '+')}). Use {_cheaper(lead, arms)}, the cheaper to run"
        f"{_beside(lead, arms)}."
    )


def _undecided(split: Split, at: datetime, lead: SplitLead, ahead: str, arms: Mapping[str, ArmResult]) -> str:
    wanted = f"about {count(about(lead.more), 'more rated chat')}" if lead.more else "more rated chats"
    if lead.more == 0 and lead.early:
        wanted = (
            "the planned end has not come, and until then a wider interval counts"
            if split.runs(at)
            else "it did not go on to its planned end, so that a wider interval counts"
        )
    return f"Not decisive yet: {wanted}. So far, {ahead} is ahead: {_over(lead, ahead, arms)}."


def _mismatch(arms: Mapping[str, ArmResult], ratio: float) -> str:
    whole = sum(arm.share for arm in arms.values())
    came = ", ".join(f"{arm.visitors:,} to {arm.name} ({100 * arm.share / whole:.3g}%)" for arm in arms.values())
    return (
        f"Do not trust this split: visitors did not come in the planned shares ({came}; p {p_value(ratio)}), so that "
        "something else than chance decides who is counted. Find out what, mend it, and begin a new split."
    )


def _nothing(arms: Mapping[str, ArmResult]) -> str:
    without = [arm.name for arm in arms.values() if not arm.rated]
    return f"Nothing to say yet: there is no thumb on {' and none on '.join(without)}."


def _cheaper(lead: SplitLead, arms: Mapping[str, ArmResult]) -> str:
    return min((lead.control, lead.arm), key=lambda arm: arms[arm].figures["cost"].mean)


def _beside(lead: SplitLead, arms: Mapping[str, ArmResult]) -> str:
    """How long both take, as the end of a sentence."""
    times = [one.mean for arm in (lead.arm, lead.control) if (one := arms[arm].figures.get("total"))]
    return f", in {duration(times[0])} against {duration(times[1])} an answer" if len(times) == 2 else ""
