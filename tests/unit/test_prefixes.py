"""Prompts already read: what is found again, for whom, and within which bounds."""

import numpy as np
import psutil

from backends.engine.prefixes import PrefixCache, own_memory

TOKENS = list(range(100))


def stored(tokens):
    return np.zeros((2, 1, len(tokens), 4), np.float32)


def test_the_longest_common_beginning_is_found():
    cache = PrefixCache(1 << 20)
    cache.add(None, TOKENS[:50], stored(TOKENS[:50]))
    cache.add(None, [7] * 50, stored([7] * 50))
    known, found = cache.find(None, [*TOKENS[:40], 1, 2, 3])
    assert known == 40
    assert found.shape[2] == 50
    assert cache.find(None, [9, *TOKENS]) == (0, None)


def test_a_few_common_tokens_are_not_worth_copying():
    cache = PrefixCache(1 << 20)
    cache.add(None, TOKENS, stored(TOKENS))
    assert cache.find(None, [0, 1, 2, 99])[0] == 0


def test_other_weights_never_see_it():
    cache = PrefixCache(1 << 20)
    cache.add("adapter", TOKENS, stored(TOKENS))
    assert cache.find(None, TOKENS) == (0, None)
    assert cache.find("other", TOKENS) == (0, None)
    assert cache.find("adapter", TOKENS)[0] == 100


def test_a_longer_prefix_takes_the_place_of_the_one_it_continues():
    cache = PrefixCache(1 << 20)
    cache.add(None, TOKENS[:50], stored(TOKENS[:50]))
    cache.add(None, TOKENS, stored(TOKENS))
    assert cache.used == stored(TOKENS).nbytes


def test_the_memory_is_bounded_and_the_least_used_go_first():
    one = stored(TOKENS).nbytes
    cache = PrefixCache(2 * one)
    prompts = [[start] * 100 for start in range(3)]
    cache.add(None, prompts[0], stored(TOKENS))
    cache.add(None, prompts[1], stored(TOKENS))
    cache.find(None, prompts[0])
    cache.add(None, prompts[2], stored(TOKENS))
    assert cache.used == 2 * one
    assert [cache.find(None, prompt)[0] for prompt in prompts] == [100, 0, 100]


def test_what_is_larger_than_the_bound_is_not_kept():
    cache = PrefixCache(10)
    cache.add(None, TOKENS, stored(TOKENS))
    assert cache.used == 0


def test_what_is_dropped_goes_back_to_the_system_though_others_stay():
    def resident():
        return psutil.Process().memory_info().rss / 2**20

    np.ones(6 << 20, np.float32)  # from now on the heap also takes what is as large as this
    before = resident()
    kept = []
    for _ in range(200):
        kept.append(own_memory((100_000,)))
        kept[-1][:] = 1
    assert resident() - before > 70
    del kept[::2]
    assert resident() - before < 45
