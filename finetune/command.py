"""Fine-tuning in the terminal: what `launch.py data`, `train`, `learning-rate` and `sweep` ask for and print."""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
from collections.abc import Callable
from pathlib import Path

from core.errors import TrainingError
from core.progress_line import ProgressLine
from core.settings import ROOT
from core.training import (
    DUPLICATES,
    LEAKS,
    METHODS,
    Columns,
    DataChoices,
    DataReport,
    Plan,
    Recipe,
    Run,
    RunKind,
    Training,
)

BAR = 28  # characters
TOPICS_SHOWN = 10


def add_arguments(parser: argparse.ArgumentParser, kind: str) -> None:
    """The flags of a command; `kind` is data, train, learning-rate or sweep."""
    if kind == "train":
        parser.add_argument("name", help="the adapter's name: its folder under `adapters`")
    data = parser.add_argument_group("data")
    data.add_argument(
        "--transcripts",
        nargs="+",
        default=[str(ROOT / "knowledge/transcripts")],
        metavar="PATH",
        help="CSV or JSONL files (also .gz), or folders of them (default: the demo company's)",
    )
    data.add_argument("--columns", nargs="+", default=[], metavar="WHAT=FIELD", help="question=…, answer=…, topic=…")
    data.add_argument("--duplicates", choices=DUPLICATES, default="remove", help="near-duplicates (default: remove)")
    data.add_argument("--leaks", choices=LEAKS, default="refuse", help="rows that nearly repeat a test question")
    data.add_argument("--redact", action="store_true", help="replace e-mail addresses, phone numbers and the like")
    data.add_argument("--rows", type=int, default=0, help="train on this many rounds, the most diverse; 0: all")
    data.add_argument("--validation-share", type=float, default=0.1, metavar="SHARE")
    if kind == "data":
        return
    recipe = parser.add_argument_group("recipe (defaults follow the number of rounds)")
    for entry in dataclasses.fields(Recipe):
        flag = f"--{entry.name.replace('_', '-')}"
        recipe.add_argument(flag, type=float if entry.type == "float" else int, default=None, metavar="X")
    recipe.add_argument("--method", choices=METHODS, default="sft", help="sft: answers; dpo, kto: ratings in the store")
    recipe.add_argument("--parent", metavar="ADAPTER", help="continue this adapter")
    recipe.add_argument("--replay-share", type=float, default=0.3, help="of the parent's rounds (default: 0.3)")
    if kind == "train":
        parser.add_argument("--prepare", action="store_true", help="only write the run's folder, for accelerate launch")


def plan_of(training: Training, options: argparse.Namespace, kind: RunKind, template: str) -> Plan:
    """The plan that the flags describe, with a recipe still to be completed. Raises TrainingError."""
    columns = None
    if options.columns:  # those that are not named are guessed
        columns = dataclasses.replace(training.look(Path(options.transcripts[0])).columns, **_named(options.columns))
    return Plan(
        adapter=getattr(options, "name", ""),
        kind=kind,
        method=getattr(options, "method", "sft"),
        files=tuple(options.transcripts),
        columns=columns,
        choices=DataChoices(options.duplicates, options.leaks, options.redact, options.rows, options.validation_share),
        template=template,
        parent=getattr(options, "parent", None),
        replay_share=getattr(options, "replay_share", 0.0),
    )


def show_data(training: Training, plan: Plan) -> int:
    """Prints the data report. Returns 1 when nothing can be trained on this data as it is."""
    from finetune.data.report import check_trainable

    line = ProgressLine()
    report = training.report(plan, _share_told_by(line))
    line.end()
    print_report(report, by_topic=bool(plan.choices.rows))
    try:
        check_trainable(report, plan.choices)
    except TrainingError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0


def run_plan(training: Training, plan: Plan, options: argparse.Namespace) -> int:
    """Completes the recipe, starts the run and follows it. Ctrl+C stops it, keeping the best so far."""
    chosen = {entry.name: getattr(options, entry.name) for entry in dataclasses.fields(Recipe)}
    changed = {name: value for name, value in chosen.items() if value is not None}
    line = ProgressLine()
    tell = _share_told_by(line)
    report = training.report(dataclasses.replace(plan, recipe=Recipe(**changed)), tell)
    line.end()
    print_report(report, by_topic=bool(plan.choices.rows))
    recipe, why = training.defaults(report.train)
    plan = dataclasses.replace(plan, recipe=dataclasses.replace(recipe, **changed))
    print(f"\n{why}" if not changed else f"\nRecipe: {plan.recipe}")
    if getattr(options, "prepare", False):
        folder = training.prepare(plan)
        launch = "accelerate launch --multi_gpu --num_processes 2 -m finetune.worker"
        print(f"Prepared. Train it with as many processes as there are GPUs:\n{launch} {folder}")
        return 0
    run_id = training.start(plan, tell)
    try:
        run = _follow(training, run_id, lambda run: _show_run(line, run))
    except KeyboardInterrupt:
        print("\nStopping; what is best so far is kept …", flush=True)
        training.stop(run_id)
        run = _follow(training, run_id, lambda _: None)
    line.end()
    print(run.message, file=sys.stderr if run.status == "failed" else sys.stdout)
    print_result(run)
    return 0 if run.status in ("done", "stopped") else 1


def _follow(training: Training, run_id: str, tell: Callable[[Run], None]) -> Run:
    """Waits for a run's end, telling how it stands meanwhile."""
    while (run := training.run(run_id)).status == "running":
        tell(run)
        time.sleep(0.5)
    return run


def print_report(report: DataReport, by_topic: bool) -> None:
    """What was found, in lines; `by_topic`: what was left out of each topic too."""
    print(f"{report.rows:,} rounds read; {report.train:,} to train on, {report.validation:,} to validate")
    for reason, count in report.left_out.items():
        print(f"  left out, {reason}: {count:,}")
    if by_topic:
        for topic, count in list(report.left_out_topics.items())[:TOPICS_SHOWN]:
            print(f"  left out of {topic}: {count:,}")
    middle, most, longest = report.lengths
    print(f"{report.tokens:,} tokens; a round has {middle} (median), {most} (95%), {longest} (longest)")
    print(f"exact duplicates {report.exact_duplicates:,}, near-duplicates {report.near_duplicates:,}")
    found = "found by clustering" if report.topics_found else "as given"
    print(f"{len(report.topics)} topics ({found}), evenness {report.evenness:.2f}; languages {dict(report.languages)}")
    print(f"personal data: {dict(report.personal_data) or 'none found'}")
    print(
        f"contradictions: {report.contradictions_in_all:,}; nearly repeating a test question: {report.leaks_in_all:,}"
    )
    for one in report.contradictions[:3]:
        print(f"  rows {one.first.row} and {one.second.row}: {one.why}")
    for leak in report.leaks[:3]:
        print(
            f"  row {leak.row.row}: '{leak.row.question[:60]}' like '{leak.test_question[:60]}' ({leak.similarity:.2f})"
        )
    for warning in report.warnings:
        print(f"! {warning}")


def print_result(run: Run) -> None:
    """A sweep's table, or a training's losses before and after."""
    for trial in run.result.get("trials", []):
        ended = ", ended early" if trial["pruned"] else ""
        print(f"  learning rate {trial['learning_rate']:g}, rank {trial['rank']}: {trial['eval_loss']}{ended}")
    if losses := run.result.get("losses"):
        print(f"{'loss a token':<40} {'before':>8} {'after':>8}")
        for row in losses:
            print(f"{row['set']:<40} {row['before']:>8.3f} {row['after']:>8.3f}")
    if run.turned_up is not None:
        print(f"Overfitting: the validation loss only rose after step {run.turned_up}.")


def _named(given: list[str]) -> dict[str, str]:
    """Raises TrainingError."""
    known = {entry.name for entry in dataclasses.fields(Columns)}
    pairs = [text.partition("=") for text in given]
    wrong = [what for what, _, field in pairs if what not in known or not field]
    if wrong:
        raise TrainingError(
            f"'{wrong[0]}' says nothing about columns; write one of {', '.join(sorted(known))} as question=FIELD."
        )
    return {what: field for what, _, field in pairs}


def _share_told_by(line: ProgressLine) -> Callable[[float, str], None]:
    return lambda share, doing: line.show(f"{share:4.0%} {doing}")


def _show_run(line: ProgressLine, run: Run) -> None:
    """A bar and the newest loss; in a log a line an evaluation."""
    measured = [row for row in run.log if "eval_loss" in row]
    losses = f", validation loss {measured[-1]['eval_loss']:.3f}" if measured else ""
    left = f", {run.seconds_left:.0f} s left at most" if run.seconds_left else ""
    done = round(BAR * run.step / run.total_steps) if run.total_steps else 0
    line.show(f"[{'#' * done}{'.' * (BAR - done)}] {run.message}{losses}{left}", stage=len(measured))
