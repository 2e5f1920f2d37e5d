"""How many questions and ratings a study needs, before it and in the midst of it."""

from __future__ import annotations

import math

import numpy as np

from study.statistics.clusters import Labels, Values, numbered
from study.statistics.estimate import LEVEL, Inference

POWER = 0.8
WORST_SPREAD = 0.5  # standard deviation of one vote (1, 0.5 or 0) at its largest: an even match without ties


def detectable_difference(
    questions: int,
    ratings: int = 1,
    correlation: float = 0.0,
    spread: float = WORST_SPREAD,
    power: float = POWER,
    level: float = LEVEL,
) -> float:
    """The smallest difference found with probability `power`, in units of a rating, such as of a win rate from 0.5.

    `ratings` are those of each question, `correlation` is theirs within a question (`intra_question_correlation`),
    `spread` is the standard deviation of a rating. Two-sided t test.
    Source: Cohen, "Statistical Power Analysis for the Behavioral Sciences", 1988, chapter 2, with Kish's design effect,
    "Survey Sampling", 1965. Raises ValueError for fewer than two questions or less than one rating.
    """
    from statsmodels.stats.power import TTestPower

    if questions < 2 or ratings < 1:
        raise ValueError("a study has at least two questions and one rating of each")
    effect = TTestPower().solve_power(nobs=questions, alpha=1 - level, power=power)
    return float(effect) * _question_spread(ratings, correlation, spread)


def questions_needed(
    margin: float,
    ratings: int = 1,
    correlation: float = 0.0,
    spread: float = WORST_SPREAD,
    power: float = POWER,
    level: float = LEVEL,
) -> int:
    """The fewest questions that find a difference of `margin` with probability `power`; else as
    `detectable_difference`. Raises ValueError for a margin that is not above 0."""
    from statsmodels.stats.power import TTestPower

    if not margin > 0:
        raise ValueError("the margin, the smallest difference that matters, is above 0")
    effect = margin / _question_spread(ratings, correlation, spread)
    # A large effect would be found by fewer than two questions, where there is no t test, and the search gets lost.
    if TTestPower().power(effect, 2, 1 - level) >= power:
        return 2
    return math.ceil(TTestPower().solve_power(effect_size=effect, alpha=1 - level, power=power) - 1e-6)


def more_ratings(difference: Inference, ratings: int, margin: float, level: float = LEVEL) -> int:
    """About how many more ratings settle a study that has `ratings`, if the difference stays what it is; 0: settled.

    Settled is an interval that leaves 0 out, or one within the margin; the easier of the two counts. Its width shrinks
    with the root of the number of ratings, as it does when new ratings are of new questions. Raises ValueError for no
    ratings, a margin that is not above 0, and a difference without an error to go by.
    """
    half = difference.half_width(level)
    if ratings < 1 or not margin > 0 or not math.isfinite(half):
        raise ValueError("there is nothing to go by: it takes a margin, and ratings of two questions at least")
    wanted = max(abs(difference.mean), margin - abs(difference.mean))
    return max(math.ceil(ratings * ((half / wanted) ** 2 - 1)), 0)


def intra_question_correlation(values: Values, questions: Labels) -> float:
    """How alike the ratings [votes] of one question [votes] are: 0 not at all, 1 all the same; below 0 counts as 0.

    The analysis-of-variance estimate. Source: Donner, "A review of inference procedures for the intraclass correlation
    coefficient in the one-way random effects model", 1986. Raises ValueError where no question has two ratings.
    """
    rows, groups = np.asarray(values, float), numbered(questions)
    sizes = np.bincount(groups)
    if len(sizes) < 2 or len(rows) == len(sizes):
        raise ValueError("it takes two questions, and two ratings of one of them")
    means = np.bincount(groups, rows) / sizes
    within = ((rows - means[groups]) ** 2).sum() / (len(rows) - len(sizes))
    between = (sizes * (means - rows.mean()) ** 2).sum() / (len(sizes) - 1)
    size = (len(rows) - (sizes**2).sum() / len(rows)) / (len(sizes) - 1)
    total = between + (size - 1) * within
    return float(max((between - within) / total, 0.0)) if total else 0.0


def _question_spread(ratings: int, correlation: float, spread: float) -> float:
    """Standard deviation of a question's mean rating."""
    return spread * math.sqrt((1 + (ratings - 1) * correlation) / ratings)
