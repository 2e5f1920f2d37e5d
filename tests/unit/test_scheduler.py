"""Continuous batching with a model that counts: who shares a step, who waits, who leaves, and what goes wrong."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest

from backends.engine.scheduler import STRETCH, Generation, Scheduler
from core.types import Decoding, Queue

END = 0
VOCABULARY = 1000


class CountingRunner:
    """Says the next number after the last token; a slot really holds the tokens read, so that mix-ups show."""

    def __init__(self, slots=4, pause=0.0):
        self.slots = slots
        self.context = 10_000
        self.keeps_written = True
        self.pause = pause
        self.held = [[] for _ in range(slots)]
        self.steps = []  # the sizes of the batches
        self.stretches = []  # the first token and the length of each
        self.gate = threading.Event()
        self.gate.set()

    def load_adapter(self, key, name, folder):
        if key == "broken":
            raise ValueError("no such adapter")

    def prefill(self, slot, tokens, past, adapter):
        self.gate.wait()
        self.stretches.append((tokens[0], len(tokens)))
        self.held[slot] = self.held[slot][:past] + [(token, adapter) for token in tokens]
        assert len(self.held[slot]) == past + len(tokens)
        return self._after(slot, adapter)

    def decode(self, tokens, pasts, adapters):
        time.sleep(self.pause)
        self.steps.append(len(tokens))
        for slot, (token, past, adapter) in enumerate(zip(tokens, pasts, adapters, strict=True)):
            assert len(self.held[slot]) >= past
            self.held[slot] = [*self.held[slot][:past], (token, adapter)]
        return np.stack([self._after(slot, adapter) for slot, adapter in enumerate(adapters)])

    def _after(self, slot, adapter):
        assert all(seen == adapter for _, seen in self.held[slot]), "a slot holds what another adapter has read"
        numbers = [token for token, _ in self.held[slot]]
        start = numbers[0]
        assert numbers == list(range(start, start + len(numbers))), "a slot holds another answer's tokens"
        logits = np.zeros(VOCABULARY, np.float32)
        logits[(numbers[-1] + 1) % VOCABULARY] = 1
        return logits

    def swap(self, first, second, length):
        self.held[first], self.held[second] = self.held[second], self.held[first]

    def copy_out(self, slot, length):
        return np.array(self.held[slot][:length], dtype=object)

    def copy_in(self, slot, stored, length):
        self.held[slot] = [tuple(pair) for pair in stored[:length]]


def generation(first=1, length=5, new=10, adapter=None):
    weights = (adapter, adapter, Path()) if adapter else None
    return Generation(list(range(first, first + length)), Decoding(max_new_tokens=new), frozenset({END}), weights)


def run(scheduler, *generations, timeout_s=10):
    for one in generations:
        scheduler.submit(one)
    for one in generations:
        finish(one, timeout_s)


def finish(one, timeout_s=10):
    deadline = time.monotonic() + timeout_s
    while not one.done:
        assert time.monotonic() < deadline, "the generation never ends"
        one.wait(len(one.written), 0.05)


def eventually(true, timeout_s=10):
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, "it never happens"
        time.sleep(0.005)


def expected(one):
    last = one.prompt[-1]
    return list(range(last + 1, last + 1 + one.decoding.max_new_tokens))


def test_an_answer_goes_on_where_its_prompt_ends():
    one = generation()
    run(Scheduler(CountingRunner(), 0), one)
    assert one.written == expected(one)


def test_it_ends_with_the_end_token_which_is_not_part_of_it():
    one = generation(first=VOCABULARY - 8, length=5)
    run(Scheduler(CountingRunner(), 0), one)
    assert one.written == [VOCABULARY - 3, VOCABULARY - 2, VOCABULARY - 1]


def test_answers_under_way_share_their_steps():
    runner = CountingRunner(pause=0.001)
    run(Scheduler(runner, 0), *(generation(first=100 * i + 1, new=50) for i in range(4)))
    assert max(runner.steps) == 4
    assert len(runner.steps) < 4 * 50 / 2


def test_many_answers_of_all_lengths_and_weights_come_out_right():
    runner = CountingRunner(slots=3)
    generations = [
        generation(1 + 7 * i, 1 + 13 * i % 40, 1 + 11 * i % 37, adapter=(None, "one", "two")[i % 3]) for i in range(60)
    ]
    run(Scheduler(runner, 1 << 20), *generations)
    assert [one.written for one in generations] == [expected(one) for one in generations]


def test_a_short_answer_does_not_wait_for_a_long_one():
    scheduler = Scheduler(CountingRunner(pause=0.002), 0)
    long = generation(new=900)
    scheduler.submit(long)
    run(scheduler, generation(first=300, new=5))
    assert not long.done
    long.cancel()


def test_a_short_prompt_does_not_wait_for_a_long_one_to_be_read():
    runner = CountingRunner()
    runner.gate.clear()
    scheduler = Scheduler(runner, 0)
    long, short = generation(length=4 * STRETCH - 30, new=1), generation(first=5, new=1)
    scheduler.submit(long)
    scheduler.submit(short)
    runner.gate.set()
    finish(short)
    finish(long)
    lengths = [length for _, length in runner.stretches]
    assert lengths.index(5) <= 2, "the short prompt was read after the long one"


def test_more_than_there_are_places_wait_in_order():
    runner = CountingRunner(slots=1)
    runner.gate.clear()
    scheduler = Scheduler(runner, 0)
    generations = [generation(first=first, new=3) for first in (1, 301, 101, 201)]
    for one in generations:
        scheduler.submit(one)
    runner.gate.set()
    for one in generations:
        finish(one)
    assert [first for first, _ in runner.stretches] == [1, 301, 101, 201]
    assert max(runner.steps) == 1


def test_those_who_wait_know_their_place_and_move_up():
    runner = CountingRunner(slots=1)
    runner.gate.clear()
    scheduler = Scheduler(runner, 0)
    generations = [generation(first=first, new=3) for first in (1, 301, 101, 201)]
    for one in generations:
        scheduler.submit(one)
    eventually(lambda: [one.place for one in generations] == [0, 1, 2, 3])
    generations[1].cancel()
    runner.gate.set()
    finish(generations[0])
    assert generations[3].place < 3
    for one in generations[1:]:
        finish(one)
    assert [generations[2].place, generations[3].place] == [0, 0]


def test_a_cancelled_answer_frees_its_place_at_once():
    runner = CountingRunner(slots=1, pause=0.005)
    scheduler = Scheduler(runner, 0)
    long, waiting = generation(new=900), generation(first=400, new=3)
    scheduler.submit(long)
    assert long.wait(0, 2)
    scheduler.submit(waiting)
    assert not waiting.wait(0, 0.05)
    long.cancel()
    finish(waiting, 1)
    assert waiting.written == expected(waiting)


def test_one_that_waits_can_be_cancelled():
    runner = CountingRunner(slots=1, pause=0.005)
    scheduler = Scheduler(runner, 0)
    long, waiting = generation(new=100), generation(first=400, new=3)
    scheduler.submit(long)
    scheduler.submit(waiting)
    waiting.cancel()
    finish(waiting, 1)
    assert waiting.written == []
    finish(long)
    assert long.written == expected(long)


def test_what_is_known_of_a_prompt_is_not_read_again():
    runner = CountingRunner()
    scheduler = Scheduler(runner, 1 << 20)
    run(scheduler, generation(length=100, new=20))
    runner.stretches.clear()
    follow_up = generation(length=130, new=3)
    run(scheduler, follow_up)
    assert follow_up.written == expected(follow_up)
    assert sum(length for _, length in runner.stretches) == 130 - 119  # the last token written was never read


def test_the_last_token_of_a_known_prompt_is_read_for_its_logits():
    runner = CountingRunner()
    scheduler = Scheduler(runner, 1 << 20)
    first, again = generation(length=100), generation(length=100)
    run(scheduler, first)
    run(scheduler, again)
    assert again.written == first.written


def test_an_adapter_that_does_not_load_fails_its_own_answer_alone():
    scheduler = Scheduler(CountingRunner(), 0)
    broken, sound = generation(adapter="broken"), generation(first=300)
    run(scheduler, broken, sound)
    assert isinstance(broken.error, ValueError)
    assert sound.error is None
    assert sound.written == expected(sound)


def test_an_error_of_the_model_reaches_everybody_under_way_and_the_next_one_is_answered():
    runner = CountingRunner()
    scheduler = Scheduler(runner, 0)
    decode, runner.decode = runner.decode, lambda *_: 1 / 0
    failed = [generation(), generation(first=300)]
    run(scheduler, *failed)
    assert all(isinstance(one.error, ZeroDivisionError) for one in failed)
    runner.decode = decode
    sound = generation()
    run(scheduler, sound)
    assert sound.written == expected(sound)


def test_an_answer_whose_prefix_cannot_be_copied_is_told_and_does_not_hang():
    runner = CountingRunner()
    scheduler = Scheduler(runner, 1 << 20)
    run(scheduler, generation(length=100))
    runner.copy_in = lambda *_: 1 / 0
    failed = generation(length=130)
    run(scheduler, failed)
    assert isinstance(failed.error, ZeroDivisionError)


def test_logits_that_are_not_numbers_fail_their_own_answer_alone():
    runner = CountingRunner(pause=0.001)
    after = runner._after
    runner._after = lambda slot, adapter: after(slot, adapter) * (np.nan if adapter else 1)
    scheduler = Scheduler(runner, 0)
    hot = Generation([1, 2], Decoding(max_new_tokens=9, temperature=1.0), frozenset(), ("torn", "torn", Path()))
    sound = generation(first=300, new=30)
    run(scheduler, sound, hot)
    assert isinstance(hot.error, ValueError)
    assert sound.written == expected(sound)


def test_what_was_written_is_read_again_where_writing_is_less_exact():
    runner = CountingRunner()
    runner.keeps_written = False
    scheduler = Scheduler(runner, 1 << 20)
    run(scheduler, generation(length=100, new=20))
    runner.stretches.clear()
    run(scheduler, generation(length=130, new=3))
    assert sum(length for _, length in runner.stretches) == 30


def test_the_thread_ends_when_there_is_nothing_to_do():
    scheduler = Scheduler(CountingRunner(), 0)
    run(scheduler, generation())
    deadline = time.monotonic() + 2
    while scheduler._thread is not None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert scheduler._thread is None
    run(scheduler, again := generation())
    assert again.written == expected(again)


@pytest.mark.parametrize("taken", [0, 3])
def test_waiting_tells_whether_there_is_more(taken):
    one = generation()
    assert not one.wait(taken, 0.01)
    run(Scheduler(CountingRunner(), 0), one)
    assert one.wait(taken, 0.01)


def test_the_queue_tells_who_is_answered_and_who_waits():
    runner = CountingRunner(slots=1)
    runner.gate.clear()
    scheduler = Scheduler(runner, 0)
    assert scheduler.queue == Queue(0, 0)
    answers = [generation(first=100 * i + 1) for i in range(5)]
    for one in answers:
        scheduler.submit(one)
    eventually(lambda: scheduler.queue == Queue(writing=1, waiting=4))
    runner.gate.set()
    for one in answers:
        finish(one)
    eventually(lambda: scheduler.queue == Queue(0, 0))  # an answer is done a moment before its place is free
