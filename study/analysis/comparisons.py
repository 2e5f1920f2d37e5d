"""Arms against each other on the same questions: every two of them, and the effects of the 2 x 2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from core.studies import Measure, Study, StudyArm
from core.types import ARM_NAMES, ArmName
from study.analysis.graded import GradedAnswer
from study.statistics.equivalence import equivalence_p_value
from study.statistics.estimate import Estimate, Inference
from study.statistics.factorial import Effect, factorial_effects
from study.statistics.multiple import holm
from study.statistics.paired import bootstrap_difference, paired_difference

Scores = Mapping[str, Mapping[str, float]]  # arm -> question -> score


@dataclass(frozen=True)
class Comparison:
    """First less second on the `questions` that both answered. `p_value` is against no difference: of the deciding pair
    as it is, of the others corrected for their number (Holm). `equivalence` is small where the difference lies within
    the margin. `bootstrap` is the same difference with the other interval."""

    first: str
    second: str
    decides: bool
    questions: int
    difference: Inference
    bootstrap: Estimate
    p_value: float
    equivalence: float


def scores_by(measure: Measure, graded: Sequence[GradedAnswer]) -> dict[str, dict[str, float]]:
    """The scores of each arm that has any, by question."""
    found: dict[str, dict[str, float]] = {}
    for one in graded:
        score = one.score(measure)
        if score is not None:
            found.setdefault(one.arm, {})[one.question.id] = score
    return found


def clusters_of(study: Study) -> dict[str, str]:
    """What each question belongs to: its article, or itself."""
    return {question.id: question.cluster for question in study.questions}


def pairs_of(study: Study) -> list[tuple[str, str]]:
    """Every two arms once, the deciding ones first, as the plan has them; else the later in the plan comes first, which
    is the one that has more to it."""
    deciding = study.plan.decides
    names = [arm.name for arm in reversed(study.plan.arms)]
    return [deciding, *(pair for pair in combinations(names, 2) if set(pair) != set(deciding))]


def compare(study: Study, scores: Scores) -> tuple[Comparison, ...]:
    """Every two arms with two common questions at least, the deciding pair first where it is among them."""
    clusters, margin = clusters_of(study), study.plan.margin
    found = []
    for first, second in pairs_of(study):
        common = common_questions(scores, (first, second))
        if len(common) > 1:
            ours, theirs = ([scores[arm][question] for question in common] for arm in (first, second))
            belongs = [clusters[question] for question in common]
            difference = paired_difference(ours, theirs, belongs)
            bootstrap = bootstrap_difference(ours, theirs, belongs)
            found.append((first, second, len(common), difference, bootstrap))
    corrected = holm({(a, b): lead.p_value() for a, b, _, lead, _ in found if (a, b) != study.plan.decides})
    return tuple(
        Comparison(
            first=first,
            second=second,
            decides=(first, second) == study.plan.decides,
            questions=questions,
            difference=difference,
            bootstrap=bootstrap,
            p_value=corrected.get((first, second), difference.p_value()),
            equivalence=equivalence_p_value(difference, margin),
        )
        for first, second, questions, difference, bootstrap in found
    )


def common_questions(scores: Scores, arms: Sequence[str]) -> list[str]:
    """The questions that all of these arms have a score for, sorted."""
    return sorted(set.intersection(*(set(scores.get(arm, {})) for arm in arms)))


def cells(arms: Sequence[StudyArm]) -> dict[ArmName, str]:
    """The 2 x 2 by the names of its arms: four cells of one template and model, with one adapter; else empty."""
    for both in (arm for arm in arms if arm.spec.name == "lora+prompt"):
        alike = [arm for arm in arms if (arm.spec.template, arm.spec.model) == (both.spec.template, both.spec.model)]
        found = {
            arm.spec.name: arm.name
            for arm in reversed(alike)
            if not arm.spec.uses_adapter or arm.spec.adapter == both.spec.adapter
        }
        if set(found) == set(ARM_NAMES):
            return found
    return {}


def score_effects(study: Study, scores: Scores) -> dict[Effect, Inference]:
    """Main effects and interaction on the scores, on the questions that all four cells answered; else empty."""
    square = cells(study.plan.arms)
    common = common_questions(scores, list(square.values())) if square else []
    if len(common) < 2:
        return {}
    clusters = clusters_of(study)
    return factorial_effects(
        {cell: [scores[name][question] for question in common] for cell, name in square.items()},
        [clusters[question] for question in common],
    )
