"""Two answers at once, one by the base weights and one by an adapter: how much longer than one answer alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from backends.engine.graph_runner import GraphRunner
from benchmarks.engine import Engine
from benchmarks.measure import interleave, ratio
from benchmarks.rows import Row, at_most
from benchmarks.shapes import make_adapter, prompt_ids

PROMPT = 64
NEW_TOKENS = 128
RANK = 16


def rows(model: str, folder: Path, scratch: Path, rounds: int) -> list[Row]:
    """Decoding alone is timed, on prompts of equal length that are read before the clock starts."""
    adapter = scratch / f"{model}-adapter"
    if not adapter.exists():
        make_adapter(folder, adapter, RANK)
    found = []
    for precision in ("int8", "fp32"):
        runner = Engine(folder, precision, slots=2).runner
        runner.load_adapter("one", "one", adapter)
        contestants = {
            "base": _steps(runner, [None]),
            "adapter": _steps(runner, ["one"]),
            "pair": _steps(runner, [None, "one"]),
        }
        times = interleave(contestants, rounds)
        case = f"A/B pair over one answer alone, {precision}"
        found.append(at_most(f"{case} (the base's)", model, ratio(times["pair"], times["base"]), 1.25))
        found.append(at_most(f"{case} (the adapter's)", model, ratio(times["pair"], times["adapter"]), 1.25))
    return found


def _steps(runner: GraphRunner, weights: list[str | None]) -> Callable[[int], float]:
    """Seconds to write NEW_TOKENS tokens of one answer for each entry, greedily and in one batch."""

    def run(number: int) -> float:
        ids = prompt_ids(PROMPT, seed=number)
        tokens = [int(runner.prefill(slot, ids, 0, adapter).argmax()) for slot, adapter in enumerate(weights)]
        start = time.perf_counter()
        for step in range(NEW_TOKENS):
            logits = runner.decode(tokens, [PROMPT + step] * len(weights), weights)
            tokens = [int(row.argmax()) for row in logits]
        return time.perf_counter() - start

    return run
