"""The learning curve and what things cost."""

import numpy as np
import pytest

from core.studies import Prices
from study.statistics.cost import answer_costs, break_even, cost_per_acceptable, training_cost
from study.statistics.crossover import learning_curve
from study.statistics.estimate import Inference

SIZES = (0, 10, 100)
NOISE = 0.001 * np.random.default_rng(0).normal(size=(3, 3, 40))


def curve(*means):
    """Almost without noise: scores of 3 seeds, 40 questions, against an arm at 0.5."""
    return learning_curve(SIZES, NOISE + np.array(means)[None, :, None], np.full(40, 0.5), np.arange(40))


def test_the_crossover_is_where_the_line_over_the_logarithm_meets_the_other_arm():
    crossover = curve(0.2, 0.4, 0.6).crossover
    halfway = (11 * 101) ** 0.5 - 1
    assert crossover.rows == pytest.approx(halfway, rel=0.01)
    assert crossover.low <= crossover.rows <= crossover.high
    assert crossover.high / crossover.low < 1.5


def test_a_crossover_may_not_be_within_the_data():
    assert curve(0.1, 0.2, 0.3).crossover.rows is curve(0.1, 0.2, 0.3).crossover.low is None
    ahead = curve(0.6, 0.7, 0.8).crossover
    assert (ahead.rows, ahead.low, ahead.high) == (0, 0, 0)
    noisy = np.random.default_rng(1).normal(0, 0.5, size=(3, 3, 40)) + np.array([0.1, 0.3, 0.52])[None, :, None]
    open_ended = learning_curve(SIZES, noisy, np.full(40, 0.5), np.arange(40)).crossover
    assert open_ended.high is None


def test_a_dip_does_not_count_as_a_second_crossover():
    assert curve(0.2, 0.6, 0.3).crossover.rows is None, "made to rise it stays at 0.45"


def test_the_slope_is_the_gain_of_the_last_doubling():
    found = curve(0.2, 0.4, 0.6)
    assert found.slope.mean == pytest.approx(0.2 / np.log2(101 / 11), abs=0.001)
    assert [one.mean for one in found.scores] == pytest.approx([0.2, 0.4, 0.6], abs=0.001)
    assert [one.mean for one in found.ahead] == pytest.approx([-0.3, -0.1, 0.1], abs=0.001)


def test_curves_of_the_wrong_shape_are_refused():
    with pytest.raises(ValueError, match="scores are"):
        learning_curve(SIZES, NOISE[:, :2], np.zeros(40), np.arange(40))
    with pytest.raises(ValueError, match="they rise"):
        learning_curve((0, 10, 10), NOISE, np.zeros(40), np.arange(40))
    with pytest.raises(ValueError, match="as many articles"):
        learning_curve(SIZES, NOISE, np.zeros(40), np.arange(10))


def test_questions_on_one_article_say_less_than_as_many_on_different_ones():
    rows = np.random.default_rng(2).normal(size=(1, 1, 10)).repeat(4, axis=2) + np.zeros((3, 3, 1))
    apart = learning_curve(SIZES, rows, np.zeros(40), np.arange(40)).ahead[-1].interval()
    together = learning_curve(SIZES, rows, np.zeros(40), np.repeat(np.arange(10), 4)).ahead[-1].interval()
    assert together.high - together.low > 1.9 * (apart.high - apart.low)


def test_costs_of_answers_and_training():
    prices = Prices(million_prompt_tokens=2, million_new_tokens=10, machine_hour=3.6, label=0.5)
    assert answer_costs([1000, 0], [100, 0], [2, 10], prices) == pytest.approx([0.002 + 0.001 + 0.002, 0.01])
    assert training_cost(1000, 40, prices) == pytest.approx(1 + 20)


def test_the_break_even_volume_has_the_interval_of_the_saving():
    found = break_even(100, Inference(0.5, 0.1, float("inf")))
    assert found.answers == 200
    assert (found.low, found.high) == pytest.approx((100 / 0.696, 100 / 0.304), rel=0.001)
    unsure = break_even(100, Inference(0.1, 0.1, float("inf")))
    assert (unsure.answers, unsure.high) == (1000, None)
    never = break_even(100, Inference(-0.5, 0.1, float("inf")))
    assert (never.answers, never.low, never.high) == (None, None, None)


def test_the_cost_per_acceptable_answer_counts_those_that_are_not():
    found = cost_per_acceptable([1.0, 1, 1, 1] * 25, [1, 1, 0, 0] * 25)
    assert found.mean == 2
    # The share is 0.5 with a t interval of 0.5 +- 1.984 * 0.05025; constant costs make the price its inverse, but for
    # the variance at the ends, where it is that of the share still.
    assert (found.low, found.high) == pytest.approx((1 / 0.5997, 1 / 0.4003), rel=0.001)
    assert cost_per_acceptable([1, 1], [0, 0]) is None
    assert cost_per_acceptable([1.0] * 5, [1, 0, 0, 0, 0]).high == float("inf")
