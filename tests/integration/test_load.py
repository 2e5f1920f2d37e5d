"""A short look at what `python -m tests.load` does for five minutes: people at all pages and the API at once."""

from __future__ import annotations

import json
import subprocess
import sys

from core.settings import ROOT

FEW = {"people": 8, "raters": 2, "seconds": 6, "think": 1.5, "crowd": 10, "questions": 3, "articles": 4, "replays": 10}


def test_everybody_gets_the_answer_to_their_own_question_or_is_politely_turned_away(tmp_path):
    options = FEW | {"slots": 2, "queue": 4, "out": tmp_path}
    command = [
        sys.executable,
        "-m",
        "tests.load",
        "--no-training",
        *(f"--{name}={value}" for name, value in options.items()),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    told = json.loads((tmp_path / "load.json").read_text())
    counts = {(row["kind"], row["what"]): row["count"] for phase in told["people"].values() for row in phase["figures"]}
    for kind in ("chat page", "API", "crowd"):
        assert counts[kind, "whole answer"] > 0
    assert counts["rate page", "vote"] > 0
    assert counts["crowd", "in line"] > 0
    assert told["compared"]["made once more"] > FEW["replays"] / 2
