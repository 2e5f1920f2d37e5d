"""A circuit breaker (Nygard, "Release It!", 2007): who fails again and again is left alone for a while.

The libraries for it do not fit: pybreaker makes requests wait for each other, purgatory lets all of them through at
once when the pause is over.
"""

from __future__ import annotations

import time
from collections.abc import Callable


class Breaker:
    """Opens after `failures` in a row; then one request in `pause_s` is let through, until an answer succeeds.

    Not for use by several threads: the requests of a server share one event loop.
    """

    def __init__(self, failures: int = 5, pause_s: float = 15.0, clock: Callable[[], float] = time.monotonic) -> None:
        self.problem = ""  # the last failure in words, empty after a success
        self.ill = False  # whether the last reply was a failure, or none came
        self._allowed = failures
        self._pause_s = pause_s
        self._clock = clock
        self._failed = 0
        self._open_until = 0.0

    def wait_s(self) -> float:
        """How long to stay away. 0 lets the caller through, and if the breaker is open nobody else for a pause."""
        if self._failed < self._allowed:
            return 0.0
        left = self._open_until - self._clock()
        if left <= 0:
            self._open_until = self._clock() + self._pause_s
        return max(left, 0.0)

    def failed(self, problem: str) -> None:
        self.problem = problem
        self.ill = True
        self._failed += 1
        self._open_until = self._clock() + self._pause_s

    def alive(self) -> None:
        """The server replied, which is not yet an answer to a customer: the next request is let through to try."""
        self._open_until = 0.0
        self.ill = False

    def succeeded(self) -> None:
        self.problem = ""
        self.ill = False
        self._failed = 0
