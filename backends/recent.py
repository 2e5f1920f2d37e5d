"""A small memory of recent results, in which equal questions asked at once are answered by one computation."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, TypeVar

Result = TypeVar("Result")


class Recent(Generic[Result]):
    """Keeps the results of the last `size` different keys. Safe for threads."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._results: dict[Hashable, Future[Result]] = {}

    def get(self, key: Hashable, compute: Callable[[], Result]) -> Result:
        """The known result, or that of `compute`; who asks the same meanwhile waits for it. Errors are not kept."""
        with self._lock:
            known = self._results.pop(key, None)
            future: Future[Result] = known or Future()
            self._results[key] = future  # behind all others: the last to be forgotten
            if len(self._results) > self._size:
                del self._results[next(iter(self._results))]
        if known is None:
            try:
                future.set_result(compute())
            except BaseException as error:
                with self._lock:
                    self._results.pop(key, None)
                future.set_exception(error)
        return future.result()
