"""Implements core.training.Training: prepares the data here, trains in a process of its own, keeps every run."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from backends.engine.model import LocalModel
from core.errors import TrainingError
from core.protocols import Store
from core.settings import ROOT
from core.training import DataReport, FileLook, Plan, Progress, Recipe, Round, Run
from finetune.check_plan import check_plan
from finetune.defaults import default_recipe
from finetune.examples import Examples
from finetune.preferences import judgements, preferences, rated_exchanges
from finetune.run_folder import STATE, RunFolder, all_runs

LEAST_FREE = 500 << 20  # bytes of disk before a run begins
STARTING_S = 60
MODULE = "finetune.worker"


class LocalTraining:
    """`runs` is the folder that keeps the runs, one folder each."""

    def __init__(self, runs: Path, model: LocalModel, examples: Examples, store: Store) -> None:
        self.folder = runs
        self.model = model
        self.examples = examples
        self.store = store
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def look(self, file: Path) -> FileLook:
        from finetune.data.reading import look

        return look(file)

    def report(self, plan: Plan, progress: Progress | None = None) -> DataReport:
        check_plan(plan)
        if plan.adapter:
            self._check_name(plan)
        return self.examples.report(plan, progress)

    def rounds(self, plan: Plan, apart: Sequence[str]) -> list[Round]:
        check_plan(plan)
        return self.examples.rounds(plan, apart)

    def defaults(self, rows: int) -> tuple[Recipe, str]:
        config = json.loads((self.model.folder / "config.json").read_text(encoding="utf-8"))
        hidden = config.get("hidden_size") or config.get("text_config", {}).get("hidden_size") or 2000
        return default_recipe(rows, hidden)

    def rated_pairs(self) -> tuple[int, str]:
        exchanges = rated_exchanges(self.store)
        pairs, single = preferences(exchanges), judgements(exchanges)
        good = sum(one.chosen is not None for one in single)
        return len(pairs), (
            f"{len(pairs)} pairs with a better answer (DPO); {good} desirable and {len(single) - good} undesirable "
            "answers (KTO). Ties are left out; of 'both bad', KTO takes both answers as undesirable, DPO none; thumbs "
            "count for KTO alone."
        )

    def seen(self, adapter: str, questions: Sequence[str]) -> int:
        return self.examples.seen(adapter, questions)

    def start(self, plan: Plan, progress: Progress | None = None) -> str:
        self._check_room(plan)
        with self._one_at_a_time():
            run = RunFolder(self.prepare(plan, progress))
            self._spawn(run)
            return run.id

    def prepare(self, plan: Plan, progress: Progress | None = None) -> Path:
        self._check_room(plan)
        setup, files = self.examples.make(plan, progress)
        try:
            return RunFolder.create(self.folder, plan, setup, files).folder
        except OSError as error:
            raise TrainingError(f"The run cannot be written to {self.folder}: {error.strerror}.") from error

    def stop(self, run_id: str) -> None:
        run = self._run(run_id)
        if not run.alive():
            raise TrainingError(f"The run '{run_id}' is not running; there is nothing to stop.")
        run.ask_to_stop()

    def resume(self, run_id: str) -> None:
        run = self._run(run_id)
        status = run.view(whole=False).status
        if status == "running":
            raise TrainingError(f"The run '{run_id}' is running already.")
        if status == "done" or (status == "stopped" and run.plan.kind == "train"):
            raise TrainingError(
                f"The run '{run_id}' is {status} and its adapter saved; start a new run that continues the adapter."
            )
        saved = bool(run.plan.adapter and run.saved_card(self.model.adapter_folder.folder))
        self._check_room(run.plan, named=not saved)
        with self._one_at_a_time():
            self._spawn(run)

    def remove(self, run_id: str) -> None:
        run = self._run(run_id)
        if run.alive():
            raise TrainingError(f"The run '{run_id}' is running; stop it first.")
        try:
            run.remove()
        except OSError as error:
            raise TrainingError(f"The run '{run_id}' cannot be removed: {error.strerror}.") from error

    def runs(self) -> list[Run]:
        return all_runs(self.folder)

    def run(self, run_id: str) -> Run:
        return self._run(run_id).view()

    def _run(self, run_id: str) -> RunFolder:
        run = RunFolder(self.folder / run_id)
        if "/" in run_id or run_id.startswith(".") or not (run.folder / STATE).exists():
            raise TrainingError(f"There is no run '{run_id}' in {self.folder}.")
        return run

    def _spawn(self, run: RunFolder) -> None:
        """Starts the run's process and returns once it has begun. Raises TrainingError when it does not."""
        (run.folder / "stop").unlink(missing_ok=True)
        said_before = _last_said(run)
        with (run.folder / "output.txt").open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", MODULE, str(run.folder.resolve())],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl+C at the app must not cut a training off in the middle
            )
        self._processes[run.id] = process  # kept, so that it is waited for when it ends
        deadline = time.monotonic() + STARTING_S
        while _last_said(run) == said_before and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        if process.poll() is not None and _last_said(run) == said_before:
            said = (run.folder / "output.txt").read_text(encoding="utf-8", errors="replace").strip()
            raise TrainingError(f"The training process did not start: {said.splitlines()[-1] if said else 'no output'}")

    @contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        """While a run is prepared or started. Raises TrainingError when another one is, or one is under way."""
        lock = FileLock(self.folder / ".starting", timeout=0)
        try:
            lock.acquire()
        except Timeout as error:
            raise TrainingError("Another run is being prepared at this moment; wait until it trains.") from error
        try:
            for run in self.runs():
                if run.status == "running":
                    raise TrainingError(
                        f"The run '{run.id}' is under way; wait for its end or stop it, then try again."
                    )
            yield
        finally:
            lock.release()

    def _check_room(self, plan: Plan, named: bool = True) -> None:
        """Whether the plan's numbers make sense, and the disk and, if `named`, the adapter's name are free."""
        check_plan(plan)
        if named:
            self._check_name(plan)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(self.folder).free
        except OSError as error:
            raise TrainingError(f"The folder {self.folder} cannot be used: {error.strerror}.") from error
        if free < LEAST_FREE:
            raise TrainingError(
                f"Only {free >> 20} MB are free on the disk of {self.folder}, and a run may need {LEAST_FREE >> 20}; "
                "make room first."
            )

    def _check_name(self, plan: Plan) -> None:
        if plan.kind == "train":
            self.model.adapter_folder.check_new_name(plan.adapter)


def _last_said(run: RunFolder) -> int | None:
    """When a process of the run last said where it is, None before the first time."""
    state = run.folder / STATE
    return state.stat().st_mtime_ns if state.exists() else None
