"""Bradley-Terry against independent implementations, and agreement beside published examples."""

import numpy as np
import pytest

from study.statistics.agreement import cohen_kappas, krippendorff_alpha, self_consistency
from study.statistics.bradley_terry import bradley_terry
from study.statistics.davidson import davidson_directly
from study.statistics.factorial import CONTRASTS
from study.statistics.simulated import pair_votes

VOTES = pair_votes(np.random.default_rng(0), (0, 0.4, 0.8, 1.0), 80)


def test_with_ties_it_is_davidsons_model():
    found = bradley_terry(VOTES.left, VOTES.right, VOTES.points, VOTES.questions, VOTES.longer)
    direct = davidson_directly(VOTES.left, VOTES.right, VOTES.points, VOTES.longer)
    assert found.settled
    assert found.parameters[:4].sum() == pytest.approx(0, abs=1e-9)
    assert found.parameters[:4] - found.parameters[0] == pytest.approx(direct[:4], abs=1e-6)
    assert found.parameters[4:] == pytest.approx(direct[4:], abs=1e-6)
    assert found.difference("arm 3", "arm 0").mean == pytest.approx(direct[3], abs=1e-6)


def test_without_ties_it_is_a_logistic_regression_and_so_is_its_error():
    import statsmodels.api as sm

    named = VOTES.points != 0.5
    left, right = (np.array(side)[named] for side in (VOTES.left, VOTES.right))
    points, questions = VOTES.points[named], VOTES.questions[named]
    signs = np.stack([(left == arm) * 1.0 - (right == arm) for arm in ("arm 1", "arm 2", "arm 3")], axis=1)
    logit = sm.Logit(points, signs).fit(disp=0, tol=1e-12)
    found = bradley_terry(left, right, points, questions)
    assert [found.difference(f"arm {one}", "arm 0").mean for one in (1, 2, 3)] == pytest.approx(logit.params, abs=1e-6)
    sandwich = sm.Logit(points, signs).fit(disp=0, cov_type="cluster", cov_kwds={"groups": questions})
    errors = [found.difference(f"arm {one}", "arm 0").standard_error for one in (1, 2, 3)]
    assert errors == pytest.approx(sandwich.bse, rel=0.05), "the jackknife's are a little larger"
    assert (np.array(errors) > sandwich.bse * 0.99).all()


def test_votes_of_raters_who_differ_say_less():
    many = pair_votes(np.random.default_rng(4), (0, 0.4), 120, raters=4, rater_spread=1.0)
    known = bradley_terry(many.left, many.right, many.points, many.questions, raters=many.raters)
    unknown = bradley_terry(many.left, many.right, many.points, many.questions)
    alone = bradley_terry(many.left, many.right, many.points, many.questions, raters=["ann"] * len(many.left))
    one, other = (found.difference("arm 1", "arm 0") for found in (known, unknown))
    assert one.mean == other.mean and one.half_width() > 1.5 * other.half_width() and one.degrees < 20
    assert alone.difference("arm 1", "arm 0") == other, "one rater's votes speak of this rater"


def test_a_difference_is_that_of_an_arm_from_another():
    found = bradley_terry(VOTES.left, VOTES.right, VOTES.points, VOTES.questions)
    one, other = found.difference("arm 1", "arm 2"), found.difference("arm 2", "arm 1")
    assert (one.mean, one.standard_error) == pytest.approx((-other.mean, other.standard_error))
    assert found.difference("arm 1", "arm 1").mean == 0
    renamed = dict(zip(("bare", "prompt", "lora", "lora+prompt"), found.arms, strict=True))
    weights = {renamed[arm]: weight for arm, weight in CONTRASTS["interaction"].items()}
    strengths = found.parameters
    assert found.contrast(weights).mean == pytest.approx(strengths[0] - strengths[1] - strengths[2] + strengths[3])
    with pytest.raises(ValueError, match="no votes on gpt"):
        found.difference("gpt", "arm 1")
    with pytest.raises(ValueError, match="sum to 0"):
        found.contrast({"arm 1": 1})


def test_swapping_sides_changes_nothing():
    found = bradley_terry(VOTES.left, VOTES.right, VOTES.points, VOTES.questions, VOTES.longer)
    swapped = bradley_terry(VOTES.right, VOTES.left, 1 - VOTES.points, VOTES.questions, -VOTES.longer)
    assert swapped.parameters == pytest.approx(found.parameters, abs=1e-8)


@pytest.mark.parametrize("points", [[1] * 20, [0.5, *[1] * 19], [0.5] * 20])
def test_an_arm_that_wins_everything_gets_a_wide_but_finite_interval(points):
    found = bradley_terry(["a"] * 20, ["b"] * 20, points, np.arange(20))
    interval = found.difference("a", "b").interval()
    assert not found.settled
    assert np.isfinite([interval.low, interval.high]).all()
    assert interval.high - interval.low > 3
    assert (interval.low > 0) == (points[-1] == 1)


def test_the_same_votes_again_on_the_same_questions_settle_nothing_more():
    once = bradley_terry(["a"] * 5, ["b"] * 5, [1] * 5, range(5)).difference("a", "b")
    often = bradley_terry(["a"] * 50, ["b"] * 50, [1] * 50, list(range(5)) * 10).difference("a", "b")
    assert (often.mean, often.standard_error) == pytest.approx((once.mean, once.standard_error))


def test_arms_that_were_never_compared_are_not_told_apart():
    found = bradley_terry(["a", "c"] * 20, ["b", "d"] * 20, [1, 1, 0, 0] * 10, np.arange(40))
    assert not found.settled
    apart = found.difference("a", "c").interval()
    assert apart.low < -2 < 2 < apart.high
    assert not bradley_terry(["a"], ["b"], [1], ["q"]).settled


@pytest.mark.parametrize(
    ("left", "right", "points", "says"),
    [([], [], [], "no votes"), (["a"], ["b"], [2], "points are"), (["a"], ["a"], [1], "with itself")],
)
def test_votes_that_cannot_be_counted_are_refused(left, right, points, says):
    with pytest.raises(ValueError, match=says):
        bradley_terry(left, right, points, range(len(left)))


def test_alpha_is_that_of_wikipedias_example():
    table = ["*****34121133*3", "1*213343*******", "**21344*21133*4"]
    voted = [
        (str(rater), unit, choice)
        for rater, row in enumerate(table)
        for unit, choice in enumerate(row)
        if choice != "*"
    ]
    found = krippendorff_alpha(*zip(*voted, strict=True), resamples=200)
    assert found.mean == pytest.approx(0.691, abs=0.0005)
    assert found.low < 0.691 < found.high
    again = [*voted, ("0", 5, "1")]
    assert krippendorff_alpha(*zip(*again, strict=True), resamples=200) == found, "a second vote counts not"


def test_without_a_choice_to_disagree_about_there_is_no_alpha():
    assert krippendorff_alpha(["x", "y"], ["1", "1"], ["a", "a"]) is None
    assert krippendorff_alpha(["x", "y"], ["1", "2"], ["a", "b"]) is None


def test_kappa_by_hand():
    # Both say a 20 times and b 15 times, of 50: 0.7 agree, 0.5 would by chance (Wikipedia's example).
    first, second = ["a"] * 25 + ["b"] * 25, ["a"] * 20 + ["b"] * 5 + ["a"] * 10 + ["b"] * 15
    items = [*range(50), *range(50), 1]
    found = cohen_kappas(["x"] * 50 + ["y"] * 50 + ["z"], items, [*first, *second, "a"])
    assert found["x", "y"] == pytest.approx(0.4)
    assert set(found) == {("x", "y")}, "z has one item in common with them, on which all agree"


def test_self_consistency_is_the_share_of_second_votes_like_the_first():
    raters, items = ["x", "x", "y", "x", "x", "y"], ["1", "2", "1", "1", "2", "3"]
    found = self_consistency(raters, items, ["a", "b", "b", "a", "tie", "a"])
    assert found.mean == 0.5
    assert self_consistency(["x", "y"], ["1", "1"], ["a", "a"]) is None
