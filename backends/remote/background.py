"""An event loop in a thread of its own: of all that can wait for a server, only a task can be stopped while it waits.

Outside this folder nothing is asynchronous.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import AsyncGenerator, Coroutine, Generator
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")
END = object()


class Background:
    """Runs coroutines for threads that wait for their results."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="model server", daemon=True).start()

    def result(self, work: Coroutine[Any, Any, T]) -> T:
        """What the coroutine returns. Raises what it raises."""
        return self.start(work).result()

    def start(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Does not wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def iterate(self, items: AsyncGenerator[T, None], heartbeat_s: float) -> Generator[T | None, None, None]:
        """The items as they come, and None whenever none came for `heartbeat_s`: a generator can only be closed between
        two items. Closing it cancels whatever `items` waits for. Raises what `items` raises."""
        taken: queue.SimpleQueue[Any] = queue.SimpleQueue()

        async def fill() -> None:
            async with contextlib.aclosing(items):
                async for item in items:
                    taken.put(item)

        filling = asyncio.run_coroutine_threadsafe(fill(), self._loop)
        filling.add_done_callback(lambda _: taken.put(END))
        try:
            while True:
                try:
                    item = taken.get(timeout=heartbeat_s)
                except queue.Empty:
                    yield None
                    continue
                if item is END:
                    break
                yield item
            filling.result()
        finally:
            filling.cancel()
