"""Intervals hold the truth as often as they say, on a few hundred made-up studies each; `python -m
study.statistics.simulate` tries more of them."""

import numpy as np
import pytest

from study.statistics import simulate
from study.statistics.simulate import held


@pytest.mark.parametrize(
    ("study", "runs"),
    [
        (simulate.one_rater, 200),
        (simulate.raters_who_differ, 100),
        (simulate.automatic_scores, 200),
        (simulate.topics, 200),
        (simulate.judge, 200),
    ],
)
def test_intervals_hold_the_truth(study, runs):
    for check in held(study, runs, 0.89, 1.0):
        assert check.passed, check


def test_the_crossover_is_recovered():
    for check in held(simulate.learning, 50, 0.86, 1.0):
        assert check.passed, check


def test_looking_at_every_vote_does_not_fool_the_confidence_sequence():
    for check in held(simulate.false_alarms, 100, 0.0, 0.05):
        assert check.passed, check


def test_false_alarms_and_power_are_as_planned():
    for check in [*held(simulate.wrong_claims, 100, 0.0, 0.12), *held(simulate.power, 200, 0.7, 0.9)]:
        assert check.passed, check


def test_differences_of_strengths_hold_the_truth():
    truth = simulate.true_strengths(20_000)
    for check in held(lambda generator: simulate.strengths(generator, truth), 200, 0.89, 1.0):
        assert check.passed, check
    assert np.isfinite(truth).all()


def test_a_check_says_whether_its_figure_is_within_bounds():
    assert simulate.Check("coverage", 0.95, 0.93, 0.97).passed
    assert not simulate.Check("coverage", 0.98, 0.93, 0.97).passed
