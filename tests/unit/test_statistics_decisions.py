"""Early looks, equivalence, many topics, plans and a judge's help."""

import numpy as np
import pytest
from scipy import stats

from study.statistics.equivalence import equivalence_p_value
from study.statistics.estimate import Inference
from study.statistics.multiple import holm
from study.statistics.paired import paired_difference
from study.statistics.planning import (
    detectable_difference,
    intra_question_correlation,
    more_ratings,
    questions_needed,
)
from study.statistics.prediction_powered import prediction_powered_mean
from study.statistics.sequential import confidence_sequence, question_means

GENERATOR = np.random.default_rng(0)


def test_a_confidence_sequence_starts_with_everything_and_only_ever_narrows():
    found = confidence_sequence((GENERATOR.random(400) < 0.7).astype(float))
    assert (found.low[0], found.high[0]) == (0, 1)
    assert (np.diff(found.low) >= 0).all()
    assert (np.diff(found.high) <= 0).all()
    assert 0.5 < found.low[-1] < 0.7 < found.high[-1] < 0.8


def test_a_confidence_sequence_by_hand():
    # Bets on a first and a second 1: sqrt(2 log 40 / (0.25 log 2)) = 6.524, and with the variance then thought to be
    # (1/4 + (1 - 3/4)^2) / 2 = 0.156, sqrt(2 log 40 / (0.156 * 2 log 3)) = 4.636. With half of the stake, a mean m is
    # out at (1 + 6.524 (1 - m)) (1 + 4.636 (1 - m)) = 40, which is m = 0.034.
    found = confidence_sequence([1, 1])
    assert list(found.low) == [0, pytest.approx(0.034)]
    assert list(found.high) == [1, 1]
    assert confidence_sequence([0, 0]).high[1] == pytest.approx(1 - 0.034)


def test_less_spread_gives_a_shorter_interval():
    ties, fights = confidence_sequence([0.5] * 100), confidence_sequence([0, 1] * 50)
    assert ties.high[-1] - ties.low[-1] < fights.high[-1] - fights.low[-1]
    assert len(confidence_sequence([]).low) == 0
    with pytest.raises(ValueError, match="from 0 to 1"):
        confidence_sequence([1.5])


def test_a_question_counts_once_when_its_planned_votes_are_in():
    found = question_means([1, 0, 0.5, 1, 0], ["a", "b", "c", "b", "a"], {"b": 2})
    assert list(found) == [1, 0.5, 0.5], "a at once, then c, b with its second vote, and a's second not at all"


def test_equivalence_is_two_one_sided_tests():
    from statsmodels.stats.weightstats import ttost_paired

    ours = GENERATOR.normal(0.02, 0.1, size=40)
    found = paired_difference(ours, np.zeros(40))
    assert equivalence_p_value(found, 0.05) == pytest.approx(ttost_paired(ours, np.zeros(40), -0.05, 0.05)[0])
    inside = found.interval(0.9)
    for margin in (0.02, 0.05, 0.1):
        assert (equivalence_p_value(found, margin) < 0.05) == (-margin < inside.low and inside.high < margin)
    with pytest.raises(ValueError, match="above 0"):
        equivalence_p_value(found, 0)


def test_questions_that_all_came_out_the_same_are_equivalent_only_in_numbers():
    assert equivalence_p_value(paired_difference([1] * 4, [1] * 4), 0.1) > 0.05
    assert equivalence_p_value(paired_difference([1] * 60, [1] * 60), 0.1) < 0.05


def test_holm_by_hand():
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03}) == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06})
    assert holm({}) == {}


def test_what_can_be_detected_is_found_with_the_power_asked_for():
    effect = detectable_difference(50) / 0.5
    critical = stats.t.ppf(0.975, 49)
    power = stats.nct.sf(critical, 49, effect * 50**0.5) + stats.nct.cdf(-critical, 49, effect * 50**0.5)
    assert power == pytest.approx(0.8, abs=1e-6)
    assert questions_needed(detectable_difference(50)) == 50
    assert questions_needed(50) == 2


def test_more_ratings_of_a_question_help_the_less_the_more_alike_they_are():
    alone = detectable_difference(50)
    assert detectable_difference(50, ratings=4) == pytest.approx(alone / 2)
    assert detectable_difference(50, ratings=4, correlation=1) == pytest.approx(alone)
    assert detectable_difference(50, ratings=2, correlation=0.5) == pytest.approx(alone * 0.75**0.5)
    with pytest.raises(ValueError, match="two questions"):
        detectable_difference(1)
    with pytest.raises(ValueError, match="above 0"):
        questions_needed(0)


def test_about_so_many_more_ratings_settle_it():
    normal = float("inf")
    assert more_ratings(Inference(0.2, 0.05, normal), 100, 0.1) == 0
    # The half width 0.098 is to shrink to 0.07: 100 * (0.098 / 0.07) ** 2 ratings in all.
    assert more_ratings(Inference(0.07, 0.05, normal), 100, 0.1) == 96
    # A difference of 0.01 is easier to fit within the margin than to tell from 0: half width 0.09.
    assert more_ratings(Inference(0.01, 0.05, normal), 100, 0.1) == 19
    with pytest.raises(ValueError, match="nothing to go by"):
        more_ratings(Inference(0.1, float("inf"), 1), 1, 0.1)


def test_correlation_within_questions():
    assert intra_question_correlation([1, 1, 0, 0], ["a", "a", "b", "b"]) == 1
    assert intra_question_correlation([1, 0, 1, 0], ["a", "a", "b", "b"]) == 0
    assert intra_question_correlation([1, 1, 1], ["a", "a", "b"]) == 0
    question = np.repeat(np.arange(2000), 3)
    values = GENERATOR.normal(size=2000)[question] + 2 * GENERATOR.normal(size=6000)
    assert intra_question_correlation(values, question) == pytest.approx(1 / 5, abs=0.03)
    with pytest.raises(ValueError, match="two ratings"):
        intra_question_correlation([1, 0], ["a", "b"])


def test_a_good_judge_narrows_the_interval_and_its_bias_is_taken_out():
    people = GENERATOR.normal(0.5, 0.2, size=1000)
    judged = people + 0.3 + GENERATOR.normal(0, 0.05, size=1000)
    found = prediction_powered_mean(people[:50], judged[:50], judged[50:], range(50), ["ann"] * 50)
    alone = paired_difference(people[:50], np.zeros(50))
    assert found.standard_error < alone.standard_error / 2
    assert found.interval().low < people.mean() < found.interval().high


def test_a_judge_who_knows_nothing_changes_nothing():
    people = GENERATOR.normal(size=50)
    for judged in (np.ones(450), -np.concatenate([people, GENERATOR.normal(size=400)])):
        found = prediction_powered_mean(people, judged[:50], judged[50:], range(50), ["ann"] * 50)
        assert found.mean == pytest.approx(people.mean())
        assert found.standard_error == pytest.approx(people.std(ddof=2) / 50**0.5)
    with pytest.raises(ValueError, match="cannot be paired"):
        prediction_powered_mean([1, 0, 1], [1, 0], [1], "abc", "xxx")
    with pytest.raises(ValueError, match="three questions"):
        prediction_powered_mean([1, 0], [1, 0], [1], "ab", "xx")
