"""Studies in the terminal: what `launch.py study` asks for and prints."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.errors import StudyError
from core.parts import Parts
from core.progress_line import ProgressLine
from core.splits import FROM_SPLIT
from core.studies import EXPORTS, MEASURES, Study, StudyPlan, StudyView
from core.types import ARM_NAMES, ArmName, now
from study.arm_text import arm_text, read_arm, read_prices
from study.check_plan import LONGEST_NAME
from study.experiments.command import EXPERIMENTS
from study.experiments.command import add_arguments as add_experiment_arguments
from study.splits.command import add_split_arguments

Command = Callable[[Parts, argparse.Namespace], int]


def add_study_arguments(parser: argparse.ArgumentParser, shared: argparse.ArgumentParser) -> None:
    """`shared` has the flags of the settings, which every word after `study` takes as well. Of the result, `what` is
    the function to call, and `asks` says whether it needs the documents indexed."""
    parser.set_defaults(what=four_arms, asks=True)
    _add_plan_arguments(parser, ARM_NAMES)
    words = parser.add_subparsers(metavar="what", title="studies by name (without any of these words: the four arms)")

    def word(run: Command, name: str) -> argparse.ArgumentParser:
        described = words.add_parser(name, help=run.__doc__, description=run.__doc__, parents=[shared])
        described.set_defaults(what=run, asks=run in (new_study, run_study))
        return described

    word(list_studies, "list")
    new = word(new_study, "new")
    new.add_argument("name", help="what the study is called; its questions are those of the setting `questions`")
    _add_plan_arguments(new, ())
    new.add_argument("--questions-from-split", metavar="SPLIT", help="customers' first questions in a split instead")
    new.add_argument("--decides", nargs=2, metavar="ARM", help="is the first better than the second?")
    new.add_argument("--measure", choices=MEASURES, help="what decides (default: facts where they are known)")
    new.add_argument("--ratings", type=int, default=0, metavar="N", help="how many pairs people rate (default: 0)")
    new.add_argument("--pairs", choices=("deciding", "all"), default="all", help="which arms are rated (default: all)")
    new.add_argument("--twice", type=float, default=0.2, metavar="SHARE", help="rated by two people (default: 0.2)")
    new.add_argument("--repeats", type=float, default=0.05, metavar="SHARE", help="shown again (default: 0.05)")
    new.add_argument("--seed", type=int, default=1, metavar="N", help="for the order of the pairs (default: 1)")
    new.add_argument("--prices", nargs="+", default=[], metavar="WHAT=PRICE", help="such as machine_hour=0.4 label=1")
    for run, name in ((run_study, "run"), (stop_study, "stop"), (show_study, "show"), (remove_study, "remove")):
        _add_name(word(run, name))
    note = word(note_study, "note")
    _add_name(note)
    note.add_argument("text", help="what every reader of the results should know, such as who rated")
    for name, experiment in EXPERIMENTS.items():
        add_experiment_arguments(word(experiment, name), name)
    judge = word(judge_study, "judge")
    _add_name(judge)
    judge.add_argument("--url", required=True, help="an OpenAI-compatible server, such as http://127.0.0.1:8000/v1")
    judge.add_argument("--judge", required=True, metavar="MODEL", help="the model that judges, as the server names it")
    judge.add_argument("--key-env", default="", metavar="VARIABLE", help="the environment variable that holds the key")
    judge.add_argument("--at-once", type=int, default=4, metavar="N", help="pairs under way at a time (default: 4)")
    report = word(report_study, "report")
    _add_name(report)
    report.add_argument("--out", metavar="FILE", default="report.html", help="the page (default: report.html)")
    export = word(export_study, "export")
    _add_name(export)
    export.add_argument("--kind", choices=EXPORTS, default="jsonl", help="what to write (default: jsonl)")
    export.add_argument("--out", metavar="FOLDER", default=".", help="where to write it (default: here)")
    about = "live chats shared out between arms, an online A/B test: list, start, show, end, report, export"
    add_split_arguments(words.add_parser("split", help=about, description=about), shared, points)


def points(text: str) -> int:
    """A whole number from 1 to 99, for argparse."""
    if not text.isdigit() or not 1 <= int(text) <= 99:
        raise argparse.ArgumentTypeError(f"'{text}' is no whole number from 1 to 99")
    return int(text)


def four_arms(parts: Parts, options: argparse.Namespace) -> int:
    """Asks the test questions of the settings on each arm and prints the verdict. The same once more goes on where it
    ended, and asks only what is missing or has changed."""
    plan = _plan(parts, options, f"{now():%Y-%m-%d %H:%M:%S} {' '.join(options.arms)}"[:LONGEST_NAME])
    study = _same(parts, plan) or parts.studies.add(plan)
    return _run(parts, study)


def list_studies(parts: Parts, options: argparse.Namespace) -> int:
    """All studies, the newest first."""
    views = parts.studies.views()
    for view in views:
        done, total = sum(view.answered.values()), view.questions * len(view.study.plan.arms)
        print(
            f"{view.study.id[:8]}  {view.study.created_at:%Y-%m-%d %H:%M}  {view.study.status:<11} "
            f"{done:>6,}/{total:<6,} answers {view.ratings.done:>5,}/{view.ratings.planned:<5,} ratings  "
            f"{view.study.plan.name}"
        )
    if not views:
        print("There is no study yet; make one with `study new NAME`, or run the four arms with `study`.")
    return 0


def new_study(parts: Parts, options: argparse.Namespace) -> int:
    """Fixes a study: its questions, its arms, what decides, and which pairs are rated."""
    plan = _plan(parts, options, options.name)
    planned = parts.studies.planning(plan)
    study = parts.studies.add(plan)
    print(f"The study '{study.plan.name}' is fixed: {len(study.questions)} questions on {len(study.arms)} arms.")
    if planned.detectable_score is not None:
        print(
            f"On {plan.measure} it finds differences from {100 * planned.detectable_score:.1f} points on (with a power "
            f"of 80%); one of {100 * plan.margin:g} takes about {planned.questions_needed:,} questions."
        )
    if planned.detectable_rating is not None:
        print(
            f"Its {plan.ratings:,} ratings find differences from {100 * planned.detectable_rating:.1f} points of the "
            f"win rate on; one of {100 * plan.margin:g} takes about {planned.ratings_needed:,} ratings."
        )
    _print_notes(study)
    return 0


def run_study(parts: Parts, options: argparse.Namespace) -> int:
    """Asks what is missing; Ctrl+C stops it and keeps what is answered."""
    return _run(parts, _find(parts, options.name).study)


def stop_study(parts: Parts, options: argparse.Namespace) -> int:
    """Ends a study that another program runs; what is answered stays."""
    parts.studies.stop(_find(parts, options.name).study.id)
    return 0


def show_study(parts: Parts, options: argparse.Namespace) -> int:
    """What a study is made of and how it stands."""
    view = _find(parts, options.name)
    study, plan = view.study, view.study.plan
    print(f"{plan.name} ({study.id})\n{study.status}: {study.message or 'nothing is asked yet'}")
    print(f"{view.questions} questions of {plan.questions}")
    for arm in plan.arms:
        made = study.arms[arm.name]
        print(f"  {arm.name:<20} {view.answered[arm.name]:>6,} answers  {arm_text(made)}")
    print(
        f"{plan.decides[0]} against {plan.decides[1]} decides, by {plan.measure}; margin {100 * plan.margin:g} points"
    )
    print(f"{view.ratings.done:,} of {view.ratings.planned:,} ratings. {view.ratings.enough}".rstrip())
    if study.status == "answered":
        parts.studies.print_report(study.id)
    else:
        _print_notes(study)
    return 0


def note_study(parts: Parts, options: argparse.Namespace) -> int:
    """Adds a note that stands on the verdict page, such as who rated."""
    parts.store.studies.note(_find(parts, options.name).study.id, options.text)
    return 0


def judge_study(parts: Parts, options: argparse.Namespace) -> int:
    """An LLM judges the deciding pairs in both orders; the page shows its agreement with people. Ctrl+C ends it, and
    the same command goes on from there."""
    from study.grading.judge import Judge
    from study.judging import judge_study

    key = os.environ.get(options.key_env, "") if options.key_env else ""
    if options.key_env and not key:
        raise StudyError(f"The environment variable {options.key_env} is not set; it should hold the judge's key.")
    study = _find(parts, options.name).study
    judge = Judge(options.url, options.judge, key)
    line = ProgressLine()
    labels = judge_study(parts.store.studies, study.id, judge, max(1, options.at_once), _told_by(line))
    line.end()
    print(f"{labels:,} pairs are judged; `study report` shows what follows.")
    return 0


def report_study(parts: Parts, options: argparse.Namespace) -> int:
    """Writes the verdict as one page of HTML."""
    study, out = _find(parts, options.name).study, Path(options.out)
    with tempfile.TemporaryDirectory() as folder:
        page = parts.studies.export(study.id, "html", Path(folder)).read_bytes()
    try:
        out.write_bytes(page)
    except OSError as error:
        raise StudyError(f"The report cannot be written to {out}: {error.strerror}; choose another file.") from error
    print(f"The report is written to {out}.")
    return 0


def export_study(parts: Parts, options: argparse.Namespace) -> int:
    """Writes the page, the data, or the preference pairs."""
    study = _find(parts, options.name).study
    print(f"Written to {parts.studies.export(study.id, options.kind, Path(options.out))}.")
    return 0


def remove_study(parts: Parts, options: argparse.Namespace) -> int:
    """Forgets a study with its answers and ratings."""
    study = _find(parts, options.name).study
    parts.studies.remove(study.id)
    print(f"The study '{study.plan.name}' is removed.")
    return 0


def _add_plan_arguments(parser: argparse.ArgumentParser, arms: Sequence[ArmName]) -> None:
    parser.add_argument(
        "--arms",
        nargs="+",
        metavar="ARM",
        default=list(arms),
        required=not arms,
        help="each [NAME=]CELL[:TEMPLATE[:ADAPTER[:MODEL]]], where CELL is bare, prompt, lora or lora+prompt and what "
        "is left out comes from the settings" + (" (default: all four)" if arms else ""),
    )
    parser.add_argument(
        "--margin",
        type=points,
        default=5,
        help="the smallest difference that matters, in points of 100 (default: 5)",
    )
    parser.add_argument("--leaks", choices=("refuse", "keep"), default="refuse", help="arms that saw test questions")
    add_limit(parser)


def add_limit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--limit", type=int, default=0, help="only this many questions, spread evenly; 0: all")


def _add_name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME|ID", help="the study's name, or the first 6 or more characters of its id")


def _plan(parts: Parts, options: argparse.Namespace, name: str) -> StudyPlan:
    """The plan that the flags describe. Raises StudyError, QuestionsError."""
    settings = parts.settings
    given: dict[str, Any] = vars(options)
    split = given.get("questions_from_split")
    if not split and not settings.questions:
        raise StudyError("There are no test questions: give them with --questions FILE, or set `questions`.")
    questions = f"{FROM_SPLIT}{split}" if split else str(settings.path("questions"))
    arms = tuple(read_arm(text, settings.template, settings.adapter) for text in options.arms)
    names = [arm.name for arm in arms]
    if not (decides := given.get("decides")):
        if len(names) > 2 and "decides" in given:
            raise StudyError(f"Say which comparison decides with --decides: two of {', '.join(names)}.")
        both = ["lora+prompt", "prompt"]
        decides = both if set(both) <= set(names) else names[:2]
    return StudyPlan(
        name=name,
        questions=questions,
        arms=arms,
        decides=tuple(decides),
        measure=given.get("measure") or parts.studies.look(questions).measures[0],
        margin=options.margin / 100,
        limit=options.limit,
        leaks=options.leaks,
        prices=read_prices(given.get("prices", [])),
        **{what: given[what] for what in ("ratings", "pairs", "twice", "repeats", "seed") if what in given},
    )


def _same(parts: Parts, plan: StudyPlan) -> Study | None:
    """The newest study of this very plan, questions and arms, whatever its name."""
    from study.local_studies import chosen_questions

    for view in parts.studies.views():
        study = view.study
        same = replace(study.plan, name=plan.name) == plan and list(study.questions) == chosen_questions(plan)
        if same and not parts.studies.changes(study.id):
            return study
    return None


def _find(parts: Parts, wanted: str) -> StudyView:
    """Raises StudyError."""
    from study.local_studies import find_study

    return parts.studies.view(find_study(parts.store.studies, wanted).id)


def _run(parts: Parts, study: Study) -> int:
    line = ProgressLine()
    parts.studies.run(study.id, _told_by(line))
    line.end()
    study = parts.studies.view(study.id).study
    if study.status != "answered":
        print(study.message, file=sys.stderr)
        return 1
    print(study.message)
    parts.studies.print_report(study.id)
    return 0


def _told_by(line: ProgressLine) -> Callable[[int, int, str], None]:
    """Shows every answer; in a log every twentieth."""
    return lambda done, total, sentence: line.show(sentence, stage=(done // 20, done == total))


def _print_notes(study: Study) -> None:
    for note in study.notes:
        print(f"! {note}")
