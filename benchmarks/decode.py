"""One chat: tokens a second after the first, against transformers, llama.cpp and what the memory's speed allows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from backends.engine.graph import Shape
from benchmarks.engine import THREADS, Engine
from benchmarks.measure import LEAST_COSINE, bandwidth, cosine, interleave, median, ratio
from benchmarks.rows import Row, at_least
from benchmarks.shapes import prompt_ids

PROMPTS = (64, 512)
NEW_TOKENS = 128
MEMORY_PROBE_BYTES = 512 << 20


def rows(model: str, folder: Path, gguf: Path, rounds: int) -> list[Row]:
    """All engines in turn on fresh prompts; their logits are compared first."""
    from benchmarks.peers.gguf_file import make_gguf
    from benchmarks.peers.hf_generate import TransformersGenerate
    from benchmarks.peers.llama_local import LlamaCpp

    engines = {
        "int8": Engine(folder, "int8", slots=1),
        "fp32": Engine(folder, "fp32", slots=1),
        "transformers": TransformersGenerate(folder, THREADS),
    }
    for precision, kind in (("f16", "f16"), ("q8", "q8_0")):
        file = make_gguf(folder, gguf, model, kind)
        engines[f"llama.cpp {precision}"] = LlamaCpp(file, THREADS)
        # Its default costs small models speed, so that it is asked both ways and the better counts.
        engines[f"llama.cpp {precision} without flash"] = LlamaCpp(file, THREADS, flash_attention=False)
    _check(engines["transformers"], engines["llama.cpp f16"])
    shape = engines["int8"].prepared.shape
    found: list[Row] = []
    for prompt in PROMPTS:
        speeds = interleave({name: _speed(engine, prompt) for name, engine in engines.items()}, rounds)
        absolute = ", ".join(f"{name} {median(values):.0f}" for name, values in speeds.items())
        case = f"decode, prompt {prompt}"
        found += [
            at_least(f"{case}: int8 over transformers", model, ratio(speeds["int8"], speeds["transformers"]), 5),
            at_least(f"{case}: fp32 over transformers", model, ratio(speeds["fp32"], speeds["transformers"]), 5),
            at_least(f"{case}: int8 over llama.cpp q8", model, ratio(speeds["int8"], better("q8", speeds)), 1),
            at_least(f"{case}: int8 over llama.cpp f16", model, ratio(speeds["int8"], better("f16", speeds)), 1),
            Row(f"{case}: tokens a second", model, absolute),
        ]
        found += _limits(model, shape, case, speeds)
    return found


def better(precision: str, speeds: dict[str, list[float]]) -> list[float]:
    """The speeds of llama.cpp in that precision, with or without flash attention, whichever is faster."""
    return max((values for name, values in speeds.items() if precision in name and "llama" in name), key=median)


def _speed(engine: object, prompt: int) -> Callable[[int], float]:
    """Tokens a second after the first, for the prompt of a round."""

    def run(number: int) -> float:
        return engine.answer(prompt_ids(prompt, seed=number), NEW_TOKENS).decode_tokens_per_s  # type: ignore[attr-defined]

    return run


def _limits(model: str, shape: Shape, case: str, speeds: dict[str, list[float]]) -> list[Row]:
    """How near decoding comes to the time that reading all weights once takes."""
    found = []
    for precision, bar in (("fp32", 0.8), ("int8", 0.45)):
        size = _bytes_a_token(shape, precision)
        memory, own = (bandwidth(probe, THREADS) * 1e9 for probe in (MEMORY_PROBE_BYTES, size))
        limits = [memory / size] * len(speeds[precision])
        note = f" of {memory / size:.0f} tokens/s (from a cache as large as the weights: {own / size:.0f})"
        found.append(
            at_least(f"{case}: {precision} over the memory's limit", model, ratio(speeds[precision], limits), bar, note)
        )
    return found


def _bytes_a_token(shape: Shape, precision: str) -> int:
    """Bytes of weights that one token needs: every projection and the head; 8 bits with a float32 scale for each 32."""
    return int(shape.weights * (4 if precision == "fp32" else 1 + 4 / 32))


def _check(reference: object, peer: object) -> None:
    """The peer must be the same model, or its speed means nothing. Ours is checked when it is prepared."""
    ids = prompt_ids(100, seed=0)
    found = cosine(peer.logits(ids), reference.logits(ids))  # type: ignore[attr-defined]
    if not found >= LEAST_COSINE:
        raise RuntimeError(f"llama.cpp's logits are not those of transformers: cosine {found:.5f}")
