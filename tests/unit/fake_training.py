"""Fine-tuning that trains nothing: implements core.training's `Training` and `Adapters` with plausible data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from core.errors import AdapterError, TrainingError, UnknownAdapter
from core.training import (
    Columns,
    Contradiction,
    DataReport,
    FileLook,
    Leak,
    Plan,
    Progress,
    Recipe,
    Round,
    Run,
)

REPORT = DataReport(
    rows=504,
    train=431,
    validation=48,
    data_hash="c9d1db20135c",
    left_out={"exact duplicates": 4, "near duplicates": 19, "leaks": 2},
    left_out_topics={"returns": 14, "battery": 11},
    tokens=81_234,
    lengths=(140, 320, 611),
    truncated=3,
    exact_duplicates=4,
    near_duplicates=19,
    boilerplate={"Thanks for hailing the Crew!": 498},
    languages={"English": 470, "Dutch": 34},
    topics={f"topic-{number}": 60 - 5 * number for number in range(10)},
    evenness=0.91,
    personal_data={"e-mail": 12, "phone": 3},
    contradictions=(
        Contradiction(
            Round("How long may I <b>return</b> it?", "Within 30 days.", row=12),
            Round("How long can I return it?", "Within 14 days.", row=77),
            "The first says 30, the second 14.",
        ),
    ),
    contradictions_in_all=1,
    leaks=(Leak(Round("What does E-417 mean?", "Reseat the battery.", row=5), "What does E-417 mean??", 0.93),),
    leaks_in_all=2,
    warnings=("34 rounds are Dutch, but the help centre is English.",),
)
CARD: dict[str, Any] = {
    "name": "velomoor",
    "made_at": "2026-11-22T16:35:22+00:00",
    "model": "embedded",
    "model_hash": "d7edf038d614",
    "template": "friendly",
    "template_hash": "10b393fd2482",
    "conversation_rounds": 504,
    "rows": 633,
    "data_hash": "c9d1db20135c",
    "recipe": {"epochs": 10.0, "learning_rate": 0.002, "rank": 32, "batch_size": 8},
    "final_loss": 1.284,
    "validation_loss": [3.57, 3.27, 3.15, 2.92, 2.93],
}


def log(steps: int, turn: int) -> tuple[dict[str, Any], ...]:
    """Losses that fall until `turn`."""
    rows: list[dict[str, Any]] = []
    for step in range(10, steps + 1, 10):
        loss = 1.2 + 2.4 * math.exp(-step / 150) + 0.08 * math.sin(step)
        row = {"step": step, "epoch": step / 60, "loss": loss, "learning_rate": 2e-3 * (1 - step / 900)}
        rows.append(row | {"grad_norm": 0.8 + 0.3 * math.cos(step / 7), "tokens_per_s": 2310.0})
        if step % 60 == 0:
            rows.append({"step": step, "epoch": step / 60, "eval_loss": loss + 0.2 + max(0, step - turn) / 900})
    return tuple(rows)


@dataclass
class FakeTraining:
    """Runs are what they are set to; `started` holds the plans, `asked` what was asked of runs."""

    all: list[Run] = field(default_factory=list)
    problem: str = ""
    started: list[Plan] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def look(self, file: Path) -> FileLook:
        self._fail()
        sample = ({"q": "Is <b>it</b> open?", "a": "Yes."},)
        return FileLook(file, 504, ("q", "a"), Columns(question="q", answer="a"), sample)

    def report(self, plan: Plan, progress: Progress | None = None) -> DataReport:
        self._fail()
        return REPORT

    def rounds(self, plan: Plan, apart: Sequence[str]) -> list[Round]:
        self._fail()
        return [Round(f"May I return item {number}?", f"Yes, item {number}.") for number in range(20)]

    def defaults(self, rows: int) -> tuple[Recipe, str]:
        return Recipe(learning_rate=7e-4, dropout=0.1), f"For {rows} rounds."

    def rated_pairs(self) -> tuple[int, str]:
        return 12, "12 pairs; ties are left out."

    def start(self, plan: Plan, progress: Progress | None = None) -> str:
        self._fail()
        self.started.append(plan)
        run = Run(f"run-{len(self.started)}", plan, "running", "Training.", "2026-11-22T16:35:22+00:00")
        self.all.insert(0, run)
        return run.id

    def prepare(self, plan: Plan, progress: Progress | None = None) -> Path:
        return Path("run")

    def stop(self, run_id: str) -> None:
        self._set(run_id, "stop", "stopped")

    def resume(self, run_id: str) -> None:
        self._set(run_id, "resume", "running")

    def remove(self, run_id: str) -> None:
        self._fail()
        self.all.remove(self.run(run_id))

    def runs(self) -> list[Run]:
        return [replace(run, log=(), samples={}) for run in self.all]

    def run(self, run_id: str) -> Run:
        found = next((run for run in self.all if run.id == run_id), None)
        if found is None:
            raise TrainingError(f"There is no run '{run_id}'.")
        return found

    def _set(self, run_id: str, asked: str, status: Any) -> None:
        self._fail()
        self.asked.append((asked, run_id))
        self.all = [replace(run, status=status) if run.id == run_id else run for run in self.all]

    def _fail(self) -> None:
        if self.problem:
            raise TrainingError(self.problem)


@dataclass
class FakeAdapters:
    """Cards by name."""

    cards: dict[str, dict[str, Any]] = field(default_factory=lambda: {"velomoor": dict(CARD)})

    def names(self) -> list[str]:
        return sorted(self.cards)

    def card(self, name: str) -> dict[str, Any]:
        self._known(name)
        return self.cards[name]

    def rename(self, name: str, new_name: str) -> None:
        self._known(name)
        if new_name in self.cards:
            raise AdapterError(f"There is an adapter '{new_name}' already.")
        self.cards[new_name] = self.cards.pop(name)

    def delete(self, name: str) -> None:
        self._known(name)
        del self.cards[name]

    def export(self, name: str, folder: Path) -> Path:
        self._known(name)
        file = folder / f"{name}.zip"
        file.write_bytes(b"PK")
        return file

    def import_(self, source: Path, name: str) -> str:
        if name in self.cards:
            raise AdapterError(f"There is an adapter '{name}' already.")
        self.cards[name] = {}
        return name

    def _known(self, name: str) -> None:
        if name not in self.cards:
            raise UnknownAdapter(f"There is no adapter '{name}'.")
