"""Scores arms by how near their answers come to reference answers, and each against the first of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from core.errors import QuestionsError
from core.protocols import Backend
from core.studies import TestQuestion
from core.types import ArmSpec, now
from study.answer_file import ask_into_file
from study.asking import as_asked
from study.questions import read_questions, spread
from study.statistics.clusters import bootstrap_mean
from study.statistics.estimate import Estimate
from study.statistics.paired import bootstrap_difference
from study.text_scores import METRICS, Embed, score_answers


@dataclass(frozen=True)
class Scores:
    """What was scored, when, and how each arm did. `test_hash` stands for the rows that were asked.

    `arms` maps an arm, `differences` a name such as 'lora - bare', to its estimates by metric; `failed` counts the
    answers that ended in an error, which score 0, and `error` is the first of those.
    """

    date: str
    test: str
    test_hash: str
    rows: int
    template: str
    failed: Mapping[str, int]
    error: str
    arms: Mapping[str, Mapping[str, Estimate]]
    differences: Mapping[str, Mapping[str, Estimate]]


def score_arms(
    backend: Backend,
    test: Path,
    specs: Sequence[ArmSpec],
    embed: Embed,
    out: Path,
    limit: int = 0,
    at_once: int = 1,
) -> Scores:
    """Asks the questions of a test file on each arm and scores the answers; `limit` rows, spread evenly, or all.

    Answers are kept in `out`, as study.answer_file does; a nearest answer is looked for among all references of the
    file. Raises QuestionsError, and DuodeskError when an arm cannot answer at all.
    """
    pool = read_questions(test)
    chosen = spread(pool, limit)
    if not all(one.reference for one in pool):
        raise QuestionsError(f"{test} has questions without a reference answer; give each one, or leave them out.")
    said = ask_into_file(backend, [as_asked(one) for one in chosen], specs, out, at_once)
    answers = {spec.name: [said[one.id, spec.name] for one in chosen] for spec in specs}
    rows = {arm: score_answers([one.text for one in given], chosen, embed, pool) for arm, given in answers.items()}
    first, *others = rows
    return Scores(
        date=now().isoformat(timespec="seconds"),
        test=test.name,
        test_hash=_hash(chosen),
        rows=len(chosen),
        template=specs[0].template,
        failed={arm: sum(bool(one.error) for one in given) for arm, given in answers.items()},
        error=next((one.error for one in said.values() if one.error), ""),
        arms={
            arm: {metric: bootstrap_mean(values) for metric, values in scores.items()} for arm, scores in rows.items()
        },
        differences={
            f"{other} - {first}": {
                metric: bootstrap_difference(values, rows[first][metric]) for metric, values in rows[other].items()
            }
            for other in others
        },
    )


def print_scores(scores: Scores) -> None:
    """A table: means with their 95% intervals, for each arm and for each difference to the first arm."""
    print(f"{scores.rows} questions of {scores.test} ({scores.test_hash}), template {scores.template}")
    columns = [metric for metric in METRICS if any(metric in row for row in scores.arms.values())]
    print(f"{'arm':<20}", *(f"{metric:>23}" for metric in columns), f"{'failed':>7}")
    for arm, row in scores.arms.items():
        print(f"{arm:<20}", *(_cell(row[metric], "") for metric in columns), f"{scores.failed[arm]:>7}")
    for pair, row in scores.differences.items():
        print(f"{pair:<20}", *(_cell(row[metric], "+") for metric in columns))
    if scores.error:
        print(f"The first answer that failed: {scores.error}")


def _cell(value: Estimate, sign: str) -> str:
    return f"{value.mean:{sign}.3f} [{value.low:{sign}.3f}, {value.high:{sign}.3f}]".rjust(23)


def _hash(questions: Sequence[TestQuestion]) -> str:
    rows = [asdict(one) for one in questions]
    return hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()[:12]
