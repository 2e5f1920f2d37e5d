"""Means of rows that belong together: answers to one question, votes of one rater.

Rows of one cluster are alike, so that a hundred votes on ten questions say less than a hundred votes on a hundred.
A cluster is named by any label that numpy can sort, such as the identifier of the question.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from study.statistics.estimate import LEVEL, Estimate, Inference, quantile

Values: TypeAlias = Sequence[float] | np.ndarray
Labels: TypeAlias = Sequence[str] | Sequence[int] | np.ndarray

Spread: TypeAlias = tuple[float, float]  # a variance with its degrees of freedom

RESAMPLES = 2000


def clustered_mean(values: Values, clusters: Labels | None = None, scale: float = 0.0) -> Inference:
    """The mean of values [rows] whose error respects clusters [rows]; without clusters each row is one.

    The variance is CR2, unbiased where rows are independent, however unequal the clusters; the degrees of freedom are
    Satterthwaite's for the other extreme, that rows of a cluster are all the same, and one less than the number of
    equal clusters. Where all values agree their variance is 0, which few rows cannot show: with `scale`,
    the range of a value, the error is then that of one more cluster that differs by the whole of it.
    Source: Bell and McCaffrey, "Bias reduction in standard errors for linear regression with multi-stage samples",
    2002; Imbens and Kolesár, "Robust standard errors in small samples", 2016. Raises ValueError for no rows, for values
    that are no numbers, and for as many labels as there are not rows.
    """
    rows, (groups,) = _checked(values, clusters)
    middle = float(rows.mean())
    variance, degrees = _variance(rows - middle, groups)
    return Inference(middle, variance**0.5 or scale / (groups.max() + 1.0), degrees)


def two_way_mean(values: Values, questions: Labels, raters: Labels, scale: float = 0.0) -> Inference:
    """The mean of values [rows] whose error respects two clusterings at once, each [rows], as `two_way` does, with CR2
    variances. Source and errors raised as of `clustered_mean`, where the meaning of `scale` is told too."""
    rows, (first, second) = _checked(values, questions, raters)
    residuals = rows - rows.mean()
    variance, degrees = two_way(*(_variance(residuals, groups) for groups in (first, second, crossed(first, second))))
    return Inference(float(rows.mean()), variance**0.5 or scale / (first.max() + 1.0), degrees)


def two_way(by_question: Spread, by_rater: Spread, by_both: Spread) -> Spread:
    """A figure's variance and degrees of freedom over two clusterings, from those by each alone and by their cells.

    The variances add up, less what they share, with Satterthwaite's degrees of freedom over the three; where that is
    less than the questions alone give, these count. Two or three raters may be alike by chance, and four that differ
    hardly show how far, so that the interval by rater alone, with the few degrees of freedom that it has, is a lower
    bound: the widest of all is taken. It is too wide where few raters do not differ. With one rater, where the spread
    by rater is infinite, the questions alone count, and the figure speaks of this rater.
    Source: Cameron, Gelbach and Miller, "Robust inference with multiway clustering", 2011; Satterthwaite, "An
    approximate distribution of estimates of variance components", 1946; MacKinnon, Nielsen and Webb, "Jackknife
    inference with two-way clustering", 2024, for the largest of the one-way and two-way errors.
    """
    found = [max(by_question, by_both)]
    if math.isfinite(by_rater[0]):
        found.append(by_rater)
    if by_both[0] < by_rater[0] < math.inf and math.isfinite(by_question[0]):
        variance = found[0][0] + by_rater[0] - by_both[0]
        found.append((variance, variance**2 / sum(one**2 / free for one, free in (by_question, by_rater, by_both))))
    return max(found, key=lambda one: quantile((1 + LEVEL) / 2, one[1]) ** 2 * one[0])


def crossed(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The cells of two clusterings, both numbered from 0 [rows]."""
    return np.unique(first * (second.max() + 1) + second, return_inverse=True)[1]


def bootstrap_mean(values: Values, clusters: Labels | None = None, level: float = LEVEL) -> Estimate:
    """The mean of values [rows] with the bootstrap's percentile interval; whole clusters [rows] are drawn.

    Percentiles are moved outwards as far as t with the degrees of `clustered_mean` asks, or few or unequal clusters
    would give too short an interval; with one cluster both ends are the mean. Seeded, so that a figure can be told
    again.
    Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13; Hesterberg, "What teachers
    should know about the bootstrap", 2015, section 3.3. Raises ValueError as `clustered_mean` does.
    """
    from scipy.special import ndtr
    from scipy.stats import bootstrap

    rows, (groups,) = _checked(values, clusters)
    middle = float(rows.mean())
    sizes = np.bincount(groups).astype(float)
    count = len(sizes)
    if count == 1:
        return Estimate(middle, middle, middle)
    _, degrees = _variance(rows - middle, groups)
    tail = ndtr(-((count / (count - 1)) ** 0.5) * quantile((1 + level) / 2, degrees))
    drawn = bootstrap(
        (np.bincount(groups, rows), sizes),
        lambda sums, counts, axis: sums.sum(axis) / counts.sum(axis),
        n_resamples=RESAMPLES,
        batch=100,  # in portions, or thousands of rows would take gigabytes
        paired=True,
        vectorized=True,
        confidence_level=1 - 2 * tail,
        method="percentile",
        rng=1,
    )
    return Estimate(middle, float(drawn.confidence_interval.low), float(drawn.confidence_interval.high))


def numbered(labels: Labels) -> np.ndarray:
    """The clusters' places among the sorted labels, from 0 [rows]."""
    return np.unique(np.asarray(labels), return_inverse=True)[1]


def _checked(values: Values, *labels: Labels | None) -> tuple[np.ndarray, list[np.ndarray]]:
    rows = np.asarray(values, float)
    if not len(rows):
        raise ValueError("there is no mean of no rows")
    if not np.isfinite(rows).all():
        raise ValueError("a value is not a number; leave such rows out, or score a failed answer 0")
    groups = [np.arange(len(rows)) if one is None else numbered(one) for one in labels]
    if any(len(one) != len(rows) for one in groups):
        raise ValueError(f"{len(rows)} values need as many labels, not {[len(one) for one in groups]}")
    return rows, groups


def _variance(residuals: np.ndarray, groups: np.ndarray) -> tuple[float, float]:
    """CR2 variance of a mean, from residuals [rows] around it, with its degrees of freedom."""
    rows, sizes, sums = len(residuals), np.bincount(groups).astype(float), np.bincount(groups, residuals)
    if len(sizes) == 1:
        return float("inf"), 1.0
    shares, squares = sizes / rows, sizes**2
    weights = 1 / (1 - shares)  # a cluster's sum varies less around the mean the more of the rows it holds
    # The sums' covariance around the mean is diag(squares) - outer, where outer is of rank 2: basis @ middle @ basis.T.
    basis, middle = np.stack([shares, squares], axis=1), np.array([[-squares.sum(), 1.0], [1.0, 0.0]])
    outer = shares * (2 * squares - squares.sum() * shares)
    product = middle @ basis.T @ (weights[:, None] * basis)
    trace = (weights * (squares - outer)).sum()
    trace_of_square = (weights**2 * squares * (squares - 2 * outer)).sum() + (product @ product).trace()
    return float((sums**2 * weights).sum()) / rows**2, float(trace**2 / trace_of_square)
