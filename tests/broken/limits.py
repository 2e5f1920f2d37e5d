"""How long and how much: limits on time and memory for what reads broken input, and the longer version of the tests.

DUODESK_TEST_LONG=50 python -m pytest tests/unit -k "broken or any_input" tries 50 times as many inputs, and large ones.
"""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.errors import DuodeskError

LONG = int(os.environ.get("DUODESK_TEST_LONG") or 1)

only_long = pytest.mark.skipif(LONG == 1, reason="takes minutes; run with DUODESK_TEST_LONG=50")


class TooSlow(BaseException):
    """No Exception, which a reader may catch."""


@contextmanager
def within(seconds: float, memory: int = 1 << 30) -> Iterator[None]:
    """Raises TooSlow after `seconds`, and lets this process have only `memory` bytes more. For the main thread."""

    def stop(*_: object) -> None:
        raise TooSlow(f"more than {seconds} seconds")

    before = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    handler = signal.signal(signal.SIGALRM, stop)
    resource.setrlimit(resource.RLIMIT_AS, (used + memory, before[1]))
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        resource.setrlimit(resource.RLIMIT_AS, before)
        signal.signal(signal.SIGALRM, handler)


def check_sentence(error: DuodeskError, *names: str) -> None:
    """That an error is fit to be shown: one short line without the inner life of the program, which names `names`."""
    said = str(error)
    assert 20 < len(said) < 700 and "\n" not in said and said.endswith((".", "?")), said
    assert "Traceback" not in said and "object at 0x" not in said, said
    for name in names:
        assert name in said, f"'{name}' is not named: {said}"
