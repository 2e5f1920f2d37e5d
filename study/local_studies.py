"""Implements core.studies.Studies: plans studies, runs them on this machine, and tells how they stand."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import StudyError
from core.protocols import Backend, Retriever
from core.settings import ROOT
from core.splits import FROM_SPLIT, Splits
from core.studies import (
    ExportKind,
    Planning,
    QuestionsLook,
    Rating,
    RatingQueue,
    Study,
    StudyAnswer,
    StudyPlan,
    StudyStore,
    StudyView,
    TestQuestion,
)
from core.training import Adapters, Training
from core.types import new_id
from study.check_plan import check_numbers, check_plan, check_questions
from study.find_by_name import find_by_name
from study.guards import changes, check_different, check_leaks, identities, leaks
from study.planning import planning
from study.questions import look, read_questions, spread
from study.rating_plan import draw_ratings
from study.running import Progress, StudyRunner
from study.text_scores import Embed

if TYPE_CHECKING:
    from study.report.tools import ReportTools

BEAT_S = 0.2  # how often `run` looks whether the caller wants to end it


class LocalStudies:
    """`folder` keeps what tells processes of each other's runs; `at_once` answers are under way at a time. Customers'
    questions come from `splits`."""

    def __init__(
        self,
        store: StudyStore,
        queue: RatingQueue,
        backend: Backend,
        retriever: Retriever,
        training: Training,
        adapters: Adapters,
        embed: Embed,
        folder: Path,
        at_once: int = 1,
        splits: Splits | None = None,
    ) -> None:
        self.store = store
        self.queue = queue
        self.backend = backend
        self.retriever = retriever
        self.training = training
        self.adapters = adapters
        self.embed = embed
        self.splits = splits
        self.runner = StudyRunner(store, backend, folder, at_once)

    def look(self, questions: str) -> QuestionsLook:
        return look(self._read(questions))

    def planning(self, plan: StudyPlan) -> Planning:
        check_numbers(plan)
        return planning(plan, look(self._chosen(plan)))

    def add(self, plan: StudyPlan) -> Study:
        check_plan(plan)
        if any(study.plan.name == plan.name for study in self.store.studies()):
            raise StudyError(f"There is a study '{plan.name}' already; choose another name, or remove that one first.")
        questions = self._chosen(plan)
        check_questions(plan, questions, look(questions))
        self._check_index(plan)
        arms = identities(self.backend, plan.arms, questions)
        check_different(arms)
        found = leaks(plan.arms, questions, self.training, self.adapters, self.retriever)
        check_leaks(plan, found)
        study = Study(new_id(), plan, tuple(questions), arms, tuple(found))
        self.store.add(study, draw_ratings(plan, study.id, [question.id for question in questions]))
        return study

    def start(self, study_id: str) -> None:
        self._begin(study_id)

    def run(self, study_id: str, progress: Progress | None = None) -> None:
        """`progress` is called on another thread. Ctrl+C ends the run like `stop`, and is raised again."""
        ended = self._begin(study_id, progress)
        try:
            while not ended.wait(BEAT_S):
                pass
        except KeyboardInterrupt:
            self.stop(study_id)
            ended.wait()
            raise

    def stop(self, study_id: str) -> None:
        """Within a second or so, also when another process runs it; nothing happens when nobody does."""
        self.runner.stop(self.store.study(study_id).id)

    def remove(self, study_id: str) -> None:
        study = self.store.study(study_id)
        if self.runner.runs(study_id):
            raise StudyError(f"The study '{study.plan.name}' is running; stop it first.")
        self.store.remove(study_id)
        self.runner.forget(study_id)

    def views(self) -> list[StudyView]:
        return [self._view(study) for study in self.store.studies()]

    def view(self, study_id: str) -> StudyView:
        return self._view(self.store.study(study_id))

    def changes(self, study_id: str) -> str:
        study = self.store.study(study_id)
        now = identities(self.backend, study.plan.arms, study.questions)
        told = {name: changes(study.arms[name], arm) for name, arm in now.items()}
        return "; ".join(f"{name}: {change}" for name, change in told.items() if change)

    def report_html(self, study_id: str) -> str:
        from study.report.page import report_html

        return str(report_html(*self._results(study_id), self._report_tools(study_id)))

    def print_report(self, study_id: str) -> None:
        from study.analysis.findings import findings
        from study.report.terminal import print_findings

        print_findings(findings(*self._results(study_id), self._report_tools(study_id)))

    def export(self, study_id: str, kind: ExportKind, folder: Path) -> Path:
        from study.report.export import export

        try:
            return Path(export(kind, *self._results(study_id), self._report_tools(study_id), folder))
        except OSError as error:
            raise StudyError(f"The study cannot be written to {folder}: {error.strerror}; choose another.") from error

    def uses(self, adapter: str) -> str:
        return study_with(self.store, adapter)

    def _chosen(self, plan: StudyPlan) -> list[TestQuestion]:
        return spread(self._read(plan.questions), plan.limit)

    def _read(self, questions: str) -> Sequence[TestQuestion]:
        """Of a split, or of a file. Raises SplitError, QuestionsError."""
        if self.splits and questions.startswith(FROM_SPLIT):
            return self.splits.questions(questions.removeprefix(FROM_SPLIT))
        return _read(questions)

    def _results(self, study_id: str) -> tuple[Study, list[StudyAnswer], list[Rating]]:
        return self.store.study(study_id), self.store.answers(study_id), self.store.ratings(study_id)

    def _report_tools(self, study_id: str) -> ReportTools:
        from study.report.tools import ReportTools

        return ReportTools(self.embed, self.adapters.card, self._with_customers(self.store.study(study_id).plan))

    def _with_customers(self, plan: StudyPlan) -> str:
        """What the split found from which the study has its questions, '' for one from a file."""
        if self.splits is None or not plan.questions.startswith(FROM_SPLIT):
            return ""
        name = plan.questions.removeprefix(FROM_SPLIT)
        return f"With customers, in the split '{name}': {self.splits.sentence(name)}"

    def _begin(self, study_id: str, progress: Progress | None = None) -> threading.Event:
        study = self.store.study(study_id)
        self._check_index(study.plan)
        return self.runner.start(study, progress)

    def _check_index(self, plan: StudyPlan) -> None:
        """Raises StudyError while passages come and go: an arm's identity would change under its hands."""
        if any(arm.spec.uses_retrieval for arm in plan.arms) and self.retriever.state != "ready":
            raise StudyError(
                f"The documents are being indexed at this moment ({self.retriever.state}); wait for the end of it."
            )

    def _view(self, study: Study) -> StudyView:
        if study.status == "running" and not self.runner.runs(study.id):
            study = self.store.study(study.id)  # it may have ended between the two looks
            if study.status == "running":
                message = "The program that ran it ended in the middle; run it again, and it goes on."
                study = dataclasses.replace(study, status="interrupted", message=message)
        counts = self.store.answer_counts(study.id)
        return StudyView(
            study=study,
            answered={arm.name: counts.get(arm.name, 0) for arm in study.plan.arms},
            questions=len(study.questions),
            ratings=self.queue.progress(study.id),
            seconds_left=self.runner.seconds_left(study.id),
        )


def chosen_questions(plan: StudyPlan) -> list[TestQuestion]:
    """The questions of a plan, as its file has them now. Raises QuestionsError."""
    return spread(_read(plan.questions), plan.limit)


def find_study(store: StudyStore, wanted: str) -> Study:
    """The one study by this name, or whose identifier begins so. Raises StudyError."""
    return find_by_name(wanted, store.studies(), "study", "studies", StudyError)


def study_with(store: StudyStore, adapter: str) -> str:
    """The name of a study that has an arm with this adapter, '' when there is none."""
    specs = ((study.plan.name, arm.spec) for study in store.studies() for arm in study.plan.arms)
    return next((name for name, spec in specs if spec.uses_adapter and spec.adapter == adapter), "")


def _read(questions: str) -> list[TestQuestion]:
    """Relative paths are taken from the project's folder, as in the settings."""
    return read_questions(ROOT / Path(questions).expanduser())
