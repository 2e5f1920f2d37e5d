"""The learning curve of a study: how many training rounds an adapter needs to overtake the study's prompt arm."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from core.errors import StudyError
from core.studies import Measure, Study, StudyArm
from core.training import DataChoices, Plan, Run
from core.types import Answer, ArmName, ArmSpec
from study.experiments.answers import Answers, arm_of, equal_arm
from study.experiments.choices import FEWEST, CurveChoices
from study.experiments.curve_training import CurveTraining
from study.experiments.parts import ExperimentParts, Tell
from study.experiments.plain import plain
from study.experiments.scoring import measures_for, remembering, scored, scores_of
from study.experiments.sentences import curve_sentences
from study.experiments.settings import begun, made_of
from study.experiments.time_left import TimeLeft
from study.statistics.clusters import clustered_mean
from study.statistics.crossover import learning_curve
from study.text_scores import Embed

WITHOUT_ADAPTER: Mapping[ArmName, ArmName] = {"lora": "bare", "lora+prompt": "prompt"}


def run_learning_curve(
    parts: ExperimentParts, study_id: str, choices: CurveChoices, tell: Tell, stopped: Callable[[], bool]
) -> dict[str, Any]:
    """What was found, which the study keeps too. What an earlier attempt answered or trained is not done again.

    Raises StudyError, UnknownStudy, Stopped, and what training and asking raise.
    """
    curve = _Curve(parts, study_id, choices, tell, stopped)
    for seed in choices.seeds:
        for rows in curve.sizes:
            curve.answer(rows, seed)
    return curve.finish()


class _Curve:
    def __init__(
        self,
        parts: ExperimentParts,
        study_id: str,
        choices: CurveChoices,
        tell: Tell,
        stopped: Callable[[], bool],
    ) -> None:
        self.parts = parts
        self.choices = choices
        self.study = parts.store.study(study_id)
        self.questions = scored(self.study)
        self.answers = Answers(parts, self.study, stopped)
        self.against = arm_of(self.study, "prompt", choices.against)
        self.base_answers = self.answers.of_study(self.against, self.questions)
        self.specs = {arm: _spec(self.study, arm, self.against) for arm in _checked(choices).arms}
        self.template = next(iter(self.specs.values())).template
        plan = Plan(
            adapter="",
            files=choices.files,
            columns=choices.columns,
            choices=DataChoices(leaks="keep" if self.study.plan.leaks == "keep" else "refuse"),
            template=self.template,
            samples=False,
        )
        tell(0, 1, "looking at the training data")
        report = parts.training.report(plan)
        self.training = CurveTraining(parts, plan, report, stopped)
        self.sizes = _sizes(choices.sizes, report.train)
        self.content = self._begin()
        self.time = TimeLeft(self.training, self.answers, self._todo(), len(choices.arms) * len(self.questions), tell)

    def answer(self, rows: int, seed: int) -> None:
        """Trains one adapter and asks it, as far as that is not done; without rows, asks the base model."""
        missing = [arm for arm in self.choices.arms if self._missing(arm, rows, seed)]
        name = f"curve-{rows}-rows-seed-{seed}-{self.study.id[:8]}"
        if not missing:
            if not self.choices.keep_adapters:
                self.training.clear(name)
            return
        if rows:
            with self.time.training(rows, seed) as say:
                run = self.training.train(name, rows, seed, say)
            self._keep(_training_row(run, rows, seed, self._seen(name)))
        for arm in missing:
            spec = replace(self.specs[arm], adapter=name) if rows else _base(self.specs[arm])
            answering = StudyArm(_name(arm, rows, seed), spec)
            self.answers.ask(answering, self.questions, self.time.answering(answering.name))
        self.time.step()
        if rows and not self.choices.keep_adapters:
            self.training.clear(name)

    def finish(self) -> dict[str, Any]:
        """Keeps the findings by the study's measure and, where that is facts, by similarity beside it: arms that state
        hardly a fact may still learn to answer."""
        embed = remembering(self.parts.embed)
        own, *others = (self._findings(measure, embed) for measure in measures_for(self.study, self.questions))
        self.content |= own | {"also": others, "done": True}
        self._store()
        return self.content

    def _findings(self, measure: Measure, embed: Embed) -> dict[str, Any]:
        """A curve for each arm."""
        import numpy as np

        def scores(answers: Mapping[str, Answer]) -> np.ndarray:
            return scores_of(self.questions, answers, measure, embed)

        other, articles = scores(self.base_answers), [question.cluster for question in self.questions]
        found: dict[str, Any] = {
            "measure": measure,
            "questions": len(self.questions),
            "seeds": list(self.choices.seeds),
            "against": {"name": self.against.name} | plain(clustered_mean(other, articles)),
            "arms": {},
        }
        for arm in self.choices.arms:
            seeds = [[scores(self._answers(arm, rows, seed)) for rows in self.sizes] for seed in self.choices.seeds]
            found["arms"][arm] = plain(learning_curve(self.sizes, np.array(seeds), other, articles))
            found["arms"][arm]["sentences"] = curve_sentences(found, arm, self.study.plan.margin)
        return found

    def _begin(self) -> dict[str, Any]:
        """What is kept of an earlier attempt. Raises StudyError when it was made of something else."""
        report = self.training.report
        settings = {
            "files": self.choices.files,
            "columns": self.choices.columns and asdict(self.choices.columns),
            "rounds": report.train,
            "validation_rounds": report.validation,
            "data_hash": report.data_hash,
            "arms": {arm: made_of(self.parts.backend, _base(spec), self.study) for arm, spec in self.specs.items()},
        }
        content = begun(self.study, "learning_curve", settings)
        return content | {"recipes": self._recipes(), "trainings": content.get("trainings", [])}

    def _recipes(self) -> list[dict[str, Any]]:
        return [{"rows": rows} | asdict(self.training.recipe(rows)) for rows in self.sizes if rows]

    def _todo(self) -> list[int]:
        """The sizes that are still to be trained or asked, one a seed."""
        return [
            rows
            for seed in self.choices.seeds
            for rows in self.sizes
            if any(self._missing(arm, rows, seed) for arm in self.choices.arms)
        ]

    def _missing(self, arm: ArmName, rows: int, seed: int) -> bool:
        return not self._of_study(arm, rows) and bool(self.answers.missing(_name(arm, rows, seed), self.questions))

    def _of_study(self, arm: ArmName, rows: int) -> StudyArm | None:
        """The study's own arm that answers as this one does without any training."""
        found = None if rows else equal_arm(self.study, _base(self.specs[arm]))
        return found if found and not self.answers.missing(found.name, self.questions) else None

    def _seen(self, adapter: str) -> int:
        """Raises StudyError when an adapter has seen questions of the study, and the study does not allow that."""
        seen = self.parts.training.seen(adapter, [question.question for question in self.study.questions])
        if seen and self.study.plan.leaks == "refuse":
            raise StudyError(
                f"{seen} questions of the study '{self.study.plan.name}' nearly repeat rounds that the curve trains "
                "on, so that it would measure memory; take them out of the transcripts."
            )
        return seen

    def _keep(self, training: dict[str, Any]) -> None:
        same = (training["rows"], training["seed"])
        others = [row for row in self.content["trainings"] if (row["rows"], row["seed"]) != same]
        self.content["trainings"] = [*others, training]
        self._store()

    def _store(self) -> None:
        self.parts.store.keep_experiment(self.study.id, "learning_curve", self.content)

    def _answers(self, arm: ArmName, rows: int, seed: int) -> Mapping[str, Answer]:
        own = self._of_study(arm, rows) or StudyArm(_name(arm, rows, seed), self.specs[arm])
        return self.answers.of_study(own, self.questions)


def _name(arm: ArmName, rows: int, seed: int) -> str:
    """Without rows nothing is trained, and a seed changes nothing."""
    return f"{arm}, {rows} rows, seed {seed}" if rows else f"{arm}, 0 rows"


def _base(spec: ArmSpec) -> ArmSpec:
    """The arm without its adapter."""
    return ArmSpec(WITHOUT_ADAPTER[spec.name], spec.template, None, spec.model)


def _spec(study: Study, name: ArmName, against: StudyArm) -> ArmSpec:
    """As the study has this arm; else with the template and model of the arm that it is compared with."""
    own = next((arm.spec for arm in study.plan.arms if arm.spec.name == name), against.spec)
    return ArmSpec(name, own.template, None, own.model)


def _checked(choices: CurveChoices) -> CurveChoices:
    """Raises StudyError for choices that make no curve."""
    if len(set(choices.seeds)) != len(choices.seeds) or not choices.seeds or min(choices.seeds) < 0:
        raise StudyError(f"A learning curve takes different seeds from 0 up, at least one; found {choices.seeds}.")
    bad = [size for size in choices.sizes if size < 0 or 0 < size < FEWEST]
    if bad:
        raise StudyError(f"An adapter cannot be trained on {bad[0]} rounds; sizes are 0 or from {FEWEST} up.")
    if not choices.arms or any(arm not in WITHOUT_ADAPTER for arm in choices.arms):
        raise StudyError(f"A learning curve is of lora or lora+prompt; found {', '.join(choices.arms) or 'neither'}.")
    return choices


def _sizes(wanted: Sequence[int], rounds: int) -> tuple[int, ...]:
    """Those that there are rounds for, rising, and all of them. Raises StudyError when that is one size alone."""
    sizes = (*sorted({size for size in wanted if size < rounds}), rounds)
    if len(sizes) < 2:
        raise StudyError(f"A learning curve takes two sizes; there are {rounds} rounds to train on, so ask for fewer.")
    return sizes


def _training_row(run: Run, rows: int, seed: int, seen: int) -> dict[str, Any]:
    told = ("steps", "best_step", "best_validation_loss", "data_hash")
    return plain(
        {"rows": rows, "seed": seed, "seconds": run.seconds, "seen": seen} | {k: run.result.get(k) for k in told}
    )
