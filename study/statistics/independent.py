"""Two arms that different people saw, as in a split of live chats."""

from __future__ import annotations

import math

from study.statistics.clusters import Labels, Values, clustered_mean
from study.statistics.estimate import Inference


def independent_difference(
    ours: Values, theirs: Values, our_clusters: Labels, their_clusters: Labels, scale: float = 0.0
) -> Inference:
    """Ours minus theirs: means of values [rows] whose errors respect clusters [rows], which no two arms share.

    Each variance is that of `clustered_mean`, `scale` included, so that a mean over rows of which a visitor brings as
    many as they like has the error of the ratio that it is; they add up, with Welch's degrees of freedom.
    Source: Welch, "The generalization of 'Student's' problem when several different population variances are
    involved", 1947; Deng, Knoblich and Lu, "Applying the delta method in metric analytics", 2018. Raises ValueError as
    `clustered_mean` does.
    """
    one, other = clustered_mean(ours, our_clusters, scale), clustered_mean(theirs, their_clusters, scale)
    first, second = one.standard_error**2, other.standard_error**2
    variance = first + second
    if not 0 < variance < math.inf:
        return Inference(one.mean - other.mean, math.sqrt(variance), min(one.degrees, other.degrees))
    degrees = variance**2 / (first**2 / one.degrees + second**2 / other.degrees)
    return Inference(one.mean - other.mean, math.sqrt(variance), degrees)
