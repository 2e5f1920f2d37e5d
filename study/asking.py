"""Puts questions to arms, many at once. Who asks keeps the answers: a study in the store, scores in a file."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass

from core.errors import DuodeskError
from core.parallel import together
from core.protocols import Backend
from core.studies import TestQuestion
from core.types import Answer, ArmSpec, Question, new_id

BEAT_S = 0.2  # how often an answer under way gives a sign, so that it can be ended


@dataclass(frozen=True)
class Ask:
    """A question for an arm, which has a name of its own in a study."""

    arm: str
    spec: ArmSpec
    question: Question


def as_asked(question: TestQuestion) -> Question:
    """A test question as a backend takes it."""
    return Question(question.id, "study", question.question, question.history)


def ask_all(
    backend: Backend, todo: Sequence[Ask], at_once: int = 1
) -> Generator[tuple[Ask, Answer] | None, None, None]:
    """Yields each answer as soon as it is complete, and None several times a second while some are under way.

    `at_once` answers are under way at a time. One that failed has outcome 'failed', an error and no text. Closing it
    gives up what is under way, within about BEAT_S and a piece of text.
    """
    left, taking = iter(todo), threading.Lock()

    def worker() -> Generator[tuple[Ask, Answer] | None, None, None]:
        while task := _next(left, taking):
            answer = yield from _answer(backend, task)
            yield task, answer

    workers = [(number, worker()) for number in range(min(at_once, len(todo)))]
    with contextlib.closing(together(workers)) as asked:
        for _, one in asked:
            yield one


def _next(left: Iterator[Ask], taking: threading.Lock) -> Ask | None:
    with taking:
        return next(left, None)


def _answer(backend: Backend, task: Ask) -> Generator[None, None, Answer]:
    """Returns the answer; yields now and then while it is written."""
    started, first, last, text = time.perf_counter(), None, None, ""
    beat = started
    try:
        draft = backend.draft(task.question, task.spec)
        with contextlib.closing(draft.pieces):
            for last in draft.pieces:
                if first is None and last.text:
                    first = time.perf_counter() - started
                text += last.text
                if time.perf_counter() - beat > BEAT_S:
                    beat = time.perf_counter()
                    yield
    except DuodeskError as error:
        return Answer(new_id(), task.question.id, error=str(error))
    return Answer(
        id=new_id(),
        question_id=task.question.id,
        arm=draft.arm,
        text=text.strip(),
        passages=draft.passages,
        prompt=draft.prompt,
        outcome="complete",
        first_token_s=first,
        total_s=time.perf_counter() - started,
        prompt_tokens=last.prompt_tokens if last else 0,
        new_tokens=last.new_tokens if last else 0,
    )
