"""Several streams read at once, each on a thread of its own."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Generator, Sequence
from typing import TypeVar

Key = TypeVar("Key")
Item = TypeVar("Item")


def together(streams: Sequence[tuple[Key, Generator[Item, None, None]]]) -> Generator[tuple[Key, Item], None, None]:
    """Yields each stream's items with its key as they come, until all have ended. The streams start in this order.

    Closing it closes them all, each on the thread that read it, and waits for that. An error of one stream closes
    the others and is raised here.
    """
    items: queue.Queue[tuple[Key, Item] | BaseException | None] = queue.Queue()
    closed = threading.Event()

    def read(key: Key, stream: Generator[Item, None, None]) -> None:
        try:
            with contextlib.closing(stream):
                for item in stream:
                    items.put((key, item))
                    if closed.is_set():
                        break
        except BaseException as error:
            items.put(error)
        finally:
            items.put(None)

    readers = [threading.Thread(target=read, args=pair, daemon=True) for pair in streams]
    for reader in readers:
        reader.start()
    running = len(readers)
    try:
        while running:
            item = items.get()
            if isinstance(item, BaseException):
                raise item
            if item is None:
                running -= 1
            else:
                yield item
    finally:
        closed.set()
        for reader in readers:
            reader.join()
