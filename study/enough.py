"""Whether a study has votes enough, in one sentence for its owner."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from core.studies import Rating, StudyPlan
from study.analysis.votes import RATERS, in_order, verdict_of, votes_on
from study.statistics.clusters import two_way_mean
from study.statistics.estimate import Estimate, Inference
from study.statistics.planning import more_ratings
from study.statistics.sequential import confidence_sequence, question_means
from study.statistics.shares import share
from study.statistics.win_rate import POINTS


def enough(plan: StudyPlan, ratings: Sequence[Rating]) -> str:
    """About the two arms that decide; '' when none of their ratings are planned.

    `ratings` are those that can be had, voted on or not. As long as votes are missing, and when more ratings were added
    than planned, only the confidence sequence may end the study, for it alone may be looked at after every vote; else
    the interval that was planned counts. Repetitions count in neither.
    """
    ours, other = plan.decides
    opinions = [one for one in ratings if not one.repeats]
    deciding = votes_on(plan.decides, opinions)
    if not deciding:
        return ""
    votes = in_order([one for one in deciding if one.choice])
    missing = len(deciding) - len(votes)
    extended = sum(not one.second_to for one in opinions) > plan.ratings
    lead = _lead(ours, votes)
    interval = _sequence(ours, deciding, votes) if missing or extended else _planned(ours, votes)
    if settled := _settled(plan, interval):
        low, high = max(interval.low + 0.5, 0.0), min(interval.high + 0.5, 1.0)
        ends = f"{settled} (win rate {low:.1%} to {high:.1%})"
        early = ", though planned votes are missing" if missing else ", though votes were added to the plan"
        return f"Enough: {ends}{early if missing or extended else ''}."
    wanted = f"votes on '{ours}' against '{other}'"
    more = more_ratings(lead, len(votes), plan.margin) if math.isfinite(lead.half_width()) else None
    if missing:
        return f"Not yet: {missing:,} of {len(deciding):,} planned {wanted} are missing{_outlook(more, missing)}."
    if more:
        few = 1 < len({one.rater for one in votes}) < RATERS
        whose = " by further people" if few else ""
        return f"Not decisive yet: about {more:,} more {wanted}{whose} if the difference stays what it is."
    if more == 0 and extended:
        return f"Not decisive yet: {wanted} were added to the plan, so that a wider interval counts; add a few more."
    if more is None:
        return f"Not decisive: it takes {wanted} on two questions at least."
    return f"Not decisive yet: it takes a few more {wanted}."


def _points(arm: str, votes: Sequence[Rating]) -> list[float]:
    return [POINTS[verdict_of(vote, arm)] for vote in votes]


def _lead(arm: str, votes: Sequence[Rating]) -> Inference:
    """The win rate less a half, as study.statistics.win_rate has it."""
    if not votes:
        return Inference(0.0, math.inf, 1.0)
    leads = [points - 0.5 for points in _points(arm, votes)]
    return two_way_mean(leads, [one.question_id for one in votes], [one.rater for one in votes], scale=1.0)


def _planned(arm: str, votes: Sequence[Rating]) -> Estimate:
    """The win rate less a half with the interval that the verdict page shows."""
    found = share(_points(arm, votes), [one.question_id for one in votes], [one.rater for one in votes])
    return Estimate(found.mean - 0.5, found.low - 0.5, found.high - 0.5)


def _sequence(arm: str, planned: Sequence[Rating], votes: Sequence[Rating]) -> Estimate:
    """The win rate less a half by the confidence sequence, at the last question whose planned votes are all in."""
    counts = Counter(one.question_id for one in planned)
    observed = question_means(_points(arm, votes), [one.question_id for one in votes], counts)
    if not len(observed):
        return Estimate(0.0, -0.5, 0.5)
    found = confidence_sequence(observed)
    return Estimate(float(observed.mean()) - 0.5, float(found.low[-1]) - 0.5, float(found.high[-1]) - 0.5)


def _settled(plan: StudyPlan, interval: Estimate) -> str:
    """What an interval of the win rate less a half says, '' for nothing."""
    ours, other = plan.decides
    if -plan.margin < interval.low and interval.high < plan.margin:
        return f"'{ours}' and '{other}' do not differ by as much as matters"
    if interval.low > 0:
        return f"'{ours}' is preferred to '{other}'"
    return f"'{other}' is preferred to '{ours}'" if interval.high < 0 else ""


def _outlook(more: int | None, missing: int) -> str:
    if more is None:
        return ""
    if more <= missing:
        return "; they will be enough if the difference stays what it is"
    return f", and about {more - missing:,} more than planned are needed if the difference stays what it is"
