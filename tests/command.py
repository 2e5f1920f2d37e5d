"""What `launch.py test` does: ruff, mypy and pytest."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import IO

from core.settings import ROOT

CHECKS = [["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"]]


def run(arguments: Sequence[str]) -> int:
    """All checks and tests, or those tests that pytest finds by these arguments. Returns the exit code."""
    if arguments:
        failed = _failed([*CHECKS, ["pytest", *arguments]])
    else:
        # Two halves that take as long, side by side; the one is shown while it runs, the other when it has ended.
        with tempfile.TemporaryFile() as said, ThreadPoolExecutor(1) as beside:
            other = beside.submit(_failed, [*CHECKS, ["pytest", "tests/unit", "tests/e2e"]], said)
            failed = [*_failed([["pytest", "tests/integration"]]), *other.result()]
            said.seek(0)
            print(said.read().decode(errors="replace"), flush=True)
    print(f"Failed: {', '.join(failed)}" if failed else "All checks passed.")
    return 1 if failed else 0


def _failed(commands: Iterable[list[str]], out: IO[bytes] | None = None) -> list[str]:
    """Runs Python modules one after the other, telling `out` or the terminal; returns those that failed."""
    return [
        " ".join(command)
        for command in commands
        if subprocess.call([sys.executable, "-m", *command], cwd=ROOT, stdout=out, stderr=out)
    ]
