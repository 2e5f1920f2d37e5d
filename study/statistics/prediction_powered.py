"""A judge's labels on all questions, made honest by people's labels on a few."""

from __future__ import annotations

import numpy as np

from study.statistics.clusters import Values
from study.statistics.estimate import Inference


def prediction_powered_mean(labels: Values, judged: Values, judged_rest: Values) -> Inference:
    """The mean of people's labels over all questions, from their labels [few] and the judge's of the same questions
    [few] and of the rest [many]; one value a question, and the few drawn at random.

    The judge only narrows the interval: as far as it agrees with people it counts, and its bias is measured and taken
    out. Power tuning, from 0 to 1, is the weight that it gets. Degrees of freedom are those of the few, less one for
    the mean and one for the weight.
    Source: Angelopoulos, Duchi and Zrnic, "PPI++: Efficient Prediction-Powered Inference", 2023. Raises ValueError for
    fewer than three labels, no rest, and labels that are not paired.
    """
    people, seen, rest = (np.asarray(column, float) for column in (labels, judged, judged_rest))
    if len(people) != len(seen):
        raise ValueError(f"{len(people)} labels of people cannot be paired with {len(seen)} of the judge")
    if len(people) < 3 or len(rest) < 1:
        raise ValueError("it takes three labels of people at least, and questions that only the judge has labelled")
    few, many = len(people), len(rest)
    spread = np.concatenate([seen, rest]).var(ddof=1)
    weight = np.cov(people, seen)[0, 1] / ((1 + few / many) * spread) if spread else 0.0
    weight = min(max(float(weight), 0.0), 1.0)
    corrections = people - weight * seen
    variance = corrections.var(ddof=2) / few + weight**2 * spread / many
    return Inference(float(corrections.mean() + weight * rest.mean()), float(variance) ** 0.5, few - 2.0)
