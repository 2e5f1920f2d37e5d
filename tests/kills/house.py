"""The Duodesk that is killed: its folders, its settings, and what has to be there before it can be put under load."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from core.settings import Settings
from core.studies import Rating, Study, StudyAnswer, StudyArm, StudyPlan, TestQuestion
from core.training import Plan, Recipe
from core.types import ARM_NAMES, Answer, Arm, ArmSpec, Decoding, new_id

STUDY = "study"
RATINGS = 4000  # more than are voted on
DOCUMENTS, SECTIONS = 4, 5
TEMPLATES = ("calm", "short")
TEMPLATE = """name: {name}
purpose: {note}
depth: 2
decoding: {{max_new_tokens: 12}}
messages:
  - system: You work for {{company}}, {note}.
  - user: |
      {{context}}

      {{question}}
"""
PARTS = ("saddle", "pedal", "chain", "fender", "bell", "tyre", "lamp", "brake")


@dataclass(frozen=True)
class House:
    folder: Path
    url: str

    @property
    def settings(self) -> Settings:
        return Settings(
            data=str(self.folder / "data"),
            database=self.url,
            model=str(self.folder / "model"),
            adapters=str(self.folder / "adapters"),
            adapter="base",
            prompts=str(self.folder / "prompts"),
            template="calm",
            knowledge=str(self.documents),
            questions="",
            slots=8,
        )

    @property
    def documents(self) -> Path:
        return self.folder / "documents"

    @property
    def backups(self) -> Path:
        return self.folder / "backups"

    @property
    def data(self) -> Path:
        return self.folder / "data"


def make_weights(house: House) -> None:
    """A random model and an adapter."""
    from tests.integration.tiny_models import make_adapter, make_model

    make_adapter(house.folder / "adapters" / "base", make_model(house.folder / "model", context=1024))


def furnish(house: House) -> None:
    """Templates, documents, a study with all its answers, and everything used once."""
    from composition import compose

    for name in TEMPLATES:
        (house.folder / "prompts").mkdir(exist_ok=True)
        (house.folder / "prompts" / f"{name}.yaml").write_text(TEMPLATE.format(name=name, note="first"))
    house.documents.mkdir()
    house.backups.mkdir()
    for number in range(DOCUMENTS):
        write_document(house, number, 0)
    parts = compose(house.settings)
    parts.retriever.index([house.documents])
    parts.model.load()
    for arm in ARM_NAMES:
        list(parts.desk.ask(parts.desk.open_chat("nobody").id, f"Is {arm} there?", ArmSpec(arm, "calm", "base")))
    _add_study(parts.store.studies.add, parts.store.studies.add_answer)
    parts.store.close()


def _add_study(add, add_answer) -> None:
    names = ("left", "right")
    arm = Arm("bare", "model", "m", "calm", 1, "t", Decoding())
    plan = StudyPlan("kills", "none", tuple(StudyArm(name, ArmSpec("bare", "calm")) for name in names), names)
    questions = tuple(
        TestQuestion(f"q{n}", "parts", None, "plain", f"What is part {n}?", None, (), "") for n in range(5)
    )
    ratings = [Rating(new_id(), STUDY, f"q{n % 5}", *names) for n in range(RATINGS)]
    add(Study(STUDY, plan, questions, dict.fromkeys(names, arm), status="answered"), ratings)
    for question in questions:
        for name in names:
            answer = Answer(new_id(), question.id, arm=arm, text=f"{name} says so", outcome="complete")
            add_answer(StudyAnswer(STUDY, name, answer))


def passage(number: int, generation: int, section: int) -> str:
    return (
        f"The {PARTS[section]} of kind {number} has {section + 2} screws in edition {generation}. It fits all frames."
    )


def write_document(house: House, number: int, generation: int) -> None:
    """A section, and so a passage, each; the file itself is never half written."""
    sections = (f"## {PARTS[n]}\n\n{passage(number, generation, n)}\n" for n in range(SECTIONS))
    unfinished = house.folder / f"document-{number}.md"
    unfinished.write_text(f"# Kind {number}\n\n" + "\n".join(sections))
    unfinished.replace(house.documents / f"kind-{number}.md")


def prepare_run(house: House, adapter: str) -> Path:
    """A training run of a few steps, with a checkpoint after each."""
    from composition import compose

    file = house.folder / "past.jsonl"
    colours = ("red", "olive", "turquoise")
    rows = [
        {"question": f"Tell me about the {colour} {part}", "answer": f"The {colour} {part} is nine euros, rider."}
        for part in PARTS
        for colour in colours
    ]
    file.write_text("\n".join(json.dumps(row) for row in rows))
    recipe = Recipe(epochs=3, learning_rate=1e-2, rank=4, batch_size=8, evaluations=2, patience=0)
    plan = Plan(adapter, files=(str(file),), template="calm", recipe=recipe, samples=False)
    return compose(house.settings).training.prepare(plan)


def demolish(house: House) -> None:
    shutil.rmtree(house.folder, ignore_errors=True)
