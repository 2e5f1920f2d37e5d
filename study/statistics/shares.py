"""Shares, and other means of values from 0 to 1, whose intervals stay between 0 and 1."""

from __future__ import annotations

from study.statistics.clusters import Labels, Values, clustered_mean, two_way_mean
from study.statistics.estimate import LEVEL, Estimate, Inference, quantile


def share(
    values: Values, questions: Labels | None = None, raters: Labels | None = None, level: float = LEVEL
) -> Estimate:
    """The mean of values [rows] from 0 to 1 with Wilson's interval for as many rows as clusters [rows] leave worth.

    That number is what the mean's cluster-robust variance says; where all values agree, each question counts once, so
    that 5 wins of 5 are not certain to go on. Source: Wilson, "Probable inference, the law of succession, and
    statistical inference", 1927; with the effective number of rows as in Dean and Pagano, "Evaluating confidence
    interval methods for binomial proportions in clustered surveys", 2015. Raises ValueError as `clustered_mean` does.
    """
    if questions is None:
        return _wilson(clustered_mean(values), len(values), level)
    found = clustered_mean(values, questions) if raters is None else two_way_mean(values, questions, raters)
    return _wilson(found, len(set(questions)), level)


def _wilson(found: Inference, clusters: int, level: float) -> Estimate:
    middle = found.mean
    if clusters == 1:
        return Estimate(middle, 0.0, 1.0)
    binomial, variance = middle * (1 - middle), found.standard_error**2
    worth = binomial / variance if variance > 0 and binomial > 0 else float(clusters)
    reach = quantile((1 + level) / 2, found.degrees) ** 2 / worth
    centre = (middle + reach / 2) / (1 + reach)
    half = (reach * binomial + reach**2 / 4) ** 0.5 / (1 + reach)
    return Estimate(middle, max(centre - half, 0.0), min(centre + half, 1.0))
