"""One run on disk: what it is to do, what was measured, whether it is alive. Written by its process, read by anyone."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from core.errors import TrainingError
from core.training import Columns, DataChoices, Plan, Recipe, Run, RunStatus
from core.types import new_id

PLAN, SETUP, STATE, LOG, SAMPLES = "plan.json", "setup.json", "state.json", "log.jsonl", "samples.jsonl"
RISES = 2  # evaluations in a row above the best before it counts as a turn


class RunFolder:
    """A run's folder. `plan` is what was asked for; `setup` what the process must know of its surroundings."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def create(
        cls, parent: Path, plan: Plan, setup: Mapping[str, Any], files: Mapping[str, list[dict[str, Any]]]
    ) -> RunFolder:
        """A new run, named by the moment and what it makes. It is listed once its process has begun. Raises OSError."""
        unfinished = cls(parent / f".{new_id()}")
        unfinished.folder.mkdir(parents=True)
        try:
            unfinished.write(PLAN, dataclasses.asdict(plan))
            unfinished.write(SETUP, dict(setup))
            for name, rows in files.items():
                unfinished.write_rows(name, rows)
            name = f"{datetime.now(UTC):%Y%m%d-%H%M%S-%f}-{plan.adapter or plan.kind.replace('_', '-')}"
            return cls(unfinished.folder.rename(parent / name))
        except OSError:
            shutil.rmtree(unfinished.folder, ignore_errors=True)
            raise

    @property
    def id(self) -> str:
        return self.folder.name

    @property
    def plan(self) -> Plan:
        read = self.read(PLAN)
        columns = Columns(**read.pop("columns")) if read.get("columns") else None
        read |= {
            "columns": columns,
            "choices": DataChoices(**read["choices"]),
            "recipe": Recipe(**read["recipe"]),
            "files": tuple(read["files"]),
        }
        return Plan(**read)

    @property
    def setup(self) -> dict[str, Any]:
        return self.read(SETUP)

    @property
    def checkpoints(self) -> Path:
        return self.folder / "checkpoints"

    def read(self, name: str) -> dict[str, Any]:
        """A JSON object of the folder. Raises TrainingError."""
        try:
            return dict(json.loads((self.folder / name).read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            raise TrainingError(f"The run '{self.id}' cannot be read ({self.folder / name}: {error}).") from error

    def write(self, name: str, content: Mapping[str, Any]) -> None:
        """Replaces a JSON file as a whole: a reader sees the old one or the new one."""
        unfinished = self.folder / f".{name}"
        unfinished.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        unfinished.replace(self.folder / name)

    def write_rows(self, name: str, rows: list[dict[str, Any]]) -> None:
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (self.folder / name).write_text(text, encoding="utf-8")

    def rows(self, name: str) -> list[dict[str, Any]]:
        """The rows of a JSON lines file, [] when there is none. A last line that was cut off is left out."""
        file = self.folder / name
        rows = []
        for line in file.read_text(encoding="utf-8").splitlines() if file.exists() else []:
            try:
                rows.append(json.loads(line))
            except ValueError:
                break
        return rows

    def append(self, name: str, row: Mapping[str, Any]) -> None:
        with (self.folder / name).open("a", encoding="utf-8") as file:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")

    def forget_after(self, step: int) -> None:
        """Drops what was measured after a step: a run that resumes there measures it again."""
        for name in (LOG, SAMPLES):
            self.write_rows(name, [row for row in self.rows(name) if row.get("step", 0) <= step])

    def say(self, status: RunStatus, message: str, **more: Any) -> None:
        """Records where the run is; fields that are not named keep their values."""
        known = self.read(STATE) if (self.folder / STATE).exists() else {"started_at": _now()}
        self.write(STATE, known | {"status": status, "message": message} | more)

    def ask_to_stop(self) -> None:
        (self.folder / "stop").touch()

    def asked_to_stop(self) -> bool:
        return (self.folder / "stop").exists()

    @contextmanager
    def working(self) -> Iterator[None]:
        """Held by the process that works on the run, so that everyone else can see whether it lives.

        Raises TrainingError when another process works on it.
        """
        lock = FileLock(self.folder / "lock", timeout=0)
        try:
            lock.acquire()
        except Timeout as error:
            raise TrainingError(f"The run '{self.id}' is being worked on by another process.") from error
        try:
            (self.folder / "stop").unlink(missing_ok=True)
            yield
        finally:
            lock.release()

    def alive(self) -> bool:
        """Whether a process works on the run now."""
        lock = FileLock(self.folder / "lock", timeout=0)
        try:
            lock.acquire()
        except Timeout:
            return True
        lock.release()
        return False

    def remove(self) -> None:
        shutil.rmtree(self.folder)

    def view(self, whole: bool = True) -> Run:
        """The run as it stands; `whole` reads its log and samples too."""
        state = self.read(STATE)
        status = state.pop("status")
        if status == "running" and not self.alive():
            status, state["message"] = "interrupted", "Its process ended in the middle; resume it."
        log = tuple(self.rows(LOG)) if whole else ()
        samples = {int(row["step"]): dict(row["answers"]) for row in self.rows(SAMPLES)} if whole else {}
        known = {entry.name for entry in dataclasses.fields(Run)}
        state = {name: value for name, value in state.items() if name in known}
        plan = self.plan
        turned = turn(log) if plan.kind == "train" else None  # a sweep's losses are of many trainings
        return Run(self.id, plan, status, log=log, samples=samples, turned_up=turned, **state)


def turn(log: tuple[Mapping[str, Any], ...]) -> int | None:
    """The step of the lowest validation loss, if at least RISES evaluations followed and all were higher."""
    measured = [(row["eval_loss"], row["step"]) for row in log if "eval_loss" in row]
    if not measured:
        return None
    best = min(range(len(measured)), key=lambda at: measured[at][0])
    return measured[best][1] if len(measured) - 1 - best >= RISES else None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def last_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that was written to its end: the trainer writes its state last."""
    for path in sorted(folder.glob("checkpoint-*"), key=step_of, reverse=True):
        try:
            json.loads((path / "trainer_state.json").read_text(encoding="utf-8"))
            return path
        except (OSError, ValueError):
            shutil.rmtree(path, ignore_errors=True)
    return None


def step_of(checkpoint: Path) -> int:
    return int(checkpoint.name.split("-")[1])
