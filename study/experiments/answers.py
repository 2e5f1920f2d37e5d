"""The answers of a study's arms and of those that experiments add: what is missing is asked, many at once, and kept."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from core.errors import StudyError
from core.protocols import Backend
from core.studies import Study, StudyAnswer, StudyArm, TestQuestion
from core.types import Answer, ArmName, ArmSpec
from study.asking import Ask, as_asked, ask_all
from study.experiments.parts import ExperimentParts, Stopped

SPEED_FROM = 20  # answers; fewer do not tell how fast more will be
PAUSE_S = 60.0  # between two answers of a study: longer, and it was stopped in between
USUAL_S = 0.1  # an answer, many at once, of the embedded model on two cores


class Answers:
    """Those of one study by arm and question. `stopped` is asked between any two."""

    def __init__(self, parts: ExperimentParts, study: Study, stopped: Callable[[], bool]) -> None:
        self.parts = parts
        self.study = study
        self.stopped = stopped
        self._kept: dict[str, dict[str, Answer]] = {}
        for one in parts.store.answers(study.id):
            self._kept.setdefault(one.arm, {})[one.answer.question_id] = one.answer
        self._asked, self._seconds = 0, 0.0

    def missing(self, arm: str, questions: Sequence[TestQuestion]) -> list[TestQuestion]:
        known = self._kept.get(arm, {})
        return [question for question in questions if question.id not in known]

    def of_study(self, arm: StudyArm, questions: Sequence[TestQuestion]) -> Mapping[str, Answer]:
        """Those of an arm of the study itself. Raises StudyError while some are missing."""
        missing = self.missing(arm.name, questions)
        if missing:
            raise StudyError(
                f"The arm '{arm.name}' of the study '{self.study.plan.name}' has not answered {len(missing)} of "
                f"{len(questions)} questions that the experiment needs; run the study first."
            )
        return self._kept[arm.name]

    def ask(
        self,
        arm: StudyArm,
        questions: Sequence[TestQuestion],
        tell: Callable[[int, int], None],
        backend: Backend | None = None,
    ) -> Mapping[str, Answer]:
        """All answers of an arm by question; `tell` gets how many there are, and how many there will be.

        Raises Stopped; StudyError when some cannot be made, after all others are kept.
        """
        missing = [Ask(arm.name, arm.spec, as_asked(one)) for one in self.missing(arm.name, questions)]
        kept = self._kept.setdefault(arm.name, {})
        there, started = len(questions) - len(missing), time.perf_counter()
        errors: list[str] = []
        with contextlib.closing(ask_all(backend or self.parts.backend, missing, self.parts.at_once)) as asking:
            for one in asking:
                if one and one[1].error:
                    errors.append(one[1].error)
                elif one:
                    self.parts.store.add_answer(StudyAnswer(self.study.id, arm.name, one[1]))
                    kept[one[1].question_id] = one[1]
                    there += 1
                tell(there, len(questions))
                if self.stopped():
                    raise Stopped
        self._asked += len(missing)
        self._seconds += time.perf_counter() - started
        if errors:
            raise StudyError(
                f"{len(errors)} answers of '{arm.name}' failed, the first with: {errors[0]} The others are kept; "
                "start the experiment again to ask for these."
            )
        return kept

    def seconds_each(self) -> float:
        """What one answer takes among many: as measured here, else as the study's own did."""
        if self._asked >= SPEED_FROM:
            return self._seconds / self._asked
        made = sorted(one.created_at for known in self._kept.values() for one in known.values())
        gaps = [(later - one).total_seconds() for one, later in pairwise(made)]
        gaps = [gap for gap in gaps if gap < PAUSE_S]
        return sum(gaps) / len(gaps) if len(gaps) >= SPEED_FROM else USUAL_S


def arm_of(study: Study, kind: ArmName, name: str = "") -> StudyArm:
    """The study's arm of that name, or its first of that kind. Raises StudyError."""
    for arm in study.plan.arms:
        if arm.name == name if name else arm.spec.name == kind:
            return arm
    there = ", ".join(f"'{arm.name}'" for arm in study.plan.arms)
    wanted = f"arm '{name}'" if name else f"arm of the kind '{kind}'"
    raise StudyError(f"The study '{study.plan.name}' has no {wanted} (it has {there}); plan one that has it.")


def equal_arm(study: Study, spec: ArmSpec) -> StudyArm | None:
    """The study's arm that answers exactly as this one, if there is one."""
    return next((arm for arm in study.plan.arms if _plain(arm.spec) == _plain(spec)), None)


def _plain(spec: ArmSpec) -> tuple[str, str, str | None, str]:
    return spec.name, spec.template, spec.adapter if spec.uses_adapter else None, spec.model
