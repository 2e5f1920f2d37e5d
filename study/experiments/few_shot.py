"""The few-shot curve of a study: what example rounds in its prompt add to an arm that retrieves passages."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from core.errors import PromptTooLong, StudyError
from core.protocols import Backend
from core.studies import Measure, Study, StudyArm, TestQuestion
from core.training import DataChoices, Plan, Round
from core.types import Answer
from study.asking import as_asked
from study.experiments.answers import Answers, arm_of
from study.experiments.choices import FewShotChoices
from study.experiments.few_shot_templates import FewShotTemplates
from study.experiments.parts import ExperimentParts, Tell
from study.experiments.plain import plain
from study.experiments.scoring import measures_for, remembering, scored, scores_of
from study.experiments.sentences import few_shot_sentences
from study.experiments.settings import begun, made_of
from study.experiments.time_left import duration
from study.statistics.clusters import clustered_mean
from study.statistics.crossover import learning_curve
from study.text_scores import Embed


def run_few_shot(
    parts: ExperimentParts, study_id: str, choices: FewShotChoices, tell: Tell, stopped: Callable[[], bool]
) -> dict[str, Any]:
    """What was found, which the study keeps too. What an earlier attempt answered is not asked again.

    A number of examples that the model's context does not hold beside the longest question is left out. Where it holds
    the examples but not all passages as well, the prompt goes without the last of them, which is counted.
    Raises StudyError, UnknownStudy, Stopped, and what asking raises.
    """
    study = parts.store.study(study_id)
    _check(choices)
    questions = scored(study)
    answers = Answers(parts, study, stopped)
    base = arm_of(study, "prompt", choices.arm)
    without = answers.of_study(base, questions)
    tell(0, 1, "drawing the examples")
    draws = _draws(parts, study, choices)
    settings = {
        "files": choices.files,
        "columns": choices.columns and asdict(choices.columns),
        "arms": {base.name: made_of(parts.backend, base.spec, study)},
        "examples": {str(seed): [example.question for example in drawn] for seed, drawn in draws.items()},
    }
    content = begun(study, "few_shot", settings)

    def backend(seed: int, count: int) -> Backend:
        templates = FewShotTemplates(parts.templates, base.spec.template, draws[seed][:count], parts.company)
        return parts.backend_with(templates, None)

    counts, too_many = _fitting(choices, questions, base, backend)
    tasks = [(seed, count) for seed in choices.seeds for count in counts if count]
    found: dict[tuple[int, int], Mapping[str, Answer]] = {(seed, 0): without for seed in choices.seeds}
    for place, (seed, count) in enumerate(tasks):
        arm = StudyArm(f"{base.name}, {count} examples, seed {seed}", base.spec)

        def say(done: int, total: int, place: int = place, name: str = arm.name) -> None:
            left = (total - done + (len(tasks) - place - 1) * total) * answers.seconds_each()
            tell(place, len(tasks), f"'{name}': {done} of {total} answers; {duration(left)} left")

        found[seed, count] = answers.ask(arm, questions, say, backend(seed, count))
    cells = [[found[seed, count] for count in counts] for seed in choices.seeds]
    embed = remembering(parts.embed)
    own, *others = (
        _findings(embed, study, questions, measure, base.name, counts, cells, too_many)
        for measure in measures_for(study, questions)
    )
    content |= own | {"seeds": list(choices.seeds), "also": others, "done": True}
    parts.store.keep_experiment(study.id, "few_shot", content)
    return content


def _findings(
    embed: Embed,
    study: Study,
    questions: Sequence[TestQuestion],
    measure: Measure,
    name: str,
    counts: Sequence[int],
    cells: Sequence[Sequence[Mapping[str, Answer]]],
    too_many: Sequence[int],
) -> dict[str, Any]:
    """`cells` [seeds, counts] hold the answers by question."""
    import numpy as np

    cube = np.array([[scores_of(questions, answers, measure, embed) for answers in row] for row in cells])
    other, articles = cube[0, 0], [question.cluster for question in questions]
    curve = learning_curve(counts, cube, other, articles)
    every = list(zip(*cells, strict=True))
    found: dict[str, Any] = {
        "measure": measure,
        "questions": len(questions),
        "against": {"name": name} | plain(clustered_mean(other, articles)),
        "curve": plain({"sizes": curve.sizes, "scores": curve.scores, "ahead": curve.ahead, "slope": curve.slope}),
        "prompt_tokens": [
            round(sum(one.prompt_tokens for answers in several for one in answers.values()) / _size(several))
            for several in every
        ],
        "lost_passages": [sum(_lost(answers, cells[0][0]) for answers in several) for several in every],
        "prompts": [_size(several) for several in every],
        "too_many": list(too_many),
    }
    return found | {"sentences": few_shot_sentences(found, study.plan.margin)}


def _size(several: Sequence[Mapping[str, Answer]]) -> int:
    return sum(map(len, several))


def _lost(answers: Mapping[str, Answer], without: Mapping[str, Answer]) -> int:
    """How many prompts hold fewer passages than the same without examples."""
    return sum(
        len(answer.passages) < len(without[name].passages) for name, answer in answers.items() if name in without
    )


def _draws(parts: ExperimentParts, study: Study, choices: FewShotChoices) -> dict[int, list[Round]]:
    """For each seed as many rounds as the largest count. Raises StudyError when there are not so many.

    Rounds that begin a conversation are drawn alone, as others cannot be understood without it.
    """
    most = max(choices.counts)
    plan = Plan("", files=choices.files, columns=choices.columns, choices=DataChoices(leaks="remove"))
    rounds = parts.training.rounds(plan, [question.question for question in study.questions])
    first = [one for one in rounds if not one.history]
    if len(first) < most:
        raise StudyError(
            f"{most} examples were asked for, but only {len(first)} of {len(rounds):,} rounds begin a conversation and "
            "repeat no test question; ask for fewer, or give more transcripts."
        )
    return {seed: random.Random(seed).sample(first, len(first))[:most] for seed in choices.seeds}


def _fitting(
    choices: FewShotChoices,
    questions: Sequence[TestQuestion],
    base: StudyArm,
    backend: Callable[[int, int], Backend],
) -> tuple[list[int], list[int]]:
    """The counts whose examples leave room for the longest question, whatever the seed; and the others."""
    longest = as_asked(max(questions, key=lambda question: len(question.question)))
    counts = sorted({0, *choices.counts})
    for place, count in enumerate(counts):
        for seed in choices.seeds:
            try:
                backend(seed, count).draft(longest, base.spec).pieces.close()
            except PromptTooLong as error:
                if place < 2:
                    raise StudyError(f"Not even {count} examples fit into a prompt: {error}") from error
                return counts[:place], counts[place:]
    return counts, []


def _check(choices: FewShotChoices) -> None:
    """Raises StudyError for choices that make no curve."""
    if len(set(choices.seeds)) != len(choices.seeds) or not choices.seeds or min(choices.seeds) < 0:
        raise StudyError(f"A few-shot curve takes different seeds from 0 up, at least one; found {choices.seeds}.")
    if not choices.counts or min(choices.counts) < 0 or max(choices.counts) < 1:
        raise StudyError(f"A few-shot curve takes numbers of examples, one above 0 at least; found {choices.counts}.")
