"""The learning curve: how many training rows fine-tuning needs to overtake another arm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile

import numpy as np

from study.statistics.clusters import Labels, Values, two_way_mean
from study.statistics.estimate import LEVEL, Inference

STEPS = 24  # points between two sizes at which the curve is looked at


@dataclass(frozen=True)
class Crossover:
    """Training rows from which fine-tuning is ahead, with the ends of the interval.

    None is "not within your data": in `rows` the curve stays behind, in `high` it may, in `low` it surely does.
    """

    rows: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class LearningCurve:
    """Scores by training rows, with the other arm's taken off in `ahead`; `slope` is the gain of the last doubling."""

    sizes: tuple[int, ...]
    scores: tuple[Inference, ...]
    ahead: tuple[Inference, ...]
    slope: Inference
    crossover: Crossover


def learning_curve(
    sizes: Sequence[int], scores: np.ndarray, other: Values, articles: Labels, level: float = LEVEL
) -> LearningCurve:
    """From scores [seeds, sizes, questions] of adapters trained on nested subsets of `sizes` rows [sizes], rising and
    two at least, the other arm's scores [questions] of the same questions, and the article that each is on [questions].

    Between sizes, scores are on a straight line over log(1 + rows). The crossover is where the curve, made to rise by
    isotonic regression, meets the other arm. Its interval holds the rows at which a difference of 0 cannot be ruled
    out, as Fieller's does for a ratio: up to its low end fine-tuning is surely behind, at its high end surely ahead.
    Errors are over seeds and articles at once (`two_way_mean`): a bootstrap of three seeds would leave a third of their
    variance out.
    Source: Fieller, "Some problems in interval estimation", 1954; Barlow and others, "Statistical Inference under Order
    Restrictions", 1972; Viering and Loog, "The shape of learning curves", 2023. Raises ValueError for shapes that do
    not fit and sizes that do not rise.
    """
    cube, rest, groups = np.asarray(scores, float), np.asarray(other, float), np.asarray(articles)
    if len(groups) != len(rest):
        raise ValueError(f"{len(rest)} questions need as many articles, not {len(groups)}")
    if cube.ndim != 3 or cube.shape[1:] != (len(sizes), len(rest)):
        raise ValueError(f"scores are [seeds, {len(sizes)} sizes, {len(rest)} questions], not {cube.shape}")
    if len(sizes) < 2 or sizes[0] < 0 or any(one >= more for one, more in pairwise(sizes)):
        raise ValueError("there are at least two sizes, from 0 up, and they rise")
    ahead = cube - rest
    doublings = np.log2((1 + sizes[-1]) / (1 + sizes[-2]))
    return LearningCurve(
        sizes=tuple(sizes),
        scores=tuple(_over_seeds(cube[:, place], groups) for place in range(len(sizes))),
        ahead=tuple(_over_seeds(ahead[:, place], groups) for place in range(len(sizes))),
        slope=_over_seeds((cube[:, -1] - cube[:, -2]) / doublings, groups),
        crossover=_crossover(sizes, ahead, groups, level),
    )


def _crossover(sizes: Sequence[int], ahead: np.ndarray, articles: np.ndarray, level: float) -> Crossover:
    from sklearn.isotonic import isotonic_regression

    logs = np.log1p(sizes)
    grid = np.unique(np.concatenate([np.linspace(*ends, STEPS + 1) for ends in pairwise(logs)]))
    bands = [_over_seeds(_between(logs, ahead, point), articles).interval(level) for point in grid]
    meeting = _first_rise(logs, isotonic_regression(ahead.mean(axis=(0, 2))))
    rows = np.expm1(grid)
    behind = list(takewhile(lambda place: bands[place].high < 0, range(len(grid))))
    met = int(np.searchsorted(grid, logs[-1] if meeting is None else meeting))
    before = [place for place in range(met, len(grid)) if bands[place].low > 0]
    return Crossover(
        rows=None if meeting is None else float(np.expm1(meeting)),
        low=None if len(behind) == len(grid) else float(rows[behind[-1]]) if behind else 0.0,
        high=float(rows[before[0]]) if before else None,
    )


def _first_rise(points: np.ndarray, rising: np.ndarray) -> float | None:
    """Where a broken line that never falls gets to 0, or None."""
    if rising[-1] < 0:
        return None
    right = int((rising >= 0).argmax())
    return float(np.interp(0, rising[right - 1 : right + 1], points[right - 1 : right + 1])) if right else points[0]


def _between(logs: np.ndarray, ahead: np.ndarray, point: float) -> np.ndarray:
    """What is between two sizes, on a straight line [seeds, questions]."""
    right = min(max(int(np.searchsorted(logs, point)), 1), len(logs) - 1)
    share = (point - logs[right - 1]) / (logs[right] - logs[right - 1])
    return (1 - share) * ahead[:, right - 1] + share * ahead[:, right]


def _over_seeds(values: np.ndarray, articles: np.ndarray) -> Inference:
    """The mean of values [seeds, questions] with errors over seeds and articles [questions]."""
    seeds, questions = np.indices(values.shape)
    return two_way_mean(values.ravel(), articles[questions.ravel()], seeds.ravel())
