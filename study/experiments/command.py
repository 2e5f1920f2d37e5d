"""Experiments in the terminal: what `launch.py study curve`, `few-shot` and `shift` ask for and print."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

from core.errors import StudyError
from core.settings import ROOT
from core.studies import StudyStore
from study.experiments.learning_curve import SEEDS, SIZES, CurveChoices, run_learning_curve
from study.experiments.parts import ExperimentParts, Stopped

Kind = Literal["curve", "few-shot", "shift"]

HELP: dict[Kind, str] = {
    "curve": "how many examples fine-tuning needs: adapters on more and more of them",
    "few-shot": "what examples in the prompt add: none, one, two and more of them",
    "shift": "which arms follow when an article of the help centre changes",
}
TRANSCRIPTS = str(ROOT / "knowledge/transcripts")
SAY_EVERY_S = 30.0  # where lines cannot be written over


def add_arguments(parser: argparse.ArgumentParser, kind: Kind) -> None:
    """The flags of one experiment; `run_experiment` takes what they give."""
    parser.set_defaults(experiment=kind)
    parser.add_argument("name", help="the study's name or identifier")
    add = {"curve": _add_curve}[kind]
    add(parser)


def _add_curve(parser: argparse.ArgumentParser) -> None:
    _add_transcripts(parser)
    parser.add_argument(
        "--sizes",
        nargs="+",
        type=int,
        default=list(SIZES),
        metavar="N",
        help=f"examples to train on; all are added (default: {' '.join(map(str, SIZES))})",
    )
    parser.add_argument("--both", action="store_true", help="a curve of lora+prompt too, which needs no more training")
    parser.add_argument("--against", default="", metavar="ARM", help="an arm of the study (default: its prompt arm)")
    parser.add_argument("--keep-adapters", action="store_true", help="leave the curve's adapters and runs in place")


def _add_transcripts(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--transcripts",
        nargs="+",
        default=[TRANSCRIPTS],
        metavar="PATH",
        help="CSV or JSONL files, or folders of them (default: the demo company's)",
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS), metavar="N")


def run_experiment(parts: ExperimentParts, options: argparse.Namespace) -> int:
    """Runs it and prints what was found. Ctrl+C ends it; the same command goes on from there.

    Raises StudyError, UnknownStudy, and what training and asking raise.
    """
    study_id = find_study(parts.store, options.name)
    line = _Line()
    try:
        with _until_interrupted() as stopped:
            content = _run(parts, study_id, options, line.show, stopped)
    except Stopped:
        line.end()
        print("Stopped. What was answered is kept; the same command goes on from there.", file=sys.stderr)
        return 130
    line.end()
    _print_findings(content)
    return 0


def _run(
    parts: ExperimentParts,
    study_id: str,
    options: argparse.Namespace,
    tell: Callable[[int, int, str], None],
    stopped: Callable[[], bool],
) -> dict[str, Any]:
    choices = CurveChoices(
        files=tuple(options.transcripts),
        sizes=tuple(options.sizes),
        seeds=tuple(options.seeds),
        arms=("lora", "lora+prompt") if options.both else ("lora",),
        against=options.against,
        keep_adapters=options.keep_adapters,
    )
    return run_learning_curve(parts, study_id, choices, tell, stopped)


def find_study(store: StudyStore, name: str) -> str:
    """The identifier of the newest study by this name, or with this identifier. Raises StudyError."""
    studies = store.studies()
    for study in studies:
        if name in (study.plan.name, study.id):
            return study.id
    there = ", ".join(f"'{study.plan.name}'" for study in studies) or "none yet"
    raise StudyError(f"There is no study '{name}'; the studies are: {there}.")


def _print_findings(content: dict[str, Any]) -> None:
    for arm, found in content["arms"].items():
        print(*found["sentences"], sep="\n")
        print(f"\n{arm:>8} {'score':>24} {'ahead of ' + content['against']['name']:>28}")
        for rows, score, ahead in zip(found["sizes"], found["scores"], found["ahead"], strict=True):
            print(f"{rows:>8,} {points(score):>24} {points(ahead, '+'):>28}")
        print()


def points(found: dict[str, Any], sign: str = "") -> str:
    """In points of 100 with the interval, as plain findings hold it."""
    if found["low"] is None or found["high"] is None:
        return f"{100 * found['mean']:{sign}.1f} [?]"
    return f"{100 * found['mean']:{sign}.1f} [{100 * found['low']:{sign}.1f}, {100 * found['high']:{sign}.1f}]"


@contextmanager
def _until_interrupted() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl+C was pressed; pressed again, it ends the program as always."""
    asked = threading.Event()

    def stop(*_: Any) -> None:
        asked.set()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield asked.is_set
    finally:
        signal.signal(signal.SIGINT, before)


class _Line:
    """One line that is written over in a terminal; else a line a step, and now and then one within it."""

    def __init__(self) -> None:
        self._step, self._said = -1, 0.0

    def show(self, done: int, total: int, doing: str) -> None:
        text = f"{done}/{total} {doing}"
        if sys.stdout.isatty():
            print(f"\r\033[K{text[:150]}", end="", flush=True)
        elif done != self._step or time.monotonic() - self._said > SAY_EVERY_S:
            self._step, self._said = done, time.monotonic()
            print(text, flush=True)

    def end(self) -> None:
        if sys.stdout.isatty():
            print("\r\033[K", end="", flush=True)
