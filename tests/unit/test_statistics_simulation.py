"""Intervals hold the truth as often as they say, on a few hundred made-up studies each; `python -m
study.statistics.simulate` tries more of them."""

import numpy as np
import pytest

from study.statistics import simulated_claims as claims
from study.statistics.independent import independent_difference
from study.statistics.sample_ratio import SUSPICIOUS, sample_ratio_p_value
from study.statistics.simulate import Check, held


@pytest.mark.parametrize(
    ("study", "runs"),
    [
        (claims.one_rater, 200),
        (claims.raters_who_differ, 50),
        (claims.few_raters, 150),
        (claims.automatic_scores, 200),
        (claims.topics, 200),
        (claims.judge, 200),
        (claims.judge_of_few_raters, 100),
        (claims.live_split, 200),
    ],
)
def test_intervals_hold_the_truth(study, runs):
    for check in held(study, runs, 0.89, 1.0):
        assert check.passed, check


def test_the_crossover_is_recovered():
    for check in held(claims.learning, 50, 0.86, 1.0):
        assert check.passed, check


def test_looking_at_every_vote_does_not_fool_the_confidence_sequence():
    for check in held(claims.false_alarms, 100, 0.0, 0.05):
        assert check.passed, check


def test_the_confidence_sequence_speaks_of_these_raters():
    of_these, of_people = held(claims.alarms_of_raters_who_differ, 40)
    assert of_these.figure <= 0.05 < of_people.figure, (of_these, of_people)


def test_a_split_of_equal_arms_raises_no_more_alarms_than_it_may():
    at_end, at_any_look, by_ratio, suspicious = held(claims.split_alarms, 100)
    assert 0.01 <= at_end.figure <= 0.1, at_end
    assert at_any_look.figure <= 0.05, at_any_look
    assert 0.01 <= by_ratio.figure <= 0.1, by_ratio
    assert suspicious.figure <= 0.01, suspicious


def test_visitors_who_get_lost_in_one_arm_are_noticed():
    assert sample_ratio_p_value([500, 500], (50, 50)) == 1
    assert sample_ratio_p_value([1000, 880], (50, 50)) > SUSPICIOUS
    assert sample_ratio_p_value([1000, 800], (50, 50)) < SUSPICIOUS
    assert sample_ratio_p_value([900, 100], (90, 10)) == 1
    assert sample_ratio_p_value([7, 0], (50, 50)) is None, "too few to tell"


def test_rows_of_one_visitor_do_not_count_as_so_many_visitors():
    once, often = [1.0, 0.0, 1.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    visitors = list(range(6))
    alone = independent_difference(once, often, visitors, visitors)
    repeated = independent_difference(once * 10, often * 10, visitors * 10, visitors * 10)
    assert repeated.mean == pytest.approx(alone.mean)
    assert repeated.half_width() == pytest.approx(alone.half_width())
    apart = independent_difference(once * 10, often * 10, range(60), range(60))
    assert apart.half_width() < alone.half_width() / 2


def test_one_visitor_alone_can_tell_nothing():
    found = independent_difference([1.0, 1.0], [0.0, 0.0], ["ann", "ann"], ["ben", "eva"], 1.0)
    assert found.p_value() == 1
    assert found.half_width() == np.inf


def test_false_alarms_and_power_are_as_planned():
    for check in [*held(claims.wrong_claims, 100, 0.0, 0.12), *held(claims.power, 200, 0.7, 0.9)]:
        assert check.passed, check


def test_differences_of_strengths_hold_the_truth():
    truth = claims.true_strengths(20_000)
    for check in held(lambda generator: claims.strengths(generator, truth), 200, 0.89, 1.0):
        assert check.passed, check
    assert np.isfinite(truth).all()


def test_differences_of_strengths_hold_the_truth_where_raters_differ():
    truth = claims.true_strengths(20_000, rater_spread=0.3)
    for check in held(lambda generator: claims.strengths_by_raters(generator, truth, 3), 50, 0.89, 1.0):
        assert check.passed, check


def test_a_check_says_whether_its_figure_is_within_bounds():
    assert Check("coverage", 0.95, 0.93, 0.97).passed
    assert not Check("coverage", 0.98, 0.93, 0.97).passed
