"""Draws the ratings of a study: which two arms' answers to which question, on which side, in which order."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations
from math import lcm

from core.errors import StudyError
from core.studies import REPEAT_AFTER, Rating, StudyPlan
from core.types import new_id

Arms = tuple[str, str]


def draw_ratings(plan: StudyPlan, study_id: str, questions: Sequence[str]) -> list[Rating]:
    """The ratings of a plan about `questions`, their ids, in the order in which they are handed out.

    `plan.ratings` of them are first opinions: no question comes twice for the same two arms, each two arms come about
    equally often, and so does each question, up to any point of the order, which is random otherwise: a study that
    ends early has a random sample. Second opinions and repetitions come on top, each after its original; a repetition
    has its sides swapped and an original in the first half of the order, so that there is time for it. The same seed
    draws the same, but for the ids of the ratings, which tell nothing. Raises StudyError for more ratings than there
    are pairs of answers.
    """
    draw = random.Random(plan.seed)
    pairs = [plan.decides] if plan.pairs == "deciding" else list(combinations((arm.name for arm in plan.arms), 2))
    there_are = len(pairs) * len(questions)
    if plan.ratings > there_are:
        raise StudyError(
            f"{plan.ratings:,} ratings are planned, but {len(questions):,} questions with {len(pairs)} pairs of arms "
            f"make only {there_are:,} pairs of answers; plan {there_are:,} at most, or add questions."
        )
    if not plan.ratings:
        return []
    firsts = [
        Rating(new_id(), study_id, question, left, right)
        for question, (left, right) in _sided(list(_asked(pairs, questions, plan.ratings, draw)), draw)
    ]
    placed: list[tuple[float, Rating]] = list(enumerate(firsts))
    for place in draw.sample(range(len(firsts)), round(plan.twice * len(firsts))):
        first = firsts[place]
        left, right = draw.sample((first.left, first.right), 2)
        second = Rating(new_id(), study_id, first.question_id, left, right, second_to=first.id)
        placed.append((draw.uniform(place, len(firsts)), second))
    early = range((len(firsts) + 1) // 2)
    for place in draw.sample(early, min(round(plan.repeats * len(firsts)), len(early))):
        first = firsts[place]
        again = Rating(new_id(), study_id, first.question_id, first.right, first.left, repeats=first.id)
        placed.append((draw.uniform(min(place + REPEAT_AFTER, len(firsts)), len(firsts)), again))
    return [rating for _, rating in sorted(placed, key=lambda one: one[0])]


def _asked(
    pairs: Sequence[Arms], questions: Sequence[str], ratings: int, draw: random.Random
) -> Iterator[tuple[str, Arms]]:
    """Questions and pairs of arms, both in turn, so that all come equally often and none together twice."""
    pairs, questions = draw.sample(pairs, len(pairs)), draw.sample(questions, len(questions))
    for start in range(0, ratings, len(pairs)):
        turn = range(start, min(start + len(pairs), ratings))
        for number in draw.sample(turn, len(turn)):  # or the pair of arms could be told from those before it
            # Both turns are back where they began after their least common multiple; a question's shift avoids that.
            shift = number // lcm(len(pairs), len(questions))
            yield questions[(number + shift) % len(questions)], pairs[number % len(pairs)]


def _sided(asked: Sequence[tuple[str, Arms]], draw: random.Random) -> list[tuple[str, Arms]]:
    """The same with the left arm first: of each two, each stands there equally often, as far as their number allows."""
    orders: dict[Arms, list[Arms]] = {}
    for pair, count in Counter(pair for _, pair in asked).items():
        both = [pair, (pair[1], pair[0])]
        orders[pair] = draw.sample(both * (count // 2) + draw.sample(both, count % 2), count)
    return [(question, orders[pair].pop()) for question, pair in asked]
