"""From a plan to rows that a trainer takes: data read, checked, rendered by the template that will ask for answers."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from backends.engine.model import LocalModel
from core.errors import TrainingError
from core.json_lines import read_json_lines
from core.personal_data import redact
from core.protocols import Retriever, Store, Templates
from core.training import DataReport, Plan, Progress, Round
from core.types import Passage, Template, Turn
from finetune.data.findings import own_contacts, redacted
from finetune.data.near_duplicates import matches
from finetune.data.report import check_trainable, prepare
from finetune.preferences import Rated, judgements, preferences, rated_exchanges
from finetune.rows import preference_row, round_row, training_rows
from finetune.run_folder import RunFolder
from finetune.train import GENERAL, OLD, TRAIN, VALIDATION

ROUNDS, PROBES, REPORT = "rounds.jsonl", "probes.jsonl", "report.jsonl"
PROBE_COUNT = 3
GENERAL_SUPPORT = Path(__file__).with_name("general_support.jsonl")

Rows = list[dict[str, Any]]


@dataclasses.dataclass(frozen=True)
class Checked:
    """Data that has been looked at: what is trained on and what the loss is validated on; `rated` by `Round.row`."""

    report: DataReport
    train: list[Round]
    validation: list[Round]
    rated: Mapping[int, Rated]
    own: frozenset[str]  # the company's contacts, which are no personal data


class Examples:
    """`test_questions` gives the texts that no training may have seen; `runs` holds the rounds of earlier runs."""

    def __init__(
        self,
        model: LocalModel,
        templates: Templates,
        retriever: Retriever,
        store: Store,
        runs: Path,
        company: str,
        template: str,
        test_questions: Callable[[], Sequence[str]],
    ) -> None:
        self.model = model
        self.templates = templates
        self.retriever = retriever
        self.store = store
        self.runs = runs
        self.company = company
        self.template = template
        self.test_questions = test_questions

    def report(self, plan: Plan, progress: Progress | None = None) -> DataReport:
        """Raises TrainingError for data that cannot be read."""
        return self._check(plan, progress).report

    def make(self, plan: Plan, progress: Progress | None = None) -> tuple[dict[str, Any], dict[str, Rows]]:
        """What a run's process must know, and the files of its folder. Raises TrainingError, AdapterError."""
        checked = self._check(plan, progress)
        check_trainable(checked.report, plan.choices, rated=plan.method != "sft")
        template = self.templates.get(plan.template or self.template)
        parent = self._parent(plan)
        replayed, old = self._of_parent(plan, checked) if parent else ([], [])
        if progress:
            progress(0.9, "rendering the rows")
        if plan.method == "sft":
            train = self._rendered([*checked.train, *replayed], template, plan)
            validation = self._rendered(checked.validation, template, plan)
        else:
            train = self._preferences(checked.train, checked, template, plan)
            validation = self._preferences(checked.validation, checked, template, plan)
        setup = {
            "model": self.model.name,
            "model_hash": self.model.hash,
            "model_folder": str(self.model.folder.resolve()),
            "context": self.model.context_tokens,
            "adapters": str(self.model.adapter_folder.folder.resolve()),
            "template": template.name,
            "template_hash": template.hash,
            "parent": parent,
            "rounds": len(checked.train),
            "replayed_rounds": len(replayed),
            "rows": len(train),
            "data_hash": checked.report.data_hash,
            "data": _summary(checked.report),
            "leaks_kept": self._leaks_kept(plan, checked.report),
        }
        files = {
            TRAIN: train,
            VALIDATION: validation,
            OLD: [round_row(one, self._prompt(one, template)) for one in old],
            GENERAL: self._general(template),
            PROBES: self._probes(checked.validation, template) if plan.samples else [],
            # A rated answer that nobody wanted is nothing to learn from again.
            ROUNDS: [_stored(one, "train") for one in [*checked.train, *replayed] if _wanted(one, checked.rated)]
            + [_stored(one, "validation") for one in checked.validation],
            REPORT: [dataclasses.asdict(checked.report)],
        }
        return setup, files

    def rounds(self, plan: Plan, apart: Sequence[str]) -> list[Round]:
        """The rounds to train on that repeat none of the questions `apart`. Raises TrainingError."""
        train = self._check(plan, None).train
        near = matches([one.question for one in train], list(apart))
        return [one for place, one in enumerate(train) if place not in near]

    def seen(self, adapter: str, questions: Sequence[str]) -> int:
        """How many of the questions nearly repeat a round that the adapter was trained on, if its run is kept."""
        trained = [row["question"] for row in self._rounds_of(adapter) if row["part"] == "train"]
        return len(matches(list(questions), trained))

    def _rounds_of(self, adapter: str) -> Rows:
        """The rounds of the run that made an adapter, [] when they are not kept here.

        Raises UnknownAdapter, TrainingError.
        """
        run = str(self.model.adapter_folder.card(adapter).get("run") or "")
        return RunFolder(self.runs / run).rows(ROUNDS) if run and Path(run).name == run else []

    def _check(self, plan: Plan, progress: Progress | None) -> Checked:
        rated: dict[int, Rated] = {}
        if plan.method == "sft":
            from finetune.data.reading import read_rounds

            rounds, left_out = read_rounds([Path(file) for file in plan.files], plan.columns or None)
        else:
            found = (preferences if plan.method == "dpo" else judgements)(rated_exchanges(self.store))
            rated = dict(enumerate(found, 1))
            rounds, left_out = [one.round(row) for row, one in rated.items()], {}
            if not rounds:
                raise TrainingError(
                    "There is no rating to learn from yet: vote on the Compare page or rate a study first."
                )
        template = self.templates.get(plan.template or self.template)

        def tokens(one: Round) -> int:
            return self.model.count([*self._prompt(one, template), Turn("assistant", one.answer)])

        report, train, validation = prepare(
            rounds, left_out, plan.choices, self.test_questions(), tokens, self.model.context_tokens, progress
        )
        return Checked(report, train, validation, rated, own_contacts(rounds))

    def _rendered(self, rounds: Sequence[Round], template: Template, plan: Plan) -> Rows:
        share, seed = plan.recipe.passages_share, plan.recipe.seed
        return training_rows(rounds, template, self.templates, self.retriever, self.company, share, seed)

    def _preferences(self, rounds: Sequence[Round], checked: Checked, template: Template, plan: Plan) -> Rows:
        rows = []
        for one in rounds:
            rated = checked.rated[one.row]
            answer = rated.chosen or rated.rejected
            assert answer
            prompt = self._prompt(one, template, answer.passages)
            clean = (lambda text: redact(text, checked.own)[0]) if plan.choices.redact else str
            rows.append(preference_row(rated, prompt, clean))
        return rows

    def _prompt(self, one: Round, template: Template, passages: Sequence[Passage] = ()) -> tuple[Turn, ...]:
        return self.templates.render(template, one.question, one.history, passages, self.company)

    def _parent(self, plan: Plan) -> dict[str, Any] | None:
        """Raises UnknownAdapter, AdapterMismatch."""
        if not plan.parent:
            return None
        path = self.model.adapter_folder.path(plan.parent).resolve()
        return {"name": plan.parent, "hash": self.model.adapter_hash(plan.parent), "path": str(path)}

    def _leaks_kept(self, plan: Plan, report: DataReport) -> int:
        """The rounds of this training and of those before it that nearly repeat a test question."""
        before = self.model.adapter_folder.card(plan.parent).get("leaks_kept") if plan.parent else 0
        kept = report.leaks_in_all if plan.choices.leaks == "keep" else 0
        return kept + (before if isinstance(before, int) else 0)

    def _of_parent(self, plan: Plan, checked: Checked) -> tuple[list[Round], list[Round]]:
        """Rounds that the parent adapter was trained on, drawn for replay, and those it was validated on.

        What is replayed passes the same guards as what is new. Ratings are trained on without replay.
        """
        assert plan.parent
        stored = self._rounds_of(plan.parent)
        if not stored and plan.replay_share and plan.method == "sft":
            raise TrainingError(
                f"The rounds that the adapter '{plan.parent}' was trained on are not kept here, so that none can be "
                "replayed; set the replay share to 0, or add them to the files."
            )
        old = [_round(row) for row in stored if row["part"] == "validation"]
        if plan.method != "sft":
            return [], old
        train = [_round(row) for row in stored if row["part"] == "train"]
        apart = [one.question for one in checked.validation]
        apart += self.test_questions() if plan.choices.leaks != "keep" else []
        near = matches([one.question for one in train], apart)
        train = [one for place, one in enumerate(train) if place not in near]
        wanted = min(len(train), round(len(checked.train) * plan.replay_share))
        replayed = random.Random(plan.recipe.seed).sample(train, wanted)
        if plan.choices.redact:
            replayed = [redacted(one, checked.own) for one in replayed]
        return replayed, old

    def _general(self, template: Template) -> Rows:
        pairs = [Round(row["question"], row["answer"]) for row in read_json_lines(GENERAL_SUPPORT)]
        return [round_row(one, self._prompt(one, template)) for one in pairs]

    def _probes(self, validation: Sequence[Round], template: Template) -> Rows:
        """Three fixed questions, of as many topics, whose answers are watched while training goes on."""
        by_topic: dict[str, Round] = {}
        for one in validation:
            by_topic.setdefault(one.topic, one)
        chosen = [*by_topic.values(), *(one for one in validation if one not in by_topic.values())][:PROBE_COUNT]
        return [
            {"question": one.question, "prompt": round_row(one, self._prompt(one, template))["prompt"]}
            for one in chosen
        ]


def _summary(report: DataReport) -> dict[str, Any]:
    """The report's figures, without its examples."""
    kept = dataclasses.asdict(report)
    return {name: value for name, value in kept.items() if name not in ("contradictions", "leaks", "boilerplate")}


def _wanted(one: Round, rated: Mapping[int, Rated]) -> bool:
    return one.row not in rated or rated[one.row].chosen is not None


def _stored(one: Round, part: str) -> dict[str, Any]:
    return dataclasses.asdict(one) | {"part": part}


def _round(row: dict[str, Any]) -> Round:
    history = tuple(Turn(**turn) for turn in row["history"])
    return Round(row["question"], row["answer"], history, row["topic"], row["row"])
