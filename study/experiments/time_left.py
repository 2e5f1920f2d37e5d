"""How long a learning curve will take: said before it begins, and mended by what its trainings really take."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from core.training import Recipe, Run
from study.experiments.answers import Answers
from study.experiments.curve_training import CurveTraining
from study.experiments.parts import Tell

# As measured with the embedded model on two cores; a run of this machine says it better.
START_S = 30.0  # to load the libraries and the model, and to measure losses before and after
ROW_S = 0.08  # to train on one row once
VALIDATED = 0.3  # of that, to look at one row in validation


class TimeLeft:
    """`todo` holds the training rounds of the steps to come, 0 for the base model; each has `answers_each` answers."""

    def __init__(
        self, training: CurveTraining, answers: Answers, todo: Sequence[int], answers_each: int, tell: Tell
    ) -> None:
        self._training = training
        self._answers = answers
        self._todo = list(todo)
        self._steps = len(todo)
        self._answers_each = answers_each
        self._tell = tell
        self._expected = self._took = 0.0
        self._row_s = next(filter(None, map(_row_seconds, training.parts.training.runs())), ROW_S)
        trainings = sum(rows > 0 for rows in todo)
        self._say(f"{trainings} trainings and {len(todo) * answers_each:,} answers to go")

    def seconds(self) -> float:
        """At most, for all that is still to be done."""
        slower = self._took / self._expected if self._expected else 1.0
        trainings = sum(self._expect(rows) for rows in self._todo if rows)
        return slower * trainings + len(self._todo) * self._answers_each * self._answers.seconds_each()

    @contextmanager
    def training(self, rows: int, seed: int) -> Iterator[Callable[[str], None]]:
        """While one adapter is trained; what it takes tells how long the others will."""
        began = time.perf_counter()
        yield lambda doing: self._say(f"training on {rows} rounds, seed {seed}: {doing}")
        self._took += time.perf_counter() - began
        self._expected += self._expect(rows)

    def answering(self, name: str) -> Callable[[int, int], None]:
        return lambda done, total: self._say(f"'{name}': {done} of {total} answers")

    def step(self) -> None:
        """One of `todo` is done."""
        self._todo.pop(0)

    def _expect(self, rows: int) -> float:
        recipe = self._training.recipe(rows)
        rendered = 1 + recipe.passages_share
        evaluated = VALIDATED * recipe.evaluations * self._training.report.validation
        return START_S + recipe.epochs * rendered * (rows + evaluated) * self._row_s

    def _say(self, doing: str) -> None:
        self._tell(self._steps - len(self._todo), self._steps, f"{doing}; {duration(self.seconds())} left at most")


def duration(seconds: float) -> str:
    """'about 2 h 05 min', 'about 3 min' or 'less than a minute'."""
    hours, minutes = divmod(round(seconds / 60), 60)
    if hours:
        return f"about {hours} h {minutes:02} min"
    return f"about {minutes} min" if minutes else "less than a minute"


def _row_seconds(run: Run) -> float | None:
    """What one row took in an earlier training."""
    card = run.result
    if run.plan.kind != "train" or run.status != "done" or not card.get("steps") or not run.seconds:
        return None
    recipe: Recipe = run.plan.recipe
    validated = len(card.get("validation_loss") or ()) * (card.get("data") or {}).get("validation", 0)
    rows = card["steps"] * recipe.batch_size + VALIDATED * (1 + recipe.passages_share) * validated
    return run.seconds / rows
