"""Which arm for which topic: exceptions to the advice for all, corrected for looking at many topics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.studies import Rating, Study
from study.analysis.comparisons import Scores
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
    """`advised` is another arm where one is surely better on this topic, else the one advised for all; `enough` says
    whether there are questions enough to tell.

    `leader` is the best of the others here ('' without questions enough), `lead` what it has over the one advised for
    all, `p_value` corrected over all topics and arms. `scores` are means by arm; `win_rate` is the first deciding
    arm's against the second, of `votes`."""

    topic: str
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
    """By topic, those with most questions first. Within a topic its questions are what is drawn, so that each counts by
    itself even where they share an article."""
    topics: dict[str, list[str]] = {}
    for question in study.questions:
        topics.setdefault(question.topic or "(no topic)", []).append(question.id)
    others = [arm for arm in scores if arm != advised]
    leads = {}
    for topic, questions in topics.items():
        for arm in others:
            common = [one for one in questions if one in scores[arm] and one in scores.get(advised, {})]
            if len(common) >= FEWEST:
                ours, base = ([scores[name][one] for one in common] for name in (arm, advised))
                leads[topic, arm] = paired_difference(ours, base)
    corrected = holm({"\n".join(key): lead.p_value() for key, lead in leads.items()})
    found = []
    for topic, questions in topics.items():
        means = {}
        for arm in scores:
            known = [scores[arm][one] for one in questions if one in scores[arm]]
            if known:
                means[arm] = sum(known) / len(known)
        ahead = {arm: leads[topic, arm].mean for arm in others if (topic, arm) in leads}
        better = [arm for arm, mean in ahead.items() if mean > 0 and corrected[f"{topic}\n{arm}"] < ALPHA]
        leader = max(better or ahead, key=lambda arm: ahead[arm], default="")
        lead = leads.get((topic, leader))
        inside = set(questions)
        mine = [one for one in votes_on(study.plan.decides, votes) if one.question_id in inside]
        found.append(
            TopicAdvice(
                topic=topic,
                questions=len(questions),
                scores=means,
                advised=leader if better else advised,
                enough=lead is not None,
                leader=leader,
                lead=lead.interval() if lead else None,
                p_value=corrected.get(f"{topic}\n{leader}"),
                votes=len(mine),
                win_rate=_win_rate(study, mine),
            )
        )
    return tuple(sorted(found, key=lambda one: (-one.questions, one.topic)))


def _win_rate(study: Study, votes: Sequence[Rating]) -> Estimate | None:
    if not votes:
        return None
    points = [POINTS[verdict_of(one, study.plan.decides[0])] for one in votes]
    return share(points, [one.question_id for one in votes], [one.rater for one in votes])
