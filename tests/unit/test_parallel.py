"""Streams read at once: all their items, errors passed on, and everything closed when the reader goes."""

import threading
import time

import pytest

from core.parallel import together


def counting(n, closed, name, pause=0.0):
    try:
        for number in range(n):
            time.sleep(pause)
            yield number
    finally:
        closed.append((name, threading.current_thread().name))


def test_every_item_comes_with_its_key_in_its_streams_order():
    items = list(together([("a", counting(3, [], "a")), ("b", counting(2, [], "b"))]))
    assert [item for key, item in items if key == "a"] == [0, 1, 2]
    assert [item for key, item in items if key == "b"] == [0, 1]


def test_a_slow_stream_does_not_hold_a_quick_one():
    keys = [key for key, _ in together([("slow", counting(2, [], "slow", 0.3)), ("quick", counting(20, [], "quick"))])]
    assert keys[:20] == ["quick"] * 20


def test_closing_closes_every_stream_on_the_thread_that_read_it():
    closed = []
    both = together([(name, counting(10_000, closed, name, 0.001)) for name in "ab"])
    next(both)
    both.close()
    assert {name for name, _ in closed} == {"a", "b"}
    assert threading.current_thread().name not in {thread for _, thread in closed}


def test_an_error_of_one_stream_is_raised_and_the_others_are_closed():
    def failing():
        yield 0
        raise ValueError("out of paper")

    closed = []
    with pytest.raises(ValueError, match="out of paper"):
        list(together([("a", failing()), ("b", counting(10_000, closed, "b", 0.001))]))
    assert [name for name, _ in closed] == ["b"]
