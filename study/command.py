"""The study in the terminal: what `launch.py study` and `score` ask for and print."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from core.parts import Parts
from core.settings import ROOT
from core.studies import Study, StudyAnswer, StudyArm, StudyPlan
from core.types import ARM_NAMES, Arm, ArmName, ArmSpec

if TYPE_CHECKING:
    from study.asking import Said
    from study.text_scores import Embed


def add_study_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--margin",
        type=points,
        default=5,
        help="the smallest difference that matters, in points of 100 (default: 5)",
    )
    _add_asking_arguments(parser, ARM_NAMES, "study")


def add_score_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", help="the adapter that the lora arms use")
    parser.add_argument("--test", required=True, metavar="FILE", help="a .csv or .jsonl of questions and answers")
    _add_asking_arguments(parser, ("bare", "lora"), "score")


def _add_asking_arguments(parser: argparse.ArgumentParser, arms: Sequence[ArmName], name: str) -> None:
    parser.add_argument("--arms", nargs="+", choices=ARM_NAMES, default=list(arms))
    parser.add_argument("--limit", type=int, default=0, help="only this many questions, spread evenly; 0: all")
    out = str(ROOT / f"data/{name}.jsonl")
    parser.add_argument("--out", default=out, metavar="FILE", help="where answers go")


def points(text: str) -> int:
    """A whole number from 1 to 99, for argparse."""
    if not text.isdigit() or not 1 <= int(text) <= 99:
        raise argparse.ArgumentTypeError(f"'{text}' is no whole number from 1 to 99")
    return int(text)


def run_study(parts: Parts, options: argparse.Namespace) -> int:
    """Asks the test questions of the settings on each arm, grades the answers and prints the verdict."""
    from study.analysis.findings import findings
    from study.report.terminal import print_findings
    from study.report.tools import ReportTools
    from study.run import answer_all

    settings = parts.settings
    specs = [ArmSpec(name, settings.template, settings.adapter) for name in options.arms]
    questions, out = settings.path("questions"), Path(options.out)
    said = answer_all(parts.desk.backend, questions, specs, out, options.limit, settings.slots)
    study, answers = _as_study(questions, specs, said, options.margin / 100)
    print_findings(findings(study, answers, (), ReportTools(card=parts.adapters.card)))
    if any(spec.uses_adapter for spec in specs):
        _warn_of_leaks(parts, settings.adapter, [one.question for one in study.questions])
    return 0


def _as_study(
    path: Path, specs: Sequence[ArmSpec], said: Sequence[Said], margin: float
) -> tuple[Study, list[StudyAnswer]]:
    """The answers as those of a study whose last two arms decide."""
    from study.questions import read_questions

    asked = {one.question.id for one in said}
    arms = tuple(StudyArm(spec.name, spec) for spec in specs)
    names = [arm.name for arm in arms]
    plan = StudyPlan("study", str(path), arms, (names[-1], names[-2] if len(names) > 1 else names[-1]), margin=margin)
    made: dict[str, Arm] = {one.arm: one.answer.arm for one in said if one.answer.arm}
    chosen = tuple(question for question in read_questions(path) if question.id in asked)
    study = Study("study", plan, chosen, made, status="answered")
    return study, [StudyAnswer(study.id, one.arm, one.answer) for one in said]


def run_score(parts: Parts, options: argparse.Namespace, embed: Embed) -> int:
    """Compares each arm's answers with reference answers and notes the figures on the adapter's card."""
    from study.references import read_references
    from study.score import print_scores, score_arms

    parts.adapters.card(options.name)  # an unknown adapter is told before anything is asked
    settings, test = parts.settings, Path(options.test)
    specs = [ArmSpec(name, settings.template, options.name) for name in options.arms]
    scores = score_arms(parts.desk.backend, test, specs, embed, Path(options.out), options.limit, settings.slots)
    print_scores(scores)
    seen = _warn_of_leaks(parts, options.name, [one.question for one in read_references(test)])
    parts.adapters.annotate(options.name, "scores", asdict(scores) | {"seen_in_training": seen})
    return 0


def _warn_of_leaks(parts: Parts, adapter: str, questions: Sequence[str]) -> int:
    """Says so when an adapter has seen test questions; returns how many of these."""
    seen = parts.training.seen(adapter, questions)
    kept = parts.adapters.card(adapter).get("leaks_kept") or 0
    if seen or kept:
        print(
            f"! The adapter '{adapter}' was trained on rounds that nearly repeat test questions ({seen} of these "
            f"{len(questions)}; {kept} kept when it was trained): what it is given here is partly memory."
        )
    return seen
