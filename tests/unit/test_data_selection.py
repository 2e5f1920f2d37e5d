"""Choosing rounds: topics evenly, copies last, the same rounds every time."""

from collections import Counter

import pytest

from core.training import Round
from finetune.data.selection import quotas, select, topics_of


def rounds(**topics):
    return [
        Round(f"How does {topic} number {at} work?", "So.", topic=topic)
        for topic in topics
        for at in range(topics[topic])
    ]


@pytest.mark.parametrize(
    ("sizes", "count", "expected"),
    [
        ({"a": 100, "b": 100}, 10, {"a": 5, "b": 5}),
        ({"a": 100, "b": 2, "c": 100}, 22, {"a": 10, "b": 2, "c": 10}),
        ({"a": 1, "b": 2}, 10, {"a": 1, "b": 2}),
        ({"a": 5, "b": 5, "c": 5}, 4, {"a": 1, "b": 1, "c": 2}),
    ],
)
def test_topics_share_evenly_and_small_ones_are_taken_whole(sizes, count, expected):
    assert quotas(sizes, count) == expected


def test_the_chosen_are_as_many_as_wanted_in_order_and_from_all_topics():
    data = rounds(bikes=50, orders=50, rare=2)
    chosen = select(data, 20, seed=1)
    assert chosen == sorted(set(chosen)) == select(data, 20, seed=1)
    assert Counter(data[at].topic for at in chosen) == {"bikes": 9, "orders": 9, "rare": 2}


def test_all_are_taken_when_there_are_no_more():
    assert select(rounds(a=3), 5, seed=1) == [0, 1, 2]


def test_what_covers_a_topic_is_chosen_before_copies():
    asked = ["refund for a late parcel"] * 30 + ["password forgotten", "battery charging time", "bike colours offered"]
    data = [Round(question, "So.", topic="all") for question in asked]
    assert {asked[at] for at in select(data, 4, seed=1)} == set(asked)


def test_more_rounds_than_can_be_compared_are_sampled():
    assert len(select(rounds(big=5_000), 100, seed=1)) == 100
    assert len(select(rounds(big=5_000), 4_000, seed=1)) == 4_000


def test_topics_are_found_and_named_by_what_is_said():
    data = [Round(f"please refund my money for order {at}", "Your refund is coming.") for at in range(20)]
    data += [Round(f"battery charging takes {at} hours", "Charge the battery overnight.") for at in range(20)]
    found = topics_of(data, seed=1)
    assert found == topics_of(data, seed=1)
    assert not set(found[:20]) & set(found[20:])
    assert all("refund" in name for name in found[:20])


@pytest.mark.parametrize("asked", [["??"], ["?", "!"], ["same", "same", "same"], ["你好", "再见"]])
def test_texts_that_tell_little_get_a_topic_too(asked):
    data = [Round(question, "") for question in asked]
    assert all(topics_of(data, seed=1))
    assert len(select(data, 1, seed=1)) == 1
