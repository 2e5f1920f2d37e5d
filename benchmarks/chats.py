"""Many chats at once: tokens a second in all, against llama.cpp's server and `transformers serve`.

Ours is asked in this process, as the app asks it; the peers are asked through HTTP on the loopback, as they are made
to be. Their HTTP costs milliseconds against seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from benchmarks.decode import better
from benchmarks.engine import THREADS, Engine
from benchmarks.measure import interleave, median, ratio
from benchmarks.rows import Row, at_least
from benchmarks.shapes import prompt_ids

CHATS = 16
PROMPT = 200
NEW_TOKENS = 100


def rows(model: str, folder: Path, gguf: Path, rounds: int) -> list[Row]:
    from benchmarks.peers.gguf_file import make_gguf
    from benchmarks.peers.hf_serve import TransformersServe
    from benchmarks.peers.llama_server import LlamaServer

    with ExitStack() as stack:
        engines = {
            "int8": Engine(folder, "int8", slots=CHATS),
            "fp32": Engine(folder, "fp32", slots=CHATS),
        }
        for precision, kind in (("f16", "f16"), ("q8", "q8_0")):
            file = make_gguf(folder, gguf, model, kind)
            server = LlamaServer(file, THREADS, CHATS)
            plain = LlamaServer(file, THREADS, CHATS, flash_attention=False)
            engines[f"llama-server {precision}"] = stack.enter_context(server)
            engines[f"llama-server {precision} without flash"] = stack.enter_context(plain)
        engines["transformers serve"] = stack.enter_context(TransformersServe(folder))
        speeds = interleave({name: _speed(engine) for name, engine in engines.items()}, rounds)
    case = f"{CHATS} chats at once"
    found = [
        at_least(
            f"{case}: int8 over llama-server {precision}", model, ratio(speeds["int8"], better(precision, speeds)), 1
        )
        for precision in ("q8", "f16")
    ]
    over = ratio(speeds["int8"], speeds["transformers serve"])
    found.append(at_least(f"{case}: int8 over transformers serve", model, over, 2))
    absolute = ", ".join(f"{name} {median(values):.0f}" for name, values in speeds.items())
    return [*found, Row(f"{case}: tokens a second in all", model, absolute)]


def _speed(engine: object) -> Callable[[int], float]:
    """Tokens written a second, all chats together, the reading of their prompts included."""

    def run(number: int) -> float:
        prompts = [prompt_ids(PROMPT, seed=100 * number + chat) for chat in range(CHATS)]
        return CHATS * NEW_TOKENS / engine.chats(prompts, NEW_TOKENS)  # type: ignore[attr-defined]

    return run
