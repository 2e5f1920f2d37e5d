"""The second message of a long chat: seconds to its first token, with and without the prefix that is known."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.engine import Engine
from benchmarks.measure import interleave, median, ratio
from benchmarks.rows import Row, at_least
from benchmarks.shapes import prompt_ids

FIRST_PROMPT = 1500
ANSWER = 40
SECOND_MESSAGE = 30
TYPING_S = 0.3  # a person is slower than the copying of what was read, which follows the answer


def rows(model: str, folder: Path, rounds: int) -> list[Row]:
    engines = {
        "with": Engine(folder, "fp32", slots=2, prefix_cache_mb=1024),
        "without": Engine(folder, "fp32", slots=2),
    }
    times = interleave({name: _second_message(engine) for name, engine in engines.items()}, rounds)
    note = f"; {median(times['without']) * 1000:.0f} ms without, {median(times['with']) * 1000:.1f} ms with"
    case = f"first token of a chat's second message, prompt {FIRST_PROMPT}: without over with kept prefix"
    return [at_least(case, model, ratio(times["without"], times["with"]), 12, note)]


def _second_message(engine: Engine) -> Callable[[int], float]:
    """Seconds to the first token of a message that follows a long prompt and its answer."""

    def run(number: int) -> float:
        first = prompt_ids(FIRST_PROMPT, seed=number)
        said = engine.answer(first, ANSWER).tokens
        time.sleep(TYPING_S)
        second = first + said + prompt_ids(SECOND_MESSAGE, seed=1000 + number)
        return engine.answer(second, 2).first_token_s

    return run
