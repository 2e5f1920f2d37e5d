"""Studies that run nothing: implements core.studies' `Studies` and `RatingQueue` with plausible data."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from core.errors import AlreadyVoted, QuestionsError, StudyError, UnknownStudy, VoteError
from core.studies import (
    Planning,
    QuestionsLook,
    RatingProgress,
    RatingTask,
    Study,
    StudyArm,
    StudyPlan,
    StudyView,
)
from core.types import ARM_NAMES, Arm, ArmSpec, Decoding, Turn

LOOK = QuestionsLook(185, 160, 160, {"returns": 60, "battery": 125}, ("facts", "similarity", "ratings"))
ARMS = tuple(StudyArm(name, ArmSpec(name, "friendly", "velomoor" if "lora" in name else None)) for name in ARM_NAMES)
PLAN = StudyPlan("spring", "knowledge/questions", ARMS, ("lora+prompt", "prompt"), ratings=60)
MADE = {
    arm.name: Arm(arm.spec.name, "embedded", "d7edf038", "friendly", 3, "10b393fd", Decoding(), arm.spec.adapter)
    for arm in ARMS
}
STUDY = Study("study-1", PLAN, (), MADE, notes=("The adapter has seen <b>two</b> test questions.",))


def view_of(study: Study = STUDY, done: int = 0, answered: int = 40, **more: Any) -> StudyView:
    """A study of 185 questions, `answered` by each arm, with `done` votes."""
    ratings = RatingProgress(study.plan.ratings, done, 2 if done else 0, 0, "About 40 more ratings would tell.")
    return StudyView(study, dict.fromkeys(study.arms, answered), 185, ratings, **more)


@dataclass
class FakeStudies:
    """Studies are what they are set to; `added` holds the plans, `asked` what was asked of studies."""

    all: list[StudyView] = field(default_factory=list)
    problem: str = ""
    report: str = "<h2>Use lora+prompt</h2>"
    found: Planning = field(default_factory=lambda: Planning(0.1, 740, 0.18, 1500))
    added: list[StudyPlan] = field(default_factory=list)
    planned: list[StudyPlan] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def look(self, questions: str) -> QuestionsLook:
        if "missing" in questions:
            raise QuestionsError("No test questions found at missing.csv.")
        return LOOK

    def planning(self, plan: StudyPlan) -> Planning:
        self._fail()
        self.planned.append(plan)
        return self.found

    def add(self, plan: StudyPlan) -> Study:
        self._fail()
        self.added.append(plan)
        study = Study(f"study-{len(self.all) + 1}", plan, (), {})
        self.all.insert(0, view_of(study))
        return study

    def start(self, study_id: str) -> None:
        self._set(study_id, "start", "running")

    def run(self, study_id: str, progress: Any = None) -> None:
        self.start(study_id)

    def stop(self, study_id: str) -> None:
        self._set(study_id, "stop", "stopped")

    def remove(self, study_id: str) -> None:
        self._fail()
        self.all.remove(self.view(study_id))

    def views(self) -> list[StudyView]:
        return list(self.all)

    def view(self, study_id: str) -> StudyView:
        found = next((view for view in self.all if view.study.id == study_id), None)
        if found is None:
            raise UnknownStudy(f"There is no study '{study_id}'.")
        return found

    def report_html(self, study_id: str) -> str:
        self._fail()
        return self.report

    def export(self, study_id: str, kind: str, folder: Path) -> Path:
        self._fail()
        file = folder / f"study.{kind}"
        file.write_text("exported")
        return file

    def uses(self, adapter: str) -> str:
        return ""

    def _set(self, study_id: str, asked: str, status: Any) -> None:
        self._fail()
        self.asked.append((asked, study_id))
        view = self.view(study_id)
        self.all[self.all.index(view)] = replace(view, study=replace(view.study, status=status))

    def _fail(self) -> None:
        if self.problem:
            raise StudyError(self.problem)


@dataclass
class FakeRatings:
    """A queue of `size` pairs for one rater; `votes` holds what was voted, by pair."""

    size: int = 3
    problem: str = ""
    at: int = 0
    votes: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)

    def next(self, study_id: str, rater: str) -> RatingTask | None:
        if study_id != STUDY.id:
            raise UnknownStudy(f"There is no study '{study_id}'.")
        return self._task() if self.at < self.size else None

    def vote(self, rating_id: str, study_id: str, rater: str, choice: str, *opinions: Any) -> None:
        self._fail()
        if rating_id in self.votes:
            raise AlreadyVoted("This pair has its vote.")
        self.votes[rating_id] = (rater, choice, *opinions)
        self.at += 1

    def skip(self, rating_id: str, rater: str) -> None:
        self._fail()
        self.skipped.append(rating_id)
        self.at += 1

    def undo(self, study_id: str, rater: str) -> RatingTask:
        self._fail()
        self.at -= 1
        del self.votes[f"pair-{self.at}"]
        return self._task()

    def progress(self, study_id: str, rater: str = "") -> RatingProgress:
        return RatingProgress(60, 50, 2, len(self.votes), "About 40 more ratings would tell.")

    def _task(self) -> RatingTask:
        history = (Turn("user", "Hello?"), Turn("assistant", "How can I help?"))
        question = f"Question <i>{self.at}</i>?"
        said = (f"Left answer {self.at} <img src=x>", f"Right answer {self.at}\nin two lines")
        return RatingTask(f"pair-{self.at}", self.at + 1, question, history, *said, can_undo=bool(self.votes))

    def _fail(self) -> None:
        if self.problem:
            raise VoteError(self.problem)
