"""How each arm did by itself: every figure with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from core.studies import Measure, Study
from core.types import ArmName
from study.analysis.graded import GradedAnswer
from study.statistics.clusters import clustered_mean
from study.statistics.estimate import LEVEL, Estimate
from study.statistics.shares import share

Share = Literal[
    "facts",
    "strict",
    "rightly_declined",
    "wrongly_declined",
    "unsupported",
    "acceptable",
    "rouge_l",
    "chrf",
    "retrieved",
]
Mean = Literal["similarity", "characters", "prompt_tokens", "new_tokens"]
Figure = Share | Mean


@dataclass(frozen=True)
class Latency:
    """Seconds: half of the answers took at most the median, 95 of 100 at most `p95`."""

    median: Estimate
    p95: Estimate


@dataclass(frozen=True)
class ArmFigures:
    """One arm. `missing` questions it has not answered, `failed` ones ended in an error and count as empty answers.

    `figures` holds what applies: shares of questions from 0 to 1 (of answerable ones for facts, strict and
    wrongly_declined; of unanswerable ones for rightly_declined; of those with a reference for the nearness to it), a
    similarity, and means of characters and tokens. Latencies are absent where nothing was measured.
    """

    name: str
    cell: ArmName
    answered: int
    missing: int
    failed: int
    figures: Mapping[Figure, Estimate]
    first_token: Latency | None
    total: Latency | None

    def score(self, measure: Measure) -> Estimate | None:
        """The mean score by a measure; None where nothing could be scored, and for ratings."""
        return {str(name): value for name, value in self.figures.items()}.get(measure)


def arm_figures(study: Study, graded: Sequence[GradedAnswer]) -> dict[str, ArmFigures]:
    """Of every arm of the plan, by name; clusters are articles."""
    return {arm.name: _of_arm(study, arm.name, arm.spec.name, graded) for arm in study.plan.arms}


def _of_arm(study: Study, name: str, cell: ArmName, graded: Sequence[GradedAnswer]) -> ArmFigures:
    mine = [one for one in graded if one.arm == name]
    figures: dict[Figure, Estimate] = {}
    for figure in (*get_args(Share), *get_args(Mean)):
        known = [(value, one.question.cluster) for one in mine if (value := _value(one, figure)) is not None]
        if known:
            values, clusters = zip(*known, strict=True)
            found = share if figure in get_args(Share) else _mean
            figures[figure] = found(values, clusters)
    there = [one.answer for one in mine if not one.failed]
    return ArmFigures(
        name=name,
        cell=cell,
        answered=len(mine),
        missing=len(study.questions) - len(mine),
        failed=len(mine) - len(there),
        figures=figures,
        first_token=latency([one.first_token_s for one in there if one.first_token_s is not None]),
        total=latency([one.total_s for one in there]),
    )


def _value(one: GradedAnswer, figure: Figure) -> float | None:
    """One answer's part in a figure; None where the question is none for it."""
    grade = one.grade
    if figure in ("facts", "similarity", "rouge_l", "chrf"):
        return one.score(figure)
    if figure in ("characters", "prompt_tokens", "new_tokens"):
        return None if one.failed else float(getattr(grade, figure))
    if figure == "acceptable":
        return None if one.acceptable is None else float(one.acceptable)
    if figure == "unsupported":
        return float(bool(grade.unsupported))
    asked = {
        "strict": bool(grade.facts_required),
        "wrongly_declined": grade.answerable,
        "rightly_declined": not grade.answerable,
        "retrieved": bool(one.answer.passages and one.question.article),
    }
    return float(getattr(one if figure == "retrieved" else grade, figure)) if asked[figure] else None


def _mean(values: Sequence[float], clusters: Sequence[str]) -> Estimate:
    return clustered_mean(values, clusters).interval()


def latency(seconds: Sequence[float]) -> Latency | None:
    """Median and 95th percentile with the intervals that order statistics give; None without any.

    Source: Conover, "Practical Nonparametric Statistics", 3rd edition, 1999, section 3.2.
    """
    return Latency(_quantile(seconds, 0.5), _quantile(seconds, 0.95)) if len(seconds) else None


def _quantile(values: Sequence[float], part: float) -> Estimate:
    import numpy as np
    from scipy.stats import quantile_test

    ends = quantile_test(values, p=part).confidence_interval(LEVEL)
    low, high = (float(end) if np.isfinite(end) else other for end, other in zip(ends, (0.0, np.inf), strict=True))
    return Estimate(float(np.quantile(values, part)), low, high)
