"""Looking at the votes as they come in, without being fooled by it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from study.statistics.clusters import Labels, Values
from study.statistics.estimate import LEVEL, Estimate

GRID = 1000  # candidate means between 0 and 1
TRUNCATION = 0.5  # share of its wealth that a bet may lose at most, as in the paper


@dataclass(frozen=True)
class ConfidenceSequence:
    """Intervals [observations] after each observation, all of which hold the true mean at once."""

    low: np.ndarray
    high: np.ndarray


def confidence_sequence(values: Values, level: float = LEVEL) -> ConfidenceSequence:
    """Anytime-valid intervals for the mean of observations [observations] from 0 to 1, in order of arrival.

    They may be looked at after every observation, and the study stopped on any of them. Observations are independent:
    one of each question, from `question_means`. Each candidate mean is bet against both ways; it is out once its bettor
    has won 1 / (1 - level) times the stake. An interval is as wide as the grid where all that is left is between two
    candidates.
    Source: Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", 2024, theorem 3 (hedged
    capital, with the predictable plug-in bets of its equation 26). Raises ValueError for values outside 0 to 1.
    """
    rows = np.asarray(values, float)
    if not ((rows >= 0) & (rows <= 1)).all():
        raise ValueError("a confidence sequence takes observations from 0 to 1")
    candidates = np.linspace(0, 1, GRID + 1)
    bets = _bets(rows, 1 - level)[:, None]
    moves = rows[:, None] - candidates
    with np.errstate(divide="ignore"):  # nothing is below 0 or above 1, so a bet that it is can lose but not win
        up = np.minimum(bets, TRUNCATION / candidates) * moves
        down = np.minimum(bets, TRUNCATION / (1 - candidates)) * moves
    capital = np.maximum(np.log1p(up).cumsum(0), np.log1p(-down).cumsum(0)) - np.log(2)
    left = np.maximum.accumulate(capital, axis=0) < -np.log(1 - level)
    low = np.where(left.any(1), left.argmax(1), 0) - 1
    high = np.where(left.any(1), GRID - left[:, ::-1].argmax(1), GRID) + 1
    return ConfidenceSequence(candidates[np.maximum(low, 0)], candidates[np.minimum(high, GRID)])


def difference_so_far(ours: Values, theirs: Values, level: float = LEVEL) -> Estimate:
    """Ours minus theirs, means of observations from 0 to 1 of different people in order of arrival, with an interval
    that may be looked at after every observation.

    The first of ours is held against the first of theirs, the second against the second, and so on: independent
    differences, of which `confidence_sequence` knows the mean. What one arm has more of waits for the other. Without a
    pair the interval is all that there can be, around 0.
    """
    pairs = min(len(ours), len(theirs))
    if not pairs:
        return Estimate(0.0, -1.0, 1.0)
    differences = np.asarray(ours[:pairs], float) - np.asarray(theirs[:pairs], float)
    found = confidence_sequence((differences + 1) / 2, level)
    return Estimate(float(differences.mean()), 2 * float(found.low[-1]) - 1, 2 * float(found.high[-1]) - 1)


def question_means(values: Values, questions: Labels, planned: Mapping[str, int]) -> np.ndarray:
    """One observation of each question whose planned votes are all in: their mean, in the order of completion.

    `values` and `questions` [votes] are in order of arrival; `planned` says how many votes of a question count, fixed
    before the first, 1 where it does not name the question. Later votes count not, or the past would change under the
    sequence's feet.
    """
    votes: dict[str, list[float]] = {}
    done = []
    for value, question in zip(values, questions, strict=True):
        votes.setdefault(str(question), []).append(float(value))
        if len(votes[str(question)]) == planned.get(str(question), 1):
            done.append(sum(votes[str(question)]) / len(votes[str(question)]))
    return np.array(done)


def _bets(rows: np.ndarray, alpha: float) -> np.ndarray:
    """How much to bet on each observation, from those before it only [observations]."""
    seen = np.arange(1, len(rows) + 1)
    means = (0.5 + rows.cumsum()) / (seen + 1)
    variances = (0.25 + ((rows - means) ** 2).cumsum()) / (seen + 1)
    before = np.concatenate([[0.25], variances[:-1]]) if len(rows) else variances
    return np.sqrt(2 * np.log(2 / alpha) / (before * seen * np.log(seen + 1)))
