"""Our engine as a contestant: the scheduler over the graph, as the app runs it, with a clock on every token."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Any

from backends.engine.graph_runner import GraphRunner
from backends.engine.prepare import prepare
from backends.engine.scheduler import Generation, Scheduler
from backends.folders import folder_hash
from benchmarks.peers.timing import Timing, timing
from core.types import Decoding

CACHE = Path(tempfile.gettempdir()) / "duodesk-benchmark-models"
THREADS = os.cpu_count() or 1


class ClockedGeneration(Generation):
    """Notes when each token came. Without an end token every answer gets the length asked for."""

    def __init__(self, ids: list[int], new_tokens: int, adapter: tuple[str, str, Path] | None = None) -> None:
        super().__init__(ids, Decoding(max_new_tokens=new_tokens), frozenset(), adapter)
        self.moments: list[float] = []

    def write(self, token: int) -> None:
        self.moments.append(time.perf_counter())
        super().write(token)


class Engine:
    """The engine with weights of `precision` (int8 or fp32), `slots` answers at once and so many MB of prefixes."""

    def __init__(self, folder: Path, precision: str, slots: int = 16, prefix_cache_mb: int = 0, **sizes: Any) -> None:
        self.prepared = prepare(folder, folder_hash(folder), CACHE)
        if self.prepared.shape is None:
            raise RuntimeError(f"no graph for {folder}: {self.prepared.reason}")
        options = {"capacity": 2048, "threads": THREADS} | sizes
        self.runner = GraphRunner(self.prepared.folder, self.prepared.shape, precision, slots, **options)
        self.scheduler = Scheduler(self.runner, prefix_cache_mb << 20)

    def answer(self, ids: list[int], new_tokens: int) -> Timing:
        """Answer the prompt with exactly `new_tokens` tokens."""
        start = time.perf_counter()
        generation = self.submit(ids, new_tokens)
        finish(generation)
        return timing(start, generation.moments, generation.written)

    def submit(
        self, ids: list[int], new_tokens: int, adapter: tuple[str, str, Path] | None = None
    ) -> ClockedGeneration:
        """Ask for an answer and go on."""
        generation = ClockedGeneration(ids, new_tokens, adapter)
        self.scheduler.submit(generation)
        return generation

    def chats(self, prompts: list[list[int]], new_tokens: int) -> float:
        """Ask all prompts at the same moment; seconds until the last answer is complete."""
        start = time.perf_counter()
        for generation in [self.submit(ids, new_tokens) for ids in prompts]:
            finish(generation)
        return time.perf_counter() - start


def finish(generation: Generation) -> None:
    """Wait for the end of an answer. Raises what went wrong with it."""
    while not generation.done:
        generation.wait(1 << 60, 1.0)
    if generation.error:
        raise generation.error
