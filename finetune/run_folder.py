"""One run on disk: what it is to do, what was measured, whether it is alive. Written by its process, read by anyone."""

from __future__ import annotations

import dataclasses
import json
import logging
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock, Timeout

from core.errors import TrainingError
from core.json_lines import read_json_lines
from core.locking import is_held
from core.training import Columns, DataChoices, Plan, Recipe, Run, RunStatus
from core.types import new_id

log = logging.getLogger(__name__)

PLAN, SETUP, STATE, LOG, SAMPLES = "plan.json", "setup.json", "state.json", "log.jsonl", "samples.jsonl"
WAIT_S = 5  # for the lock of a run: whoever looks whether it lives may hold it for a moment
RISES = 2  # evaluations in a row above the best before it counts as a turn

T = TypeVar("T")


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
        """As it was planned; one of another version without the fields that this one does not know."""
        read = self.read(PLAN)
        read |= {
            "columns": _known(Columns, read["columns"]) if read.get("columns") else None,
            "choices": _known(DataChoices, read.get("choices", {})),
            "recipe": _known(Recipe, read.get("recipe", {})),
            "files": tuple(read.get("files", ())),
        }
        return _known(Plan, read)

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
        except (OSError, ValueError, TypeError) as error:
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
        """The rows of a JSON lines file, [] when there is none. A last line that was cut off is left out.

        Raises TrainingError for any other line that cannot be read.
        """
        try:
            return list(read_json_lines(self.folder / name))
        except (OSError, ValueError) as error:
            raise TrainingError(f"The run '{self.id}' cannot be read ({self.folder / name}: {error}).") from error

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

    def saved_card(self, adapters: Path) -> dict[str, Any]:
        """The card of the adapter that this run has saved, also when its process ended before it could say so; {} when
        it has not."""
        file = adapters / self.plan.adapter / "card.json"
        try:
            card = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return card if isinstance(card, dict) and card.get("run") == self.id else {}

    def ask_to_stop(self) -> None:
        (self.folder / "stop").touch()

    def asked_to_stop(self) -> bool:
        return (self.folder / "stop").exists()

    @contextmanager
    def working(self) -> Iterator[None]:
        """Held by the process that works on the run, so that everyone else can see whether it lives.

        Raises TrainingError when another process works on it.
        """
        lock = FileLock(self.folder / "lock", timeout=WAIT_S)
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
        """Whether a process works on the run now. Any number of readers may ask at once."""
        return is_held(self.folder / "lock")

    def remove(self) -> None:
        """Gone at once and as a whole, whatever happens to the files. Raises OSError."""
        hidden = self.folder.rename(self.folder.with_name(f".{new_id()}"))
        shutil.rmtree(hidden, ignore_errors=True)

    def view(self, whole: bool = True) -> Run:
        """The run as it stands; `whole` reads its log and samples too. Raises TrainingError."""
        try:
            return self._view(whole)
        except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise TrainingError(
                f"The run '{self.id}' cannot be read ({type(error).__name__}: {error}); delete {self.folder}."
            ) from error

    def _view(self, whole: bool) -> Run:
        state = self.read(STATE)
        if state["status"] == "running" and not self.alive():
            state = self.read(STATE)  # it may have ended between the two looks
            if state["status"] == "running":
                state |= {"status": "interrupted", "message": "Its process ended in the middle; resume it."}
        log = tuple(self.rows(LOG)) if whole else ()
        samples = {int(row["step"]): dict(row["answers"]) for row in self.rows(SAMPLES)} if whole else {}
        plan = self.plan
        turned = turn(log) if plan.kind == "train" else None  # a sweep's losses are of many trainings
        found = {"id": self.id, "plan": plan, "log": log, "samples": samples, "turned_up": turned}
        return _known(Run, state | found)


def all_runs(folder: Path) -> list[Run]:
    """The runs of a folder without logs and samples, newest first. One that cannot be read is logged and left out."""
    views = []
    for state in folder.glob(f"*/{STATE}"):
        if state.parent.name.startswith("."):
            continue  # half written or half removed
        try:
            views.append(RunFolder(state.parent).view(whole=False))
        except TrainingError as error:
            log.warning("%s", error)
    return sorted(views, key=lambda run: str(run.started_at), reverse=True)


def continued_by(folder: Path, adapter: str) -> str:
    """The unfinished run that continues an adapter, '' when there is none."""
    unfinished = (run for run in all_runs(folder) if run.status in ("running", "interrupted"))
    return next((run.id for run in unfinished if run.plan.parent == adapter), "")


def turn(log: tuple[Mapping[str, Any], ...]) -> int | None:
    """The step of the lowest validation loss, if at least RISES evaluations followed and all were higher."""
    measured = [(row["eval_loss"], row["step"]) for row in log if "eval_loss" in row]
    if not measured:
        return None
    best = min(range(len(measured)), key=lambda at: measured[at][0])
    return measured[best][1] if len(measured) - 1 - best >= RISES else None


def _known(kind: type[T], read: Mapping[str, Any]) -> T:
    """A record of what was read, without the fields that it does not have."""
    names = {entry.name for entry in dataclasses.fields(kind)}  # type: ignore[arg-type]
    return kind(**{name: value for name, value in read.items() if name in names})


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
