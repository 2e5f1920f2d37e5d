"""A judge's labels on all questions, made honest by people's labels on a few."""

from __future__ import annotations

import numpy as np

from study.statistics.clusters import Labels, Values, two_way_mean
from study.statistics.estimate import Inference


def prediction_powered_mean(
    labels: Values, judged: Values, judged_rest: Values, questions: Labels, raters: Labels
) -> Inference:
    """The mean of people's labels over all questions, from their labels [votes] on a few drawn at random, with the
    question and the rater of each [votes], the judge's label of the same question [votes], and the judge's labels of
    the rest [many], one a question.

    The judge only narrows the interval: as far as it agrees with people it counts, and its bias is measured and taken
    out. Power tuning, from 0 to 1, is the weight that it gets. What people say beyond the judge respects that votes on
    one question, and those of one rater, belong together (`two_way_mean`), a degree of freedom less for the weight;
    degrees over this and the judge's own spread are Satterthwaite's.
    Source: Angelopoulos, Duchi and Zrnic, "PPI++: Efficient Prediction-Powered Inference", 2023. Raises ValueError for
    labels of fewer than three questions, no rest, and labels that are not paired.
    """
    people, seen, rest = (np.asarray(column, float) for column in (labels, judged, judged_rest))
    if len(people) != len(seen):
        raise ValueError(f"{len(people)} labels of people cannot be paired with {len(seen)} of the judge")
    few, many = len(set(questions)), len(rest)
    if few < 3 or many < 1:
        raise ValueError("it takes people's labels of three questions at least, and questions that only the judge saw")
    spread = np.concatenate([seen, rest]).var(ddof=1)
    weight = np.cov(people, seen)[0, 1] / ((1 + few / many) * spread) if spread else 0.0
    weight = min(max(float(weight), 0.0), 1.0)
    beyond = two_way_mean(people - weight * seen, questions, raters)
    ours, judges = beyond.standard_error**2 * (few - 1) / (few - 2), weight**2 * float(spread) / many
    parts = ours**2 / min(beyond.degrees, few - 2) + judges**2 / max(many - 1, 1)
    degrees = (ours + judges) ** 2 / parts if parts else few - 2.0
    return Inference(beyond.mean + weight * float(rest.mean()), (ours + judges) ** 0.5, degrees)
