"""What a study's owner is told about its votes, whenever they ask."""

import random
from dataclasses import replace

import pytest

from core.studies import Rating, StudyArm, StudyPlan
from core.types import ArmSpec
from study.analysis.votes import verdict_of
from study.enough import enough

PLAN = StudyPlan(
    "test",
    "questions.jsonl",
    tuple(StudyArm(name, ArmSpec("bare", "plain")) for name in ("new", "old", "other")),
    ("new", "old"),
    margin=0.1,
    ratings=100,
)


def ratings(choices, planned=100, **changes):
    """The first ones have votes: 'new', 'old' or 'tie'; 'new' stands on either side in turn."""
    found = []
    for number in range(planned):
        left, right = ("new", "old") if number % 2 else ("old", "new")
        rating = Rating(str(number), "study", f"q{number}", left, right)
        if number < len(choices):
            choice = {left: "left", right: "right"}.get(choices[number], choices[number])
            rating = replace(rating, rater="ann", choice=choice, place=number + 1)
        found.append(replace(rating, **changes))
    return found


def mixed(wins, losses, ties=0, seed=1):
    votes = ["new"] * wins + ["old"] * losses + ["tie"] * ties
    return random.Random(seed).sample(votes, len(votes))


def test_a_vote_is_told_from_either_arm():
    left = Rating("r", "study", "q", "new", "old", choice="left")
    assert (verdict_of(left, "new"), verdict_of(left, "old")) == ("win", "loss")
    right = replace(left, choice="right")
    assert (verdict_of(right, "new"), verdict_of(right, "old")) == ("loss", "win")
    for choice in ("tie", "both_bad"):
        assert verdict_of(replace(left, choice=choice), "new") == choice


def test_nothing_is_said_where_the_deciding_arms_are_not_rated():
    assert enough(PLAN, []) == ""
    assert enough(PLAN, [Rating("r", "study", "q", "new", "other")]) == ""


def test_before_the_first_vote_all_are_missing():
    assert enough(PLAN, ratings([])) == "Not yet: 100 of 100 planned votes on 'new' against 'old' are missing."
    assert enough(PLAN, ratings(["new"])) == "Not yet: 99 of 100 planned votes on 'new' against 'old' are missing."


@pytest.mark.parametrize(("better", "worse"), [("new", "old"), ("old", "new")])
def test_a_clear_winner_is_told_early_and_by_name(better, worse):
    said = enough(PLAN, ratings([better] * 40))
    assert said.startswith(f"Enough: '{better}' is preferred to '{worse}' (win rate ")
    assert said.endswith("though planned votes are missing.")


def test_a_lead_that_a_single_look_would_take_for_certain_is_not_told_early():
    votes = mixed(21, 8)  # the interval that was planned for 29 votes begins above a half
    assert enough(PLAN, ratings(votes)).startswith("Not yet: 71 of 100 planned votes")
    assert enough(replace(PLAN, ratings=29), ratings(votes, planned=29)).startswith("Enough: 'new' is preferred")


def test_arms_that_are_the_same_are_hardly_ever_told_apart_however_often_one_looks():
    alarms = 0
    for seed in range(40):
        votes = random.Random(seed).choices(["new", "old"], k=60)
        alarms += any(enough(PLAN, ratings(votes[:end])).startswith("Enough") for end in range(5, 61, 5))
    assert alarms <= 4  # at most 5% in truth, 2 of 40; more than 4 would come in one run of 20


def test_all_planned_votes_settle_a_small_difference_as_one_that_does_not_matter():
    assert enough(PLAN, ratings(mixed(10, 10, 80))) == (
        "Enough: 'new' and 'old' do not differ by as much as matters (win rate 45.6% to 54.4%)."
    )


def test_votes_that_settle_nothing_say_how_many_more_it_takes():
    said = enough(PLAN, ratings(mixed(55, 45)))
    assert said.startswith("Not decisive yet: about ")
    assert said.endswith(" more votes on 'new' against 'old' if the difference stays what it is.")
    shared = [replace(one, rater=("ann", "ben")[place % 2]) for place, one in enumerate(ratings(mixed(55, 45)))]
    assert " by further people if the difference stays" in enough(PLAN, shared), "more of these two would say little"
    missing = enough(PLAN, ratings(mixed(26, 24)))
    assert missing.startswith("Not yet: 50 of 100 planned votes on 'new' against 'old' are missing, and about ")
    assert enough(PLAN, ratings(mixed(33, 17))).endswith("they will be enough if the difference stays what it is.")


def test_votes_added_to_the_plan_do_not_count_as_if_they_had_been_planned():
    votes = mixed(20, 9)
    said = enough(replace(PLAN, ratings=10), ratings(votes, planned=29))
    assert said == (
        "Not decisive yet: votes on 'new' against 'old' were added to the plan, so that a wider interval counts; "
        "add a few more."
    )
    clear = enough(replace(PLAN, ratings=10), ratings(["new"] * 40, planned=40))
    assert clear.endswith("though votes were added to the plan.")


def test_a_second_opinion_is_waited_for_and_a_repetition_is_not():
    done = ratings(["new"] * 3, planned=3)
    plan = replace(PLAN, ratings=3)
    again = Rating("again", "study", "q0", "old", "new", repeats="0")
    second = Rating("second", "study", "q0", "old", "new", second_to="0")
    assert "missing" not in enough(plan, [*done, again])
    assert "1 of 4 planned votes" in enough(plan, [*done, second])


def test_votes_on_one_question_alone_cannot_decide():
    (only,) = ratings(["new"], planned=1)
    assert enough(replace(PLAN, ratings=1), [only]).startswith("Not decisive: it takes votes")
