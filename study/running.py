"""Answers what a study lacks, in a thread; the store has all that was said, so that it can end at any moment."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import threading
import time
from collections.abc import Callable, Generator, Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from core.errors import DuodeskError, StudyError
from core.locking import is_held
from core.protocols import Backend
from core.studies import Study, StudyAnswer, StudyStatus, StudyStore
from core.types import Answer, new_id
from study.asking import Ask, as_asked, ask_all
from study.guards import check_unchanged, identities

log = logging.getLogger(__name__)

WAIT_S = 2  # for the lock of a study: whoever looks whether it runs may hold it for a moment

Progress = Callable[[int, int, str], None]  # answers done, answers in all, a sentence


class StudyRunner:
    """Runs studies, each at most once at a time on this machine: whoever runs one holds its lock in `folder`, and ends
    when a file there asks for it. `at_once` answers are under way at a time."""

    def __init__(self, store: StudyStore, backend: Backend, folder: Path, at_once: int = 1) -> None:
        self.store = store
        self.backend = backend
        self.folder = folder
        self.at_once = at_once
        self._running: dict[str, _Run] = {}

    def start(self, study: Study, progress: Progress | None = None) -> threading.Event:
        """Begins, goes on in a thread, and returns what is set when that has ended. Raises StudyError when it runs or
        an arm has changed, and what the arms raise; then nothing has begun."""
        lock = self._take(study)
        try:
            self._stop_file(study.id).unlink(missing_ok=True)
            known = self._known(study)
            missing = self._missing(study, known)
            run = _Run(self.store, self.backend, study, known, missing, progress)
            self.store.say(study.id, "running")
        except BaseException:
            lock.release()
            raise
        self._running[study.id] = run
        ended = threading.Event()  # a thread's own `join` cannot be trusted after Ctrl+C
        threading.Thread(target=self._work, args=(run, lock, ended), name=f"study {study.id}", daemon=True).start()
        return ended

    def runs(self, study_id: str) -> bool:
        """Whether this or another process runs it now."""
        return is_held(self._lock_file(study_id))

    def stop(self, study_id: str) -> None:
        """Asks whoever runs it to end; what is answered stays."""
        if self.runs(study_id):
            self._stop_file(study_id).touch()

    def forget(self, study_id: str) -> None:
        for file in (self._lock_file(study_id), self._stop_file(study_id)):
            file.unlink(missing_ok=True)

    def seconds_left(self, study_id: str) -> float | None:
        """None before the first answer, and where another process runs it or nobody."""
        run = self._running.get(study_id)
        return run.seconds_left if run else None

    def _work(self, run: _Run, lock: FileLock, ended: threading.Event) -> None:
        study_id = run.study.id
        status: StudyStatus = "failed"
        try:
            status, message = run.answer(self.at_once, self._stop_file(study_id).exists)
        except DuodeskError as error:
            message = str(error)
        except Exception as error:
            log.exception("the study %s ended in a bug", study_id)
            message = f"The study ended unexpectedly ({type(error).__name__}: {error})."
        try:
            self.store.say(study_id, status, message)
        except DuodeskError as error:  # it was removed meanwhile, or the database is gone
            log.warning("the study %s has ended, which cannot be kept: %s", study_id, error)
        finally:
            self._running.pop(study_id, None)
            self._stop_file(study_id).unlink(missing_ok=True)
            lock.release()
            ended.set()

    def _known(self, study: Study) -> list[StudyAnswer]:
        """Answers that the same arms gave to the same words in earlier studies, unless they were drawn at random."""
        done = self.store.answered(study.id)
        known = []
        for name, arm in study.arms.items():
            missing = [question for question in study.questions if (name, question.id) not in done]
            if missing and not arm.decoding.temperature:
                same = self.store.same_answers(arm, missing)
                known += [StudyAnswer(study.id, name, dataclasses.replace(one, id=new_id())) for one in same.values()]
        return known

    def _missing(self, study: Study, known: Sequence[StudyAnswer]) -> list[Ask]:
        """What is still to be asked. Raises StudyError when an arm that has to answer is not what it was."""
        done = self.store.answered(study.id) | {(one.arm, one.answer.question_id) for one in known}
        missing = [
            Ask(arm.name, arm.spec, as_asked(question))
            for question in study.questions
            for arm in study.plan.arms
            if (arm.name, question.id) not in done
        ]
        names = {task.arm for task in missing}
        arms = [arm for arm in study.plan.arms if arm.name in names]
        check_unchanged(study.arms, identities(self.backend, arms, study.questions))
        return missing

    def _take(self, study: Study) -> FileLock:
        """Raises StudyError when somebody else has it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        # It is taken here and given back by the thread that works.
        lock = FileLock(self._lock_file(study.id), timeout=WAIT_S, thread_local=False)
        try:
            lock.acquire()
        except Timeout as error:
            raise StudyError(
                f"The study '{study.plan.name}' is running already; wait for its end or stop it."
            ) from error
        return lock

    def _lock_file(self, study_id: str) -> Path:
        return self.folder / f"{study_id}.lock"

    def _stop_file(self, study_id: str) -> Path:
        return self.folder / f"{study_id}.stop"


class _Run:
    """One run over what a study lacks: answers that are `known` from earlier studies, and those that are `missing`."""

    def __init__(
        self,
        store: StudyStore,
        backend: Backend,
        study: Study,
        known: Sequence[StudyAnswer],
        missing: Sequence[Ask],
        progress: Progress | None,
    ) -> None:
        self.store = store
        self.backend = backend
        self.study = study
        self.known = known
        self.missing = missing
        self.total = len(study.questions) * len(study.plan.arms)
        self.done = self.total - len(missing) - len(known)
        self.seconds_left: float | None = None
        self._started = time.monotonic()
        self._asked = 0
        self._errors: list[str] = []
        self._progress = progress

    def answer(self, at_once: int, stopped: Callable[[], bool]) -> tuple[StudyStatus, str]:
        """Keeps what is known, asks the rest, and says how it ended. Raises StudyError when an arm has changed."""
        with contextlib.closing(self._work(at_once)) as working:
            for _ in working:
                if self.done < self.total and stopped():
                    return "stopped", f"Stopped after {self._sentence}."
        if self._errors:
            return "failed", (
                f"{len(self._errors):,} of {self.total:,} answers are missing; run the study again to ask for them. "
                f"The first error: {self._errors[0]}"
            )
        return "answered", f"All {self.total:,} answers are there{self._taken_over}."

    def _work(self, at_once: int) -> Generator[None, None, None]:
        """Yields several times a second."""
        for known in self.known:
            self._keep(known)
            yield
        self._started = time.monotonic()
        with contextlib.closing(ask_all(self.backend, self.missing, at_once)) as asking:
            for one in asking:
                if one:
                    self._hear(*one)
                yield

    def _hear(self, task: Ask, answer: Answer) -> None:
        self._asked += 1
        self.seconds_left = (time.monotonic() - self._started) / self._asked * (len(self.missing) - self._asked)
        if answer.arm is None:  # it failed
            self._errors.append(answer.error)
        else:
            check_unchanged(self.study.arms, {task.arm: answer.arm})
            self._keep(StudyAnswer(self.study.id, task.arm, answer))

    def _keep(self, answer: StudyAnswer) -> None:
        self.store.add_answer(answer)
        self.done += 1
        if self._progress:
            self._progress(self.done, self.total, self._sentence)

    @property
    def _sentence(self) -> str:
        return f"{self.done:,} of {self.total:,} answers{self._taken_over}"

    @property
    def _taken_over(self) -> str:
        return f" ({len(self.known):,} of them from earlier studies)" if self.known else ""
