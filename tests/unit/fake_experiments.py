"""Experiments without models: a store in memory, a training that takes no time, arms that know a share of the facts."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from core.studies import Study, StudyAnswer, StudyArm, StudyPlan, TestQuestion
from core.training import DataReport, Plan, Progress, Recipe
from core.types import Answer, Arm, ArmSpec, Decoding, Draft, Passage, Piece, Question, Turn
from study.experiments.parts import ExperimentParts
from tests.unit.fake_training import REPORT, FakeAdapters, FakeTraining

PROMPT = StudyArm("prompt", ArmSpec("prompt", "friendly"))
BARE = StudyArm("bare", ArmSpec("bare", "friendly"))
RECIPE = Recipe(epochs=3)


def question(number: int, **changes: Any) -> TestQuestion:
    """One whose answer is its own number of days."""
    known = TestQuestion(
        id=f"q{number}",
        topic="returns",
        article="returns.md",
        kind="plain",
        question=f"How long does case {number} take?",
        facts=((f"{number} days",),),
        history=(),
        reference=f"It takes {number} days.",
    )
    return replace(known, **changes)


class MemoryStore:
    """As much of core.studies.StudyStore as experiments use."""

    def __init__(self, study: Study) -> None:
        self.kept = study
        self.all: list[StudyAnswer] = []

    def study(self, study_id: str) -> Study:
        assert study_id == self.kept.id
        return self.kept

    def keep_experiment(self, study_id: str, kind: str, content: Mapping[str, Any]) -> None:
        plain = json.loads(json.dumps(content, allow_nan=False))  # nothing else can be stored
        self.kept = replace(self.kept, experiments={**self.kept.experiments, kind: plain})

    def add_answer(self, answer: StudyAnswer) -> None:
        same = (answer.arm, answer.answer.question_id)
        if not any((one.arm, one.answer.question_id) == same for one in self.all):
            self.all.append(answer)

    def answers(self, study_id: str) -> list[StudyAnswer]:
        return list(self.all)

    def named(self) -> dict[str, int]:
        counts: dict[str, int] = {}
        for one in self.all:
            counts[one.arm] = counts.get(one.arm, 0) + 1
        return counts


class QuickTraining(FakeTraining):
    """Trains in no time; an adapter's card says on how many rows."""

    def __init__(self, adapters: FakeAdapters, rounds: int = 60) -> None:
        super().__init__()
        self.adapters = adapters
        self.total = rounds
        self.seen_questions = 0

    def report(self, plan: Plan, progress: Progress | None = None) -> DataReport:
        return replace(REPORT, train=self.total, validation=6)

    def defaults(self, rows: int) -> tuple[Recipe, str]:
        return RECIPE, "As always."

    def seen(self, adapter: str, questions: Any) -> int:
        return self.seen_questions

    def start(self, plan: Plan, progress: Progress | None = None) -> str:
        run_id = super().start(plan, progress)
        self.finish(run_id)
        return run_id

    def finish(self, run_id: str) -> None:
        plan = self.run(run_id).plan
        self.adapters.cards[plan.adapter] = {"rows": plan.choices.rows}
        result = {"steps": 12, "best_validation_loss": 2.5}
        self.all = [replace(r, status="done", seconds=5.0, result=result) if r.id == run_id else r for r in self.all]


@dataclass
class KnowingBackend:
    """Knows the share of facts that `knows` gives for an arm and the rows that its adapter was trained on."""

    adapters: FakeAdapters
    knows: Callable[[str, int], float]
    template_hash: str = "t1"
    error: Exception | None = None
    asked: list[tuple[str, str | None, str]] = field(default_factory=list)

    def draft(self, question: Question, spec: ArmSpec) -> Draft:
        rows = self.adapters.card(spec.adapter)["rows"] if spec.adapter else 0
        arm = Arm(spec.name, "tiny", "m1", spec.template, 1, self.template_hash, Decoding(), spec.adapter)
        passages = (Passage("p", "returns.md", "Returns", "It takes days."),) if spec.uses_retrieval else ()
        return Draft(arm, (Turn("user", question.text),), passages, self._pieces(question, spec, rows))

    def _pieces(self, question: Question, spec: ArmSpec, rows: int) -> Any:
        if self.error:
            raise self.error
        self.asked.append((spec.name, spec.adapter, question.id))
        luck = random.Random(question.id).random()  # of the question: an arm that knows more knows what others know
        right = luck < self.knows(spec.name, rows)
        yield Piece(f"It takes {question.id[1:]} days." if right else "I wonder.", 5, 5)


def embed(texts: list[str]) -> np.ndarray:
    """Unit vectors of counted letters."""
    counts = np.array([[text.count(letter) for letter in "abcdefghijklmnopqrstuvwxyz0123456789"] for text in texts])
    return counts / np.maximum(np.linalg.norm(counts, axis=1, keepdims=True), 1)


def make_parts(
    knows: Callable[[str, int], float], questions: int = 40, rounds: int = 60, **changes: Any
) -> ExperimentParts:
    """A study whose arms `bare` and `prompt` have answered, and everything around it."""
    plan = StudyPlan("returns", "questions", (BARE, PROMPT), ("prompt", "bare"), **changes)
    asked = [question(number, article=f"returns-{number}.md") for number in range(10, 10 + questions)]
    study = Study("0123456789abcdef", plan, tuple(asked), {})
    store, adapters = MemoryStore(study), FakeAdapters({"velomoor": {"rows": 60}})
    backend = KnowingBackend(adapters, knows)
    parts = ExperimentParts(
        store=store,  # type: ignore[arg-type]
        backend=backend,
        templates=None,  # type: ignore[arg-type]
        training=QuickTraining(adapters, rounds),
        adapters=adapters,  # type: ignore[arg-type]
        embed=embed,
        at_once=4,
        backend_with=lambda templates, retriever: backend,
        retriever_over=lambda folder: None,  # type: ignore[arg-type,return-value]
        documents=Path("articles"),
        company="Velomoor",
    )
    for arm in plan.arms:
        for one in study.questions:
            draft = backend.draft(Question(one.id, "study", one.question), arm.spec)
            text = next(draft.pieces).text
            answer = Answer(f"{arm.name}-{one.id}", one.id, text=text, passages=draft.passages, outcome="complete")
            store.add_answer(StudyAnswer(study.id, arm.name, answer))
    backend.asked.clear()
    return parts
