"""The ratings that a study plans: balanced, spread, in random order, and the same for the same seed."""

from collections import Counter
from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from core.errors import StudyError
from core.studies import REPEAT_AFTER, StudyArm, StudyPlan
from core.types import ArmSpec
from study.rating_plan import draw_ratings

ARMS = tuple(StudyArm(name, ArmSpec("bare", "plain")) for name in ("one", "two", "three", "four"))
PLAN = StudyPlan("test", "questions.jsonl", ARMS, ("two", "one"), ratings=120)
QUESTIONS = [f"q{number}" for number in range(40)]


def draw(questions=QUESTIONS, **changes):
    return draw_ratings(replace(PLAN, **changes), "study", questions)


def firsts(ratings):
    return [one for one in ratings if not one.repeats and not one.second_to]


def arms_of(rating):
    return frozenset((rating.left, rating.right))


def spread(counts, among):
    """The largest difference between how often each of `among` things occurs."""
    found = [counts[one] for one in among]
    return max(found) - min(found)


@given(
    questions=some.integers(1, 40),
    arms=some.integers(2, 4),
    share=some.floats(0, 1),
    pairs=some.sampled_from(["all", "deciding"]),
    seed=some.integers(0, 999),
)
def test_every_two_arms_and_every_question_come_equally_often_and_never_twice_together(
    questions, arms, share, pairs, seed
):
    names = [arm.name for arm in ARMS[:arms]]
    both = [frozenset(two) for two in combinations(names, 2)] if pairs == "all" else [frozenset(PLAN.decides)]
    count = round(share * questions * len(both))
    found = draw(QUESTIONS[:questions], arms=ARMS[:arms], pairs=pairs, ratings=count, seed=seed)
    first = firsts(found)
    assert len(first) == count == len({(one.question_id, arms_of(one)) for one in first})
    assert spread(Counter(map(arms_of, first)), both) <= 1
    lefts = Counter((one.left, one.right) for one in first)
    assert all(spread(lefts, [tuple(two), tuple(two)[::-1]]) <= 1 for two in both)
    assert spread(Counter(one.question_id for one in first), QUESTIONS[:questions]) <= 2


def test_up_to_any_point_arms_and_questions_are_as_balanced_as_at_the_end():
    first = firsts(draw())
    both = [frozenset(two) for two in combinations([arm.name for arm in ARMS], 2)]
    for end in range(1, len(first) + 1):
        assert spread(Counter(arms_of(one) for one in first[:end]), both) <= 2
        assert spread(Counter(one.question_id for one in first[:end]), QUESTIONS) <= 2


def test_the_deciding_pair_alone_is_rated_where_the_plan_says_so():
    assert {arms_of(one) for one in draw(pairs="deciding", ratings=30)} == {frozenset(PLAN.decides)}


def test_second_opinions_and_repetitions_come_on_top_and_after_what_they_ask_again():
    found = draw(twice=0.25, repeats=0.1)
    place = {one.id: number for number, one in enumerate(found)}
    known = {one.id: one for one in found}
    seconds, repetitions = ([one for one in found if getattr(one, name)] for name in ("second_to", "repeats"))
    assert (len(found), len(seconds), len(repetitions)) == (162, 30, 12)
    for again in (*seconds, *repetitions):
        original = known[again.second_to or again.repeats]
        assert place[again.id] > place[original.id]
        assert (again.question_id, arms_of(again)) == (original.question_id, arms_of(original))
        assert original in firsts(found)
    for again in repetitions:
        original = known[again.repeats]
        assert (again.left, again.right) == (original.right, original.left)
        assert place[again.id] >= place[original.id] + REPEAT_AFTER
    assert len({one.second_to for one in seconds}) == 30
    assert len({one.repeats for one in repetitions}) == 12


def test_the_same_seed_draws_the_same_but_ids_that_tell_nothing():
    def drawn(**changes):
        return [(one.question_id, one.left, one.right) for one in draw(**changes)]

    assert drawn() == drawn()
    assert drawn() != drawn(seed=2)
    assert {one.id for one in draw()}.isdisjoint(one.id for one in draw())


def test_the_order_does_not_tell_the_arms():
    """Neither does a pair of arms follow from the ones before it, nor a question from the file's order."""
    turns = [[arms_of(one) for one in firsts(draw())[start : start + 6]] for start in range(0, 120, 6)]
    assert len(set(map(tuple, turns))) > 15
    asked = [one.question_id for one in firsts(draw(pairs="deciding", ratings=40))]
    assert asked != QUESTIONS and sorted(asked) == sorted(QUESTIONS)


def test_more_ratings_than_there_are_pairs_of_answers_are_refused_with_their_number():
    assert len(firsts(draw(ratings=240))) == 240
    with pytest.raises(StudyError, match=r"241 ratings .* 40 questions with 6 pairs .* plan 240 at most"):
        draw(ratings=241)
    with pytest.raises(StudyError, match="plan 40 at most"):
        draw(ratings=41, pairs="deciding")


def test_a_plan_without_ratings_draws_none():
    assert draw(ratings=0) == []
