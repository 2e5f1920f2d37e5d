"""The circuit breaker, with a clock of its own."""

from backends.remote.breaker import Breaker


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def opened(failures=3):
    clock = Clock()
    breaker = Breaker(failures, 10.0, clock)
    for _ in range(failures):
        assert breaker.wait_s() == 0
        breaker.failed("cannot be reached")
    return breaker, clock


def test_it_opens_after_so_many_failures_in_a_row_and_says_for_how_long():
    breaker, clock = opened()
    assert breaker.wait_s() == 10
    clock.now += 4
    assert breaker.wait_s() == 6
    assert breaker.problem == "cannot be reached"


def test_an_answer_in_between_begins_the_count_anew():
    breaker, _ = opened()
    breaker.succeeded()
    for _ in range(2):
        breaker.failed("cannot be reached")
        assert breaker.wait_s() == 0


def test_after_the_pause_one_request_is_let_through_at_a_time():
    breaker, clock = opened()
    clock.now += 10
    assert breaker.wait_s() == 0
    assert breaker.wait_s() == 10, "a second one went along"
    clock.now += 10
    assert breaker.wait_s() == 0, "the first one never came back"


def test_a_failed_try_opens_it_for_another_pause_and_an_answer_closes_it():
    breaker, clock = opened()
    clock.now += 10
    assert breaker.wait_s() == 0
    clock.now += 5
    breaker.failed("cannot be reached")
    assert breaker.wait_s() == 10
    clock.now += 10
    assert breaker.wait_s() == 0
    breaker.succeeded()
    assert [breaker.wait_s() for _ in range(5)] == [0] * 5
    assert breaker.problem == ""


def test_a_sign_of_life_lets_the_next_one_try_but_is_no_answer():
    breaker, clock = opened()
    clock.now += 10
    assert breaker.wait_s() == 0
    breaker.alive()
    assert breaker.wait_s() == 0
    assert breaker.wait_s() == 10
