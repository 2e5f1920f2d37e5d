"""Implements core.splits.Splits: begins and ends splits, draws arms, and tells what was found."""

from __future__ import annotations

from pathlib import Path

from core.errors import SplitError
from core.protocols import Backend, Retriever, Store
from core.splits import Drawn, Split, SplitCounts, SplitExport, SplitPlan
from core.studies import StudyArm, TestQuestion
from core.types import ArmSpec, Exchange, TranscriptFilter, new_id, now
from study.find_by_name import find_by_name
from study.guards import check_different, identities
from study.splits.check import check_split
from study.splits.findings import SplitFindings, findings
from study.splits.questions import first_questions

ANY = TestQuestion("any", "", None, "", "Hello?", None, (), "")  # an arm is looked at by way of a question


class LocalSplits:
    """Whatever is asked, the store is: an app process keeps nothing of a split."""

    def __init__(self, store: Store, backend: Backend, retriever: Retriever) -> None:
        self.store = store
        self.backend = backend
        self.retriever = retriever

    def start(self, plan: SplitPlan) -> Split:
        check_split(plan)
        if running := self.running():
            raise SplitError(f"The split '{running.plan.name}' is running; end it before you begin another.")
        arms = [StudyArm(arm.name, arm.spec) for arm in plan.arms]
        made = identities(self.backend, arms, [ANY])
        check_different(made)
        split = Split(new_id(), plan, made)
        self.store.splits.add(split)
        return split

    def end(self, split_id: str) -> None:
        self.store.splits.end(split_id, now())

    def all(self) -> list[Split]:
        return self.store.splits.splits()

    def find(self, wanted: str) -> Split:
        return find_by_name(wanted, self.all(), "split", "splits", SplitError)

    def running(self) -> Split | None:
        newest = next(iter(self.all()), None)
        return newest if newest and newest.runs(now()) else None

    def draw(self, visitor: str) -> Drawn | None:
        running = self.running()
        return running.draw(visitor) if running else None

    def usual(self) -> ArmSpec | None:
        newest = next(iter(self.all()), None)
        return newest.plan.arms[0].spec if newest else None

    def counts(self, split_id: str) -> dict[str, SplitCounts]:
        return self.store.splits.counts(split_id)

    def questions(self, wanted: str) -> list[TestQuestion]:
        return first_questions(self._exchanges(self.find(wanted)))

    def sentence(self, wanted: str) -> str:
        return self._findings(self.find(wanted).id).decision.sentence

    def report_html(self, split_id: str) -> str:
        from study.splits.html import split_html

        return split_html(self._findings(split_id))

    def print_report(self, split_id: str) -> None:
        from study.splits.terminal import print_split

        print_split(self._findings(split_id))

    def export(self, split_id: str, kind: SplitExport, folder: Path) -> Path:
        from study.splits.export import export_split

        try:
            return export_split(kind, self._findings(split_id), folder)
        except OSError as error:
            raise SplitError(f"The split cannot be written to {folder}: {error.strerror}; choose another.") from error

    def _findings(self, split_id: str) -> SplitFindings:
        split = self.store.splits.split(split_id)
        return findings(split, self._exchanges(split), now())

    def _exchanges(self, split: Split) -> list[Exchange]:
        """The oldest first."""
        return self.store.search(TranscriptFilter(split=split.id))[::-1]
