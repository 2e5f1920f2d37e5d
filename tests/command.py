"""What `launch.py test` does: ruff, mypy and pytest."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

from core.settings import ROOT

CHECKS = [["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"]]
# A process for each core. In the order of the folders: e2e and integration take long, unit fills what is left.
BESIDE = ["-n", "auto", "--maxprocesses", "4", "--dist", "loadfile", "--no-loadscope-reorder"]


def run(arguments: Sequence[str]) -> int:
    """All checks and tests, or those tests that pytest finds by these arguments. Returns the exit code."""
    failed = [
        " ".join(command)
        for command in [*CHECKS, ["pytest", *(arguments or BESIDE)]]
        if subprocess.call([sys.executable, "-m", *command], cwd=ROOT)
    ]
    print(f"Failed: {', '.join(failed)}" if failed else "All checks passed.")
    return 1 if failed else 0
