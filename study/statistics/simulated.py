"""Made-up studies whose truth is known, with rows that belong together as those of real ones do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

TIE_BAND = 0.35  # a difference between two answers that a rater does not see


@dataclass(frozen=True)
class Votes:
    """Votes on one pair of arms [votes]: points of the first arm (1, 0.5, 0) and who voted on what; `panel_rate` is the
    win rate that these raters alone would give, on all questions there are."""

    points: np.ndarray
    questions: np.ndarray
    raters: np.ndarray
    panel_rate: float


def votes(
    generator: np.random.Generator, questions: int, each: int, raters: int, rater_spread: float, lead: float
) -> Votes:
    """`each` votes on every question by different raters of a panel; a question leans with a spread of 0.7."""
    question = np.repeat(np.arange(questions), each)
    rater = np.argsort(generator.random((questions, raters)), axis=1)[:, :each].ravel()
    leaning = lead + 0.7 * generator.normal(size=questions)[question] + generator.normal(size=len(question))
    liking = rater_spread * generator.normal(size=raters)
    leaning += liking[rater]
    panel_rate = float(np.mean(_rates(0.0, lead + liking)[0]))
    return Votes((np.sign(np.where(abs(leaning) < TIE_BAND, 0, leaning)) + 1) / 2, question, rater, panel_rate)


def true_rates(rater_spread: float, lead: float) -> tuple[float, float]:
    """The win rate of such votes counting ties half, and the share of ties."""
    rates, ties = _rates(rater_spread, np.array([lead]))
    return float(rates[0]), float(ties[0])


def _rates(rater_spread: float, leads: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from scipy.special import ndtr

    spread = (1 + 0.7**2 + rater_spread**2) ** 0.5
    below, above = ndtr((-TIE_BAND - leads) / spread), ndtr((leads - TIE_BAND) / spread)
    return (1 + above - below) / 2, 1 - above - below


@dataclass(frozen=True)
class RatedChats:
    """Thumbs, 1 or 0, and who gave them [chats], in order of arrival."""

    thumbs: np.ndarray
    visitors: np.ndarray


def rated_chats(generator: np.random.Generator, visitors: int, rate: float, spread: float = 1.0) -> RatedChats:
    """Of visitors with one chat to many, who lean to one side with a spread; `rate` is the true share of thumbs up."""
    from scipy.special import ndtr, ndtri

    each = 1 + generator.negative_binomial(1, 0.4, size=visitors)  # 2.5 chats in the mean, a few visitors have ten
    visitor = np.repeat(np.arange(visitors), each)
    liking = ndtr(ndtri(rate) * (1 + spread**2) ** 0.5 + spread * generator.normal(size=visitors))
    arrived = generator.permutation(len(visitor))
    thumbs = generator.random(len(visitor)) < liking[visitor]
    return RatedChats(thumbs[arrived].astype(float), visitor[arrived])


def facts(generator: np.random.Generator, means: Sequence[float], questions: int) -> np.ndarray:
    """The share of three facts that each arm gets right [arms, questions], of true means [arms] between 0 and 1.

    Questions are hard or easy for all arms, and each arm has its own luck with each.
    """
    hardness = generator.normal(size=questions) + 0.5 * generator.normal(size=(len(means), questions))
    return _right(generator, np.asarray(means)[:, None], hardness, 1.25)


def true_all_right(mean: float) -> float:
    """The share of answers that get all three of these facts right, of an arm whose true mean is `mean`."""
    from scipy.special import ndtr, ndtri

    points, weights = np.polynomial.hermite_e.hermegauss(60)
    level = ndtri(mean) * 2.25**0.5
    return float((ndtr(level - 1.25**0.5 * points) ** 3 * weights).sum() / weights.sum())


def curves(
    generator: np.random.Generator, means: Sequence[float], other: float, seeds: int, articles: int, each: int = 4
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Such shares of adapters [seeds, sizes, questions] whose true means rise with size [sizes], seeds apart by about
    5 points; of another arm [questions]; and the article of each question [questions], of which one arm knows more than
    the other."""
    article = np.repeat(np.arange(articles), each)
    question = 0.8 * generator.normal(size=articles)[article] + 0.6 * generator.normal(size=len(article))
    ours, theirs = (question + 0.4 * generator.normal(size=articles)[article] for _ in range(2))
    luck = 0.15 * generator.normal(size=(seeds, len(means), 1))
    ours = ours + luck + 0.3 * generator.normal(size=(seeds, len(means), len(article)))
    theirs = theirs + 0.3 * generator.normal(size=len(article))
    shares = _right(generator, np.asarray(means)[:, None], ours, 1.25 + 0.15**2)
    return shares, _right(generator, np.asarray(other), theirs, 1.25), article


def _right(generator: np.random.Generator, means: np.ndarray, hardness: np.ndarray, variance: float) -> np.ndarray:
    from scipy.special import ndtri

    level = ndtri(means) * (1 + variance) ** 0.5
    return (generator.normal(size=(3, *hardness.shape)) < level - hardness).mean(axis=0)


@dataclass(frozen=True)
class PairVotes:
    """Votes on pairs of several arms [votes], with a covariate of each."""

    left: list[str]
    right: list[str]
    points: np.ndarray
    questions: np.ndarray
    longer: np.ndarray
    raters: np.ndarray


def pair_votes(
    generator: np.random.Generator,
    strengths: Sequence[float],
    questions: int,
    raters: int = 1,
    rater_spread: float = 0.0,
    spread: float = 0.7,
    tie: float = -0.5,
) -> PairVotes:
    """Three votes on each question, of pairs and raters drawn at random; strengths vary between questions by `spread`
    and between raters by `rater_spread`."""
    votes = 3 * questions
    question = np.repeat(np.arange(questions), 3)
    left = generator.integers(len(strengths), size=votes)
    right = (left + generator.integers(1, len(strengths), size=votes)) % len(strengths)
    strength = np.asarray(strengths) + spread * generator.normal(size=(questions, len(strengths)))
    longer = generator.normal(size=votes)
    rater = generator.integers(raters, size=votes)
    liking = rater_spread * generator.normal(size=(raters, len(strengths)))
    strength = strength[question] + liking[rater]
    odds = strength[np.arange(votes), left] - strength[np.arange(votes), right] + 0.3 * longer
    chances = np.exp(np.stack([odds / 2, np.full(votes, tie), -odds / 2], axis=1))
    chances /= chances.sum(axis=1, keepdims=True)
    outcome = (generator.random(votes)[:, None] > chances.cumsum(axis=1)).sum(axis=1)
    names = [f"arm {number}" for number in range(len(strengths))]
    return PairVotes(
        [names[one] for one in left], [names[one] for one in right], 1 - outcome / 2, question, longer[:, None], rater
    )
