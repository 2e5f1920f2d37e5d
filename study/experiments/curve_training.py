"""The adapters of a learning curve: each is trained once, and gone when its answers are kept."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import replace

from core.errors import StudyError, TrainingError
from core.training import DataReport, Plan, Recipe, Run
from study.experiments.parts import ExperimentParts, Stopped

LOOK_S = 0.5  # between two looks at a run


class CurveTraining:
    """Trains on the first `rows` of a random order of the rounds that `plan` reads; the validation rounds stay.

    The recipe is what `Training.defaults` gives for that many rows, and the seed is that of the order as well.
    """

    def __init__(self, parts: ExperimentParts, plan: Plan, report: DataReport, stopped: Callable[[], bool]) -> None:
        self.parts = parts
        self.plan = plan
        self.report = report
        self.stopped = stopped

    def plan_for(self, name: str, rows: int, seed: int) -> Plan:
        choices = replace(self.plan.choices, rows=rows, random_order=seed)
        return replace(self.plan, adapter=name, choices=choices, recipe=self.recipe(rows, seed))

    def recipe(self, rows: int, seed: int = 1) -> Recipe:
        return replace(self.parts.training.defaults(rows)[0], seed=seed)

    def train(self, name: str, rows: int, seed: int, tell: Callable[[str], None]) -> Run:
        """The run whose adapter is there; one that an earlier attempt began is gone on with.

        Raises Stopped, StudyError when it fails, and what starting a run raises.
        """
        training, plan = self.parts.training, self.plan_for(name, rows, seed)
        run = self._begun(plan)
        if run is None:
            self.clear(name)
            run = training.run(training.start(plan, lambda share, doing: tell(doing)))
        elif run.status == "interrupted":
            training.resume(run.id)
        while (run := training.run(run.id)).status == "running":
            if self.stopped():
                self._stop(run)
                raise Stopped
            tell(run.message)
            time.sleep(LOOK_S)
        if run.status != "done":
            raise StudyError(f"The adapter '{name}' of the learning curve was not trained: {run.message}")
        return run

    def clear(self, name: str) -> None:
        """Removes an adapter and its run, as far as they are there."""
        if name in self.parts.adapters.names():
            self.parts.adapters.delete(name)
        for run in self.parts.training.runs():
            if run.plan.adapter == name:
                self.parts.training.remove(run.id)

    def _begun(self, plan: Plan) -> Run | None:
        """A run of exactly this plan that is under way, can be resumed, or has made the adapter."""
        adapters = self.parts.adapters.names()
        for run in self.parts.training.runs():
            if run.plan == plan and (
                run.status in ("running", "interrupted") or (run.status == "done" and plan.adapter in adapters)
            ):
                return run
        return None

    def _stop(self, run: Run) -> None:
        """What is half trained would be taken for trained the next time, so nothing of it stays."""
        with contextlib.suppress(TrainingError):  # it may have ended by itself meanwhile
            self.parts.training.stop(run.id)
        while self.parts.training.run(run.id).status == "running":
            time.sleep(LOOK_S)
        self.clear(run.plan.adapter)
