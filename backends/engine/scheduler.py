"""Continuous batching: who is read, who writes, and who waits.

One thread owns the runner. In each round it gives one waiting prompt a stretch of reading, in turn, and then every
answer under way one token, all in one batch. Answers join and leave between two rounds, so that a short one never
waits for a long one, a slow reader holds nobody, and a cancelled answer frees its place at once.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from backends.engine.prefixes import KeyValues, PrefixCache
from backends.engine.sampling import next_token
from core.types import Decoding, Queue

STRETCH = 256  # prompt tokens read between two steps of the others
NOTICE_S = 0.02  # a reader is woken at most this often: each waking costs the others


class Runner(Protocol):
    """A model in memory with `slots` places for answers under way, each of `context` tokens at most.

    `keeps_written` tells whether tokens leave the same keys and values when they are written as when they are read,
    so that what is kept of an answer never changes another one.
    """

    slots: int
    context: int
    keeps_written: bool

    def load_adapter(self, key: str, name: str, folder: Path) -> None: ...

    def prefill(self, slot: int, tokens: Sequence[int], past: int, adapter: str | None) -> np.ndarray: ...

    def decode(self, tokens: Sequence[int], pasts: Sequence[int], adapters: Sequence[str | None]) -> np.ndarray: ...

    def swap(self, first: int, second: int, length: int) -> None: ...

    def copy_out(self, slot: int, length: int) -> KeyValues | None: ...

    def copy_in(self, slot: int, stored: KeyValues, length: int) -> None: ...


class Generation:
    """An answer asked for: the scheduler adds tokens to it, a reader takes them."""

    def __init__(
        self,
        prompt: Sequence[int],
        decoding: Decoding,
        ends: frozenset[int],
        adapter: tuple[str, str, Path] | None = None,
    ) -> None:
        """`ends` are the tokens that end an answer; `adapter` is its key, name and folder."""
        self.prompt = list(prompt)
        self.decoding = decoding
        self.ends = ends
        self.adapter = adapter
        self.cancelled = False
        self.place = 0  # in line: 1 is the next one, 0 is not in line
        self.written: list[int] = []  # without the token that ended it
        self.read = 0  # tokens whose keys and values are in the slot
        self.draw = np.random.default_rng()
        self.error: Exception | None = None
        self.done = False
        self._changed = threading.Condition()
        self._noticed = 0.0

    @property
    def weights(self) -> str | None:
        """What tells its weights from others' over the same base: the adapter's key."""
        return self.adapter[0] if self.adapter else None

    @property
    def tokens(self) -> list[int]:
        return self.prompt + self.written

    def cancel(self) -> None:
        self.cancelled = True

    def wait(self, taken: int, timeout_s: float) -> bool:
        """Waits for more than `taken` tokens or the end; False when the time was up before."""
        with self._changed:
            return self._changed.wait_for(lambda: self.done or len(self.written) > taken, timeout_s)

    def write(self, token: int) -> None:
        """Takes the next token in; `done` afterwards if it ended the answer."""
        if token in self.ends:
            self.finish()
            return
        self.written.append(token)
        if len(self.written) >= self.decoding.max_new_tokens:
            self.finish()
        elif (now := time.monotonic()) - self._noticed >= NOTICE_S:
            self._noticed = now
            self._tell()

    def finish(self, error: Exception | None = None) -> None:
        self.error = error
        self.done = True
        self._tell()

    def _tell(self) -> None:
        with self._changed:
            self._changed.notify_all()


class Scheduler:
    """Generates for any number of threads at once. Its own thread lives while there is something to do."""

    def __init__(self, runner: Runner, prefix_bytes: int) -> None:
        self._runner = runner
        self._prefixes = PrefixCache(prefix_bytes)
        self._waiting: deque[Generation] = deque()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        # Slots 0 to `_writers` - 1 hold answers being written; prompts still being read have slots after them.
        self._rows: list[Generation | None] = [None] * runner.slots
        self._writers = 0
        self._turn = 0

    def submit(self, generation: Generation) -> None:
        """Queues it; first come, first served."""
        with self._lock:
            self._waiting.append(generation)
            generation.place = len(self._waiting)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
                self._thread.start()

    @property
    def queue(self) -> Queue:
        with self._lock:
            return Queue(sum(row is not None for row in self._rows), len(self._waiting))

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._waiting and not any(self._rows):
                    self._thread = None
                    return
            try:
                self._let_go()
                self._admit()
                self._read()
                self._write()
            except Exception as error:
                # Nobody may wait for ever, whatever the runner met; what was under way is lost.
                for generation in filter(None, self._rows):
                    generation.finish(error)
                self._rows = [None] * self._runner.slots
                self._writers = 0

    def _let_go(self) -> None:
        """Frees the places of the cancelled ones."""
        with self._lock:
            cancelled = [generation for generation in self._waiting if generation.cancelled]
            self._waiting = deque(generation for generation in self._waiting if not generation.cancelled)
            if cancelled:
                self._number()
        for generation in cancelled:
            generation.finish()
        for slot in reversed(range(len(self._rows))):
            generation_there = self._rows[slot]
            if generation_there and generation_there.cancelled:
                generation_there.finish()
                self._free(slot)

    def _admit(self) -> None:
        """Gives those that wait a slot, as long as there are any."""
        while None in self._rows:
            with self._lock:
                if not self._waiting:
                    return
                generation = self._waiting.popleft()
                generation.place = 0
                self._number()
            try:
                if generation.adapter:
                    self._runner.load_adapter(*generation.adapter)
            except Exception as error:
                generation.finish(error)
                continue
            slot = self._rows.index(None, self._writers)
            self._rows[slot] = generation  # before anything can go wrong: whoever has a place hears of errors
            known, stored = self._prefixes.find(generation.weights, generation.prompt[:-1])
            if stored is not None:
                self._runner.copy_in(slot, stored, known)
            generation.read = known

    def _number(self) -> None:
        for place, generation in enumerate(self._waiting, 1):
            generation.place = place

    def _read(self) -> None:
        """One stretch of one prompt; the prompts take turns."""
        readers = [slot for slot in range(self._writers, len(self._rows)) if self._rows[slot]]
        if not readers:
            return
        self._turn += 1
        slot = readers[self._turn % len(readers)]
        generation = self._at(slot)
        stretch = generation.prompt[generation.read : generation.read + STRETCH]
        logits = self._runner.prefill(slot, stretch, generation.read, generation.weights)
        generation.read += len(stretch)
        if generation.read == len(generation.prompt):
            self._swap(slot, self._writers)
            self._writers += 1
            self._take(self._writers - 1, logits)
            if not generation.done:  # only now, since copying would hold the first token back
                self._keep_prefix(self._writers - 1)

    def _write(self) -> None:
        """One token of every answer under way."""
        if not self._writers:
            return
        rows = [self._at(slot) for slot in range(self._writers)]
        logits = self._runner.decode(
            [row.written[-1] for row in rows], [row.read for row in rows], [row.weights for row in rows]
        )
        for row in rows:
            row.read += 1
        for slot in reversed(range(len(rows))):  # from the end, since a place that gets free is filled from there
            self._take(slot, logits[slot])

    def _take(self, slot: int, logits: np.ndarray) -> None:
        """Draws the next token of the answer in a slot, which leaves if that was its last."""
        generation = self._at(slot)
        try:
            generation.write(next_token(logits, generation.decoding, generation.tokens, generation.draw))
        except Exception as error:  # such as logits that are not numbers: nobody else's matter
            generation.finish(error)
        if generation.done:
            if self._runner.keeps_written and not generation.error:
                self._keep_prefix(slot)
            self._free(slot)

    def _keep_prefix(self, slot: int) -> None:
        if not self._prefixes.limit:
            return
        generation = self._at(slot)
        stored = self._runner.copy_out(slot, generation.read)
        if stored is not None:
            self._prefixes.add(generation.weights, generation.tokens[: generation.read], stored)

    def _free(self, slot: int) -> None:
        if slot < self._writers:
            self._writers -= 1
            self._swap(slot, self._writers)
            slot = self._writers
        self._rows[slot] = None

    def _swap(self, first: int, second: int) -> None:
        if first == second:
            return
        both = [row.read for slot in (first, second) if (row := self._rows[slot])]
        self._runner.swap(first, second, max(both))
        self._rows[first], self._rows[second] = self._rows[second], self._rows[first]

    def _at(self, slot: int) -> Generation:
        generation = self._rows[slot]
        assert generation is not None
        return generation
