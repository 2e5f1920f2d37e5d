"""Which arm for which topic: exceptions to the advice for all, corrected for looking at many topics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.studies import Rating, Study, TestQuestion
from study.analysis.comparisons import Scores, clusters_of
from study.analysis.votes import verdict_of, votes_on
from study.statistics.estimate import Estimate
from study.statistics.multiple import holm
from study.statistics.paired import paired_difference
from study.statistics.shares import share
from study.statistics.win_rate import POINTS

ALPHA = 0.05
FEWEST = 6  # questions; with five, even a sign test that is all on one side has a two-sided p value above 5%


@dataclass(frozen=True)
class TopicAdvice:
    """`topic` may name an area, which `is_area` says: what is left of it without topics that have advice of their own.

    `advised` is another arm where one is surely better here, else the one advised for all; `enough` says whether there
    are questions enough to tell.

    `leader` is the best of the others here ('' without questions enough), `lead` what it has over the one advised for
    all, `p_value` corrected over all topics, areas and arms. `scores` are means by arm; `win_rate` is the first
    deciding arm's against the second, of `votes`."""

    topic: str
    is_area: bool
    questions: int
    scores: Mapping[str, float]
    advised: str
    enough: bool
    leader: str
    lead: Estimate | None
    p_value: float | None
    votes: int
    win_rate: Estimate | None

    @property
    def exception(self) -> bool:
        """Whether another arm is advised here."""
        return self.advised == self.leader


def topic_advice(study: Study, scores: Scores, advised: str, votes: Sequence[Rating]) -> tuple[TopicAdvice, ...]:
    """By topic where it has FEWEST questions that can be scored, else by area; those with most questions first.

    Each question is in one group. A topic is asked about as it is, so that its questions count each by itself even
    where they share an article; an area stands for more articles than these, so that questions on one belong together.
    """
    groups = _groups(study.questions, scores.get(advised, {}))
    others = [arm for arm in scores if arm != advised]
    articles = clusters_of(study)
    leads = {}
    for group, questions in groups.items():
        for arm in others:
            common = [one for one in questions if one in scores[arm] and one in scores.get(advised, {})]
            belongs = [articles[one] if group[1] else one for one in common]
            if len(set(belongs)) >= FEWEST:
                ours, base = ([scores[name][one] for one in common] for name in (arm, advised))
                leads[group, arm] = paired_difference(ours, base, belongs)
    corrected = holm({key: lead.p_value() for key, lead in leads.items()})
    found = []
    for group, questions in groups.items():
        means = {}
        for arm in scores:
            known = [scores[arm][one] for one in questions if one in scores[arm]]
            if known:
                means[arm] = sum(known) / len(known)
        ahead = {arm: leads[group, arm].mean for arm in others if (group, arm) in leads}
        better = [arm for arm, mean in ahead.items() if mean > 0 and corrected[group, arm] < ALPHA]
        leader = max(better or ahead, key=lambda arm: ahead[arm], default="")
        lead = leads.get((group, leader))
        inside = set(questions)
        mine = [one for one in votes_on(study.plan.decides, votes) if one.question_id in inside]
        found.append(
            TopicAdvice(
                topic=group[0],
                is_area=group[1],
                questions=len(questions),
                scores=means,
                advised=leader if better else advised,
                enough=lead is not None,
                leader=leader,
                lead=lead.interval() if lead else None,
                p_value=corrected.get((group, leader)),
                votes=len(mine),
                win_rate=_win_rate(study, mine),
            )
        )
    return tuple(sorted(found, key=lambda one: (-one.questions, one.topic)))


def _groups(questions: Sequence[TestQuestion], scored: Mapping[str, float]) -> dict[tuple[str, bool], list[str]]:
    """The questions of each topic or area, by its name and whether it is an area. A topic in two areas is one topic."""
    sizes = Counter(one.topic for one in questions if one.id in scored)
    own = {one.id for one in questions if not one.area or (one.topic and sizes[one.topic] >= FEWEST)}
    in_part = {one.area for one in questions if one.id in own}
    groups: dict[tuple[str, bool], list[str]] = {}
    for one in questions:
        if one.id in own:
            group = (one.topic or "(no topic)", False)
        else:
            group = (f"{one.area}, other topics" if one.area in in_part else one.area, True)
        groups.setdefault(group, []).append(one.id)
    return groups


def _win_rate(study: Study, votes: Sequence[Rating]) -> Estimate | None:
    if not votes:
        return None
    points = [POINTS[verdict_of(one, study.plan.decides[0])] for one in votes]
    return share(points, [one.question_id for one in votes], [one.rater for one in votes])
