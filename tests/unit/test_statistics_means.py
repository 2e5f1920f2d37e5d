"""Means, shares and differences of rows that belong together, beside values worked out by hand or by libraries."""

import math

import numpy as np
import pytest
from scipy import stats

from study.statistics.clusters import bootstrap_mean, clustered_mean, two_way_mean
from study.statistics.estimate import Inference
from study.statistics.factorial import CONTRASTS, factorial_effects
from study.statistics.paired import bootstrap_difference, paired_difference, permutation_p_value
from study.statistics.shares import share
from study.statistics.win_rate import win_rate

ROWS = np.random.default_rng(0).normal(size=30)


def test_without_clusters_it_is_students_t():
    found, expected = clustered_mean(ROWS), stats.ttest_1samp(ROWS, 0)
    assert (found.mean, found.degrees) == (pytest.approx(ROWS.mean()), pytest.approx(29))
    assert found.p_value() == pytest.approx(expected.pvalue)
    interval = expected.confidence_interval()
    assert (found.interval().low, found.interval().high) == pytest.approx((interval.low, interval.high))
    assert found.interval(0.9).low > found.interval().low


def test_equal_clusters_count_as_their_means():
    found, means = clustered_mean(ROWS, np.repeat(list("abcdef"), 5)), clustered_mean(ROWS.reshape(6, 5).mean(1))
    assert (found.mean, found.standard_error, found.degrees) == pytest.approx(
        (means.mean, means.standard_error, means.degrees)
    )


def test_unequal_clusters_by_hand():
    # Around 0.5 the rows sum to -1.5 and 1.5 in clusters of 3 and 1; CR2 divides the squares by 1 - 3/4 and 1 - 1/4, so
    # the variance is (2.25 * 4 + 2.25 * 4 / 3) / 16. Two clusters are one degree of freedom.
    found = clustered_mean([0, 0, 0, 2], ["a", "a", "a", "b"])
    assert found.standard_error**2 == pytest.approx(12 / 16)
    assert found.degrees == pytest.approx(1)


def test_degrees_of_freedom_shrink_with_unequal_clusters():
    sizes = [12, 1, 1, 1, 1]
    found = clustered_mean(np.arange(16.0), np.repeat(np.arange(5), sizes))
    # The same by matrices: the sums of five clusters of equal rows, around the mean, weighted as CR2 does.
    around = np.eye(5) - np.outer(sizes, np.ones(5)) / 16
    weighted = np.diag(1 / (1 - np.array(sizes) / 16)) @ around @ np.diag(np.square(sizes)) @ around.T
    assert found.degrees == pytest.approx(weighted.trace() ** 2 / (weighted @ weighted).trace())
    assert found.degrees < 2


def test_one_cluster_tells_nothing_and_rows_that_agree_tell_little():
    alone = clustered_mean([0.2, 0.4], ["a", "a"])
    assert alone.interval().high == math.inf
    assert alone.p_value() == 1
    assert clustered_mean([1, 1, 1, 1], scale=1).standard_error == 1 / 4
    assert clustered_mean([1, 1, 1, 1]).p_value(0.5) == 0
    assert Inference(0.0, 0.0, 3).p_value() == 1


@pytest.mark.parametrize("values", [[], [1, float("nan")]])
def test_what_has_no_mean_is_refused(values):
    with pytest.raises(ValueError, match="no rows|not a number"):
        clustered_mean(values)
    with pytest.raises(ValueError, match="2 values need as many labels"):
        clustered_mean([1, 2], ["a"])


def test_two_way_variance_is_the_sum_less_what_is_shared():
    rows, raters = np.add.outer([0, 4, 8.0], [0, 1, 5.0]).ravel(), list("xyz") * 3
    questions = np.repeat(list("abc"), 3)
    by_question, by_rater, shared = (clustered_mean(rows, one).standard_error ** 2 for one in (questions, raters, None))
    found = two_way_mean(rows, questions, raters)
    assert found.standard_error**2 == pytest.approx(by_question + by_rater - shared)
    parts = by_question**2 / 2 + by_rater**2 / 2 + shared**2 / 8
    assert found.degrees == pytest.approx(found.standard_error**4 / parts)


def test_raters_who_do_not_differ_and_a_single_one_leave_the_error_of_the_questions():
    questions = np.repeat(np.arange(10), 3)
    alone = clustered_mean(ROWS, questions)
    assert two_way_mean(ROWS, questions, ["x"] * 30) == alone
    level = ROWS - np.tile(ROWS.reshape(10, 3).mean(0), 10)
    assert two_way_mean(level, questions, list("xyz") * 10) == clustered_mean(level, questions)


def test_few_raters_never_make_it_surer_than_as_many_figures_as_there_are_raters():
    rows = np.random.default_rng(5).normal(size=60)
    for raters in (2, 3):
        who = np.arange(60) % raters
        found = two_way_mean(rows, np.arange(60), who)
        by_rater = clustered_mean([rows[who == one].mean() for one in range(raters)])
        assert found.half_width() >= by_rater.half_width() * 0.999
        assert found.half_width() >= clustered_mean(rows).half_width() * 0.999


def test_the_interval_of_the_bootstrap_is_that_of_theory():
    half = bootstrap_mean([0, 1] * 200)
    assert half.mean == 0.5
    assert (half.low, half.high) == pytest.approx((0.5 - 1.96 * 0.5 / 20, 0.5 + 1.96 * 0.5 / 20), abs=0.01)
    assert half == bootstrap_mean([0, 1] * 200), "told twice, it is the same"
    one = bootstrap_mean([0.3])
    assert (one.mean, one.low, one.high) == (0.3, 0.3, 0.3)
    few, t = bootstrap_mean(ROWS[:12]), clustered_mean(ROWS[:12]).interval()
    assert few.high - few.low == pytest.approx(t.high - t.low, rel=0.1), "widened as t asks"
    clusters = np.repeat(np.arange(100), 4)
    wide = bootstrap_mean(np.repeat([0, 1] * 50, 4), clusters)
    assert wide.high - wide.low == pytest.approx(2 * (half.high - half.low), rel=0.1)


def test_a_share_is_wilsons_for_as_many_rows_as_clusters_are_worth():
    found = share([1] * 30 + [0] * 70)
    reach = stats.t.ppf(0.975, 99) ** 2 / 99  # the t variance has n - 1 where Wilson's has n
    centre = (0.3 + reach / 2) / (1 + reach)
    assert (found.low + found.high) / 2 == pytest.approx(centre)
    expected = stats.binomtest(30, 100).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.003)
    doubled = share([1] * 60 + [0] * 140, np.repeat(np.arange(100), 2))
    assert (doubled.low, doubled.high) == pytest.approx((found.low, found.high))


def test_five_wins_of_five_are_not_certain_and_one_question_says_nothing():
    assert share([1] * 5).high == 1
    assert 0.3 < share([1] * 5).low < 0.6
    assert share([1, 0], ["a", "a"]) == share([0.5], ["a"])
    assert (share([1]).low, share([1]).high) == (0, 1)


def test_a_win_rate_counts_ties_half_and_tells_them_apart():
    found = win_rate(["win", "win", "tie", "both_bad", "loss"], list("aabcd"), list("xyxyx"))
    assert (found.votes, found.questions, found.raters) == (5, 4, 2)
    assert found.rate.mean == found.bootstrap.mean == 0.6
    assert found.lead.mean == pytest.approx(0.1)
    assert {name: one.mean for name, one in found.shares.items()} == {
        "win": 0.4,
        "tie": 0.2,
        "both_bad": 0.2,
        "loss": 0.2,
    }
    with pytest.raises(ValueError, match="not 'left'"):
        win_rate(["left"], ["a"], ["x"])
    with pytest.raises(ValueError, match="no rows"):
        win_rate([], [], [])


def test_paired_differences_are_those_of_the_paired_t_test():
    theirs = np.random.default_rng(1).normal(size=30)
    assert paired_difference(ROWS, theirs).p_value() == pytest.approx(stats.ttest_rel(ROWS, theirs).pvalue)
    better = bootstrap_difference(theirs + 0.1, theirs)
    assert (better.mean, better.low, better.high) == pytest.approx((0.1, 0.1, 0.1))
    with pytest.raises(ValueError, match="cannot be paired"):
        paired_difference([1], [1, 2])


def test_a_permutation_moves_whole_clusters():
    assert permutation_p_value([1, 1, 1, 1], [0, 0, 0, 0]) == 2 / 16
    assert permutation_p_value([1, 1, 1, 1], [0, 0, 0, 0], ["a", "a", "b", "b"]) == 2 / 4
    assert permutation_p_value([1, 0], [1, 0]) == 1


def test_the_effects_of_the_2x2_by_hand():
    scores = {"bare": [0.1, 0.3], "prompt": [0.5, 0.7], "lora": [0.4, 0.4], "lora+prompt": [0.6, 0.8]}
    found = factorial_effects(scores)
    assert found["retrieval"].mean == pytest.approx(((0.4 + 0.4) + (0.2 + 0.4)) / 4)
    assert found["adapter"].mean == pytest.approx(((0.3 + 0.1) + (0.1 + 0.1)) / 4)
    assert found["interaction"].mean == pytest.approx(((0.2 - 0.4) + (0.4 - 0.4)) / 2)
    # The interactions of the rows are -0.2 and 0: standard deviation 0.2 / sqrt(2), over the root of 2 rows.
    assert found["interaction"].standard_error == pytest.approx(0.1)
    assert all(sum(weights.values()) == 0 for weights in CONTRASTS.values())
    with pytest.raises(ValueError, match="no scores of bare"):
        factorial_effects({arm: rows for arm, rows in scores.items() if arm != "bare"})
    with pytest.raises(ValueError, match="as many of each"):
        factorial_effects({**scores, "bare": [0.1]})
