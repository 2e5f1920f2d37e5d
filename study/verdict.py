"""The verdict on automatic grades: which arm to use, by how much it is better, or that the data cannot tell.

The score of an answer is the share of its required facts that it gives. Questions that nothing known answers have no
facts; how often an arm rightly declines them stands beside the score and is not mixed into it, else an arm that
declines everything would win. Every pair of arms is compared on the same questions; articles are the clusters, as
questions on one article share its passages. Holm's correction covers all pairs, so that picking the best arm after
looking costs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from core.types import ARM_NAMES, ArmName
from study.grading.grade import acceptable
from study.run import Graded
from study.statistics.clusters import clustered_mean
from study.statistics.equivalence import equivalence_p_value
from study.statistics.estimate import Inference
from study.statistics.factorial import Effect, factorial_effects
from study.statistics.multiple import holm
from study.statistics.paired import paired_difference
from study.statistics.planning import more_ratings

Decision = Literal["use", "equal", "undecided"]
ALPHA = 0.05
FIT = 0.5  # of the facts; an arm that gives fewer is no help to customers, however it compares
EFFECTS: Mapping[Effect, str] = {
    "retrieval": "retrieved passages add",
    "adapter": "the adapter adds",
    "interaction": "doing both, beyond the sum, adds",
}


@dataclass(frozen=True)
class Standing:
    """One arm: its mean score, the share of unanswerable questions that it declines (None without any), the share of
    acceptable answers to all questions, and the mean seconds an answer takes."""

    score: Inference
    declined: Inference | None
    acceptable: Inference
    seconds: float


@dataclass(frozen=True)
class Verdict:
    """`best` is the leading arm, `second` the next, `lead` the difference of their scores. `margin` is the difference
    that matters. `effects` are those of the 2 x 2 where all four arms answered, else none."""

    decision: Decision
    best: ArmName
    second: ArmName
    lead: Inference
    margin: float
    questions: int
    standings: Mapping[ArmName, Standing]
    p_values: Mapping[str, float]
    effects: Mapping[Effect, Inference]

    @property
    def sentence(self) -> str:
        """The answer in one sentence, for people."""
        told = f"{_points(self.lead)} points of facts over {self.second}"
        reached = self.standings[self.best].score.mean
        if reached < FIT:
            return f"None is fit for customers: the best, {self.best}, gives {100 * reached:.1f} of 100 facts ({told})."
        if self.decision == "use":
            return f"Use {self.best}: {told}."
        if self.decision == "equal":
            cheapest = min(self.standings, key=lambda arm: self.standings[arm].seconds)
            return (
                f"No difference that matters ({100 * self.margin:g} points) between the arms: "
                f"use {cheapest}, the quickest."
            )
        more = more_ratings(self.lead, self.questions, self.margin)
        wanted = f"about {more:,} more questions would tell" if more else "the other pairs would take more questions"
        return f"Not decisive yet: {self.best} leads with {told}; {wanted}."


def verdict(graded: Sequence[Graded], margin: float) -> Verdict:
    """`graded` holds one answer of each arm to each question; `margin`, above 0 and below 1, is what matters.

    Raises ValueError for fewer than two arms or two questions with an answer.
    """
    arms = [arm for arm in ARM_NAMES if any(one.arm == arm for one in graded)]
    of_arm = {arm: sorted((one for one in graded if one.arm == arm), key=lambda one: one.question.id) for arm in arms}
    answerable = {arm: [one for one in mine if one.question.answerable] for arm, mine in of_arm.items()}
    if len(arms) < 2 or len(answerable[arms[0]]) < 2:
        raise ValueError("a verdict takes two arms and two answerable questions at least")
    clusters = _articles(answerable[arms[0]])
    scores = {arm: [one.grade.share or 0.0 for one in answerable[arm]] for arm in arms}
    standings = {arm: _standing(scores[arm], of_arm[arm]) for arm in arms}
    best, second, *_ = sorted(arms, key=lambda arm: -standings[arm].score.mean)
    differences = {(a, b): paired_difference(scores[a], scores[b], clusters) for a, b in combinations(arms, 2)}
    p_values = holm({_pair(a, b): difference.p_value() for (a, b), difference in differences.items()})
    same = holm({_pair(a, b): equivalence_p_value(difference, margin) for (a, b), difference in differences.items()})
    decision: Decision = "undecided"
    if all(p_values[_pair(*_ordered(best, arm))] < ALPHA for arm in arms if arm != best):
        decision = "use"
    elif all(p_value < ALPHA for p_value in same.values()):
        decision = "equal"
    return Verdict(
        decision=decision,
        best=best,
        second=second,
        lead=paired_difference(scores[best], scores[second], clusters),
        margin=margin,
        questions=len(clusters),
        standings=standings,
        p_values=p_values,
        effects=factorial_effects(scores, clusters) if len(arms) == len(ARM_NAMES) else {},
    )


def _standing(scores: Sequence[float], mine: Sequence[Graded]) -> Standing:
    unanswerable = [one for one in mine if not one.question.answerable]
    declined = [float(one.grade.rightly_declined) for one in unanswerable]
    return Standing(
        score=clustered_mean(scores, _articles([one for one in mine if one.question.answerable]), 1.0),
        declined=clustered_mean(declined, _articles(unanswerable), 1.0) if declined else None,
        acceptable=clustered_mean([float(acceptable(one.grade)) for one in mine], _articles(mine), 1.0),
        seconds=sum(one.answer.total_s for one in mine) / len(mine),
    )


def _articles(graded: Sequence[Graded]) -> list[str]:
    return [one.question.article or one.question.id for one in graded]


def print_verdict(found: Verdict) -> None:
    """The sentence, then each arm, then the effects, all with 95% intervals."""
    print(f"\n{found.sentence}\n")
    print(f"{'arm':<12} {'facts, of 100':>22} {'declined rightly':>22} {'acceptable':>22} {'seconds':>9}")
    for arm, standing in sorted(found.standings.items(), key=lambda item: -item[1].score.mean):
        shares = (standing.score, standing.declined, standing.acceptable)
        told = " ".join(f"{_points(one, sign='') if one else '-':>22}" for one in shares)
        print(f"{arm:<12} {told} {standing.seconds:>9.2f}")
    for effect, inference in found.effects.items():
        print(f"{EFFECTS[effect]} {_points(inference)} points")
    print(
        f"Facts: the share of the required ones, over {found.questions} questions that can be answered. Brackets are "
        "95% intervals; questions on one article belong together; all pairs of arms were corrected for (Holm)."
    )


def _points(found: Inference, sign: str = "+") -> str:
    """In points of 100, with the interval."""
    span = found.interval()
    return f"{100 * found.mean:{sign}.1f} [{100 * span.low:{sign}.1f}, {100 * span.high:{sign}.1f}]"


def _ordered(a: ArmName, b: ArmName) -> tuple[ArmName, ArmName]:
    return (a, b) if ARM_NAMES.index(a) < ARM_NAMES.index(b) else (b, a)


def _pair(a: ArmName, b: ArmName) -> str:
    return f"{a} against {b}"
