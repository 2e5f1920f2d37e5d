"""How far long work is, in the terminal."""

from __future__ import annotations

import sys
import time

SAY_EVERY_S = 30.0  # where lines cannot be written over
WIDTH = 150  # characters; a longer line would wrap and stay


class ProgressLine:
    """One line that is written over in a terminal. Elsewhere, as in a log, a line whenever `stage` changes, and now and
    then within a stage."""

    def __init__(self) -> None:
        self._stage: object = None
        self._said = float("-inf")

    def show(self, text: str, stage: object = "") -> None:
        """Shows `text` in place of what was shown before."""
        if sys.stdout.isatty():
            print(f"\r\033[K{text[:WIDTH]}", end="", flush=True)
        elif stage != self._stage or time.monotonic() - self._said > SAY_EVERY_S:
            self._stage, self._said = stage, time.monotonic()
            print(text, flush=True)

    def end(self) -> None:
        """Clears the line for what is printed next."""
        if sys.stdout.isatty():
            print("\r\033[K", end="", flush=True)
