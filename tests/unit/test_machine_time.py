"""Answers that are written at once share the machine."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.types import Answer
from study.analysis.machine_time import machine_seconds

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def answer(end: float, seconds: float) -> Answer:
    return Answer("a", "q", total_s=seconds, created_at=NOON + timedelta(seconds=end))


def test_answers_one_after_the_other_take_their_whole_time():
    assert machine_seconds([answer(2, 2), answer(5, 3)]) == pytest.approx([2, 3])


def test_answers_at_the_same_time_share_it():
    assert machine_seconds([answer(4, 4), answer(4, 4)]) == pytest.approx([2, 2])
    assert machine_seconds([answer(4, 4), answer(2, 2)]) == pytest.approx([3, 1])


def test_none_take_nothing():
    assert machine_seconds([]) == []


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 50)), min_size=1, max_size=20))
def test_all_shares_together_are_the_time_in_which_anything_was_written(spans):
    shares = machine_seconds([answer(end, seconds) for end, seconds in spans])
    covered, reached = 0.0, float("-inf")
    for start, end in sorted((end - seconds, end) for end, seconds in spans):
        covered += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    assert sum(shares) == pytest.approx(covered, abs=1e-3)
