"""Draws the log of a training run: loss, validation loss by source, and what the checks found, over tokens.

.venv/bin/python -m models.build.curves data/pretrain --out models/embedded/training.png
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any


def entries(log: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The lines of training and the lines of checks. A run that went on from an older checkpoint replaces its lines."""
    steps: dict[int, dict[str, Any]] = {}
    checks: dict[int, dict[str, Any]] = {}
    for line in log.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        if "check" in entry:
            checks[entry["check"]] = entry
        else:
            steps[entry["step"]] = entry
    return [steps[k] for k in sorted(steps)], [checks[k] for k in sorted(checks)]


def draw(work: Path, out: Path) -> None:
    """Write the picture of the run in folder `work` to `out`."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    steps, checks = entries(work / "log.jsonl")
    figure, (training, sources, scores) = plt.subplots(1, 3, figsize=(15, 4.2), layout="constrained")
    training.plot([e["tokens"] / 1e6 for e in steps], [e["loss"] for e in steps], linewidth=0.8)
    training.set(title="training loss (the mixture changes)", ylabel="nats a token")
    millions = [e["tokens"] / 1e6 for e in checks]
    names = sorted({name for e in checks for name in e})
    for name in names:
        values = [e.get(name) for e in checks]
        if name.startswith("loss_"):
            sources.plot(millions, values, marker=".", label=name.removeprefix("loss_"))
        elif name.endswith(("accuracy", "recall", "declines")):
            scores.plot(millions, values, marker=".", label=name.replace("_", " "))
    sources.set(title="validation loss by source", ylabel="nats an answer token")
    scores.set(title="answers to 32 held-out questions (the last: 128)", ylabel="share", ylim=(-0.05, 1.05))
    for axis in (training, sources, scores):
        axis.set_xlabel("tokens, millions")
        axis.grid(alpha=0.3)
    if checks:
        sources.legend(fontsize=7)
        scores.legend(fontsize=7)
    figure.savefig(out, dpi=80)


def main() -> None:
    """Draw one run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path, help="folder of the run")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    draw(args.work, args.out)


if __name__ == "__main__":
    main()
