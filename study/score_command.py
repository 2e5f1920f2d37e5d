"""Scores in the terminal: what `launch.py score` asks for and prints."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from core.parts import Parts
from core.types import ARM_NAMES, ArmSpec
from study.command import add_limit


def add_score_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", help="the adapter that the lora arms use")
    parser.add_argument("--test", required=True, metavar="FILE", help="a .csv or .jsonl of questions and answers")
    parser.add_argument("--arms", nargs="+", choices=ARM_NAMES, default=["bare", "lora"])
    add_limit(parser)
    parser.add_argument("--out", metavar="FILE", help="where answers go (default: score.jsonl in the data folder)")


def run_score(parts: Parts, options: argparse.Namespace) -> int:
    """Compares each arm's answers with reference answers and notes the figures on the adapter's card."""
    from study.guards import learnt
    from study.questions import read_questions
    from study.score import print_scores, score_arms

    parts.adapters.card(options.name)  # an unknown adapter is told before anything is asked
    settings, test = parts.settings, Path(options.test)
    out = Path(options.out) if options.out else settings.path("data") / "score.jsonl"
    specs = [ArmSpec(name, settings.template, options.name) for name in options.arms]
    scores = score_arms(parts.desk.backend, test, specs, parts.embed, out, options.limit, settings.slots)
    print_scores(scores)
    questions = [one.question for one in read_questions(test)]
    seen, warning = learnt(options.name, questions, parts.training, parts.adapters)
    if warning:
        print(f"! {warning}")
    parts.adapters.annotate(options.name, "scores", asdict(scores) | {"seen_in_training": seen})
    return 0
