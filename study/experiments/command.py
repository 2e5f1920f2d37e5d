"""Experiments in the terminal: what `launch.py study curve`, `few-shot` and `shift` ask for and print."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.errors import StudyError
from core.parts import Parts
from core.progress_line import ProgressLine
from core.settings import ROOT
from study.analysis.words import MEASURES, points
from study.experiments.article_edits import Edit, read_edits
from study.experiments.choices import COUNTS, SEEDS, SIZES, CurveChoices, FewShotChoices, ShiftChoices
from study.experiments.parts import ExperimentParts, Stopped, Tell
from study.experiments.plain import estimate

TRANSCRIPTS = str(ROOT / "knowledge/transcripts")

Findings = dict[str, Any]
Run = Callable[[ExperimentParts, str, Tell, Callable[[], bool]], Findings]


def curve(parts: Parts, options: argparse.Namespace) -> int:
    """How many examples fine-tuning needs: trains adapters on more and more of them and asks each. Takes long; Ctrl+C
    ends it, and the same command goes on from there."""
    from study.experiments.learning_curve import run_learning_curve

    choices = CurveChoices(
        files=tuple(options.transcripts),
        sizes=tuple(options.sizes),
        seeds=tuple(options.seeds),
        arms=("lora", "lora+prompt") if options.both else ("lora",),
        against=options.against,
        keep_adapters=options.keep_adapters,
    )
    return _experiment(
        parts, options.name, lambda made, study, *how: run_learning_curve(made, study, choices, *how), _print_curve
    )


def few_shot(parts: Parts, options: argparse.Namespace) -> int:
    """What examples in the prompt add: asks the prompt arm with none, one, two and more of them."""
    from study.experiments.few_shot import run_few_shot

    choices = FewShotChoices(
        files=tuple(options.transcripts),
        counts=tuple(options.counts),
        seeds=tuple(options.seeds),
        arm=options.arm,
    )
    return _experiment(
        parts, options.name, lambda made, study, *how: run_few_shot(made, study, choices, *how), _print_few_shot
    )


def shift(parts: Parts, options: argparse.Namespace) -> int:
    """Which arms follow when articles of the help centre change; the articles and their index stay as they are."""
    from study.experiments.shift import run_shift

    choices = ShiftChoices(_edits(options), tuple(options.arms), options.controls)
    return _experiment(
        parts, options.name, lambda made, study, *how: run_shift(made, study, choices, *how), _print_shift
    )


EXPERIMENTS: Mapping[str, Callable[[Parts, argparse.Namespace], int]] = {
    "curve": curve,
    "few-shot": few_shot,
    "shift": shift,
}


def add_arguments(parser: argparse.ArgumentParser, name: str) -> None:
    """The flags of one of EXPERIMENTS."""
    parser.add_argument("name", metavar="NAME|ID", help="the study's name, or the beginning of its id")
    {"curve": _add_curve, "few-shot": _add_few_shot, "shift": _add_shift}[name](parser)


def _add_curve(parser: argparse.ArgumentParser) -> None:
    _add_transcripts(parser)
    _add_numbers(parser, "--sizes", SIZES, "examples to train on; all are added")
    parser.add_argument("--both", action="store_true", help="a curve of lora+prompt too, which needs no more training")
    parser.add_argument("--against", default="", metavar="ARM", help="an arm of the study (default: its prompt arm)")
    parser.add_argument("--keep-adapters", action="store_true", help="leave the curve's adapters and runs in place")


def _add_few_shot(parser: argparse.ArgumentParser) -> None:
    _add_transcripts(parser)
    _add_numbers(parser, "--counts", COUNTS, "examples in a prompt")
    parser.add_argument("--arm", default="", help="an arm of the study with passages (default: its prompt arm)")


def _add_shift(parser: argparse.ArgumentParser) -> None:
    edits = parser.add_argument_group("what changes, as a required fact has it; --old and --new may be given again")
    edits.add_argument("--article", default="", metavar="FILE", help="such as returns.md, in the folder `knowledge`")
    edits.add_argument("--old", action="append", default=[], metavar="TEXT", help='such as "30 days"')
    edits.add_argument("--new", action="append", default=[], metavar="TEXT", help='such as "14 days"')
    edits.add_argument("--edits", metavar="FILE", help="a .csv of article, old and new, such as knowledge/shift.csv")
    parser.add_argument("--arms", nargs="+", default=[], metavar="ARM", help="of the study (default: all)")
    parser.add_argument("--controls", type=int, default=40, metavar="N", help="questions on other articles")


def _add_transcripts(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--transcripts",
        nargs="+",
        default=[TRANSCRIPTS],
        metavar="PATH",
        help="CSV or JSONL files, or folders of them (default: the demo company's)",
    )
    _add_numbers(parser, "--seeds", SEEDS, "each draws examples of its own")


def _add_numbers(parser: argparse.ArgumentParser, flag: str, numbers: tuple[int, ...], what: str) -> None:
    told = f"{what} (default: {' '.join(map(str, numbers))})"
    parser.add_argument(flag, nargs="+", type=int, default=list(numbers), metavar="N", help=told)


def _edits(options: argparse.Namespace) -> tuple[Edit, ...]:
    """Raises StudyError, QuestionsError."""
    if len(options.old) != len(options.new) or (options.old and not options.article):
        raise StudyError("Each edit takes what the --article says, --old, and what it shall say, --new.")
    given = tuple(Edit(options.article, old, new) for old, new in zip(options.old, options.new, strict=True))
    edits = (*given, *(read_edits(Path(options.edits)) if options.edits else ()))
    if not edits:
        raise StudyError("A shift takes an edit: --article, --old and --new, or a file of --edits.")
    return edits


def _experiment(parts: Parts, name: str, run: Run, show: Callable[[Findings], None]) -> int:
    from study.local_studies import find_study

    study_id = find_study(parts.store.studies, name).id
    line = ProgressLine()

    def tell(done: int, total: int, doing: str) -> None:
        line.show(f"{done}/{total} {doing}", stage=done)

    try:
        with _until_interrupted() as stopped:
            content = run(experiment_parts(parts), study_id, tell, stopped)
    except Stopped:
        line.end()
        print("Stopped. What was answered is kept; the same command goes on from there.", file=sys.stderr)
        return 130
    line.end()
    show(content)
    return 0


def experiment_parts(parts: Parts) -> ExperimentParts:
    """What experiments need of the whole program."""
    settings = parts.settings
    return ExperimentParts(
        store=parts.store.studies,
        backend=parts.desk.backend,
        templates=parts.templates,
        training=parts.training,
        adapters=parts.adapters,
        embed=parts.embed,
        at_once=settings.slots,
        backend_with=parts.backend_with,
        retriever_over=parts.retriever_over,
        documents=settings.path("knowledge") if settings.knowledge else None,
        company=settings.company,
    )


def _print_curve(content: Findings) -> None:
    for found in (content, *content["also"]):
        print(f"By {MEASURES[found['measure']]}:\n")
        _print_arms(found)


def _print_arms(content: Findings) -> None:
    for arm, found in content["arms"].items():
        print(*found["sentences"], "", sep="\n")
        _print_points(arm, found, content["against"]["name"])


def _print_few_shot(content: Findings) -> None:
    for found in (content, *content["also"]):
        print(f"By {MEASURES[found['measure']]}:\n", *found["sentences"], "", sep="\n")
        _print_points("examples", found["curve"], found["against"]["name"])


def _print_points(what: str, found: Findings, other: str) -> None:
    print(f"{what:>11} {'score':>24} {f'ahead of {other}':>28}")
    for rows, score, ahead in zip(found["sizes"], found["scores"], found["ahead"], strict=True):
        print(f"{rows:>11,} {points(estimate(score)):>24} {points(estimate(ahead), '+'):>28}")
    print()


def _print_shift(content: Findings) -> None:
    from study.experiments.shift import OUTCOMES

    found = content["shifts"][-1]
    print(*found["sentences"], "", sep="\n")
    print(f"{'arm':<16} {'knew the old':>24}", *(f"{f'says {one}':>24}" for one in OUTCOMES))
    for name, arm in found["arms"].items():
        print(f"{name:<16}", *(f"{points(estimate(arm[one])):>24}" for one in ("knew_old", *OUTCOMES)))
    for pair, difference in found["differences"].items():
        print(f"{pair}: follows {points(estimate(difference), '+')} points more often")


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
