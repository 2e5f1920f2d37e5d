"""A neighbour that keeps one core busy: how much of its speed each engine keeps."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.engine import THREADS, Engine
from benchmarks.measure import interleave, ratio
from benchmarks.rows import Row, at_least
from benchmarks.shapes import prompt_ids

PROMPT = 64
NEW_TOKENS = 128


def rows(model: str, folder: Path, gguf: Path, rounds: int) -> list[Row]:
    from benchmarks.peers.gguf_file import make_gguf
    from benchmarks.peers.hf_generate import TransformersGenerate
    from benchmarks.peers.llama_local import LlamaCpp

    engines = {
        "int8": Engine(folder, "int8", slots=1),
        "transformers": TransformersGenerate(folder, THREADS),
        "llama.cpp q8": LlamaCpp(make_gguf(folder, gguf, model, "q8_0"), THREADS),
    }
    contestants: dict[str, Callable[[int], float]] = {}
    for name, engine in engines.items():
        contestants[name] = _speed(engine, busy=False)
        contestants[f"{name}, busy"] = _speed(engine, busy=True)
    speeds = interleave(contestants, rounds)
    case = "one core taken by a neighbour: speed kept"
    return [
        at_least(f"{case}, int8", model, ratio(speeds["int8, busy"], speeds["int8"]), 0.5),
        *(
            Row(f"{case}, {name}", model, str(ratio(speeds[f"{name}, busy"], speeds[name])))
            for name in ("llama.cpp q8", "transformers")
        ),
    ]


def _speed(engine: object, busy: bool) -> Callable[[int], float]:
    def run(number: int) -> float:
        with ExitStack() as stack:
            if busy:
                stack.enter_context(_neighbour())
            timing = engine.answer(prompt_ids(PROMPT, seed=number), NEW_TOKENS)  # type: ignore[attr-defined]
            return float(timing.decode_tokens_per_s)

    return run


@contextmanager
def _neighbour() -> Iterator[None]:
    """A process that counts for as long as it lives."""
    process = subprocess.Popen([sys.executable, "-c", "print(flush=True)\nwhile True: pass"], stdout=subprocess.PIPE)
    try:
        assert process.stdout
        process.stdout.readline()
        yield
    finally:
        process.kill()
        process.wait()
