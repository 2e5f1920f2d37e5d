"""Fair timings: contestants taken in turn within one run, ratios within a round, and what the machine's memory gives.

Seconds differ by 10 to 15% from minute to minute on a shared machine, and everybody is slowed alike. So contestants
run one after the other in every round, and what counts is the ratio within a round, never seconds of different rounds.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

# Long enough to catch a moment in which no neighbour runs.
BANDWIDTH_PROBE_S = 2.0
LEAST_COSINE = 0.999  # of the logits of two engines that run the same model


@dataclass(frozen=True)
class Ratio:
    """How many times as large one measurement is as another: the median over rounds and its spread."""

    median: float
    low: float
    first_quartile: float
    third_quartile: float
    high: float
    rounds: int

    def __str__(self) -> str:
        middle = f"{self.first_quartile:.2f} to {self.third_quartile:.2f}"
        return f"{self.median:.2f} ({middle}; all {self.low:.2f} to {self.high:.2f}, {self.rounds} rounds)"


def interleave(contestants: dict[str, Callable[[int], float]], rounds: int, warmup: int = 1) -> dict[str, list[float]]:
    """Run every contestant once a round and return what they returned, round by round; warm-up rounds are left out.

    A contestant gets the number of the round (0 is the first warm-up), from which it makes its prompt: the same for
    all in a round, fresh in the next. The order moves on by one each round, so that nobody always follows the same
    neighbour and finds its caches.
    """
    names = list(contestants)
    results: dict[str, list[float]] = {name: [] for name in names}
    for number in range(warmup + rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            value = contestants[name](number)
            if number >= warmup:
                results[name].append(value)
    return results


def ratio(a: Sequence[float], b: Sequence[float]) -> Ratio:
    """a over b, round by round. For seconds, `ratio(other, ours)` says how many times faster ours is."""
    if len(a) != len(b) or not a:
        raise ValueError(f"needs as many rounds of both and at least one, got {len(a)} and {len(b)}")
    values = [x / y for x, y in zip(a, b, strict=True)]
    low, first, middle, third, high = np.percentile(values, [0, 25, 50, 75, 100]).tolist()
    return Ratio(middle, low, first, third, high, len(values))


def median(values: Sequence[float]) -> float:
    """The middle value, for absolute figures beside a ratio."""
    return statistics.median(values)


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    """How alike two logit vectors are, 1 for the same direction: at least LEAST_COSINE before anything is timed."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


def same_start(a: Sequence[int], b: Sequence[int]) -> int:
    """How many tokens two answers share before their first difference."""
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def bandwidth(size: int, threads: int) -> float:
    """Memory read bandwidth in GB/s (10^9 bytes) for `size` bytes read by `threads` threads.

    The best time within two seconds that torch takes to read a block of fp32 numbers once, as the decoding of one
    token reads the weights once: by its sum, and by the dot product of its two halves, whichever is faster. (torch's
    product of a matrix with a vector runs on one thread and gets about half; as a limit it would flatter whoever is
    measured.)
    A size beyond the processor's caches measures memory. The size of a model's weights measures what those weights
    allow: a small model may lie in the cache, where the limit is several times higher.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        block = torch.ones(size // 8 * 2)
        left, right = block.chunk(2)
        best = float("inf")
        end = time.perf_counter() + BANDWIDTH_PROBE_S
        while time.perf_counter() < end:
            best = min(best, seconds_of(block.sum), seconds_of(lambda: left.dot(right)))
    finally:
        torch.set_num_threads(before)
    return block.numel() * 4 / best / 1e9


def seconds_of(action: Callable[[], object]) -> float:
    """How long the action takes, once."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start
