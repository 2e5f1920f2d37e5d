"""The records of fine-tuning: the data that was brought, how good it is, what is trained on it, and how far that is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

from core.types import Turn

Duplicates = Literal["remove", "keep"]
Leaks = Literal["refuse", "remove", "keep"]
Method = Literal["sft", "dpo", "kto"]
RunKind = Literal["train", "range_test", "sweep"]
RunStatus = Literal["running", "done", "stopped", "failed", "interrupted"]

LEAKS: tuple[Leaks, ...] = get_args(Leaks)
DUPLICATES: tuple[Duplicates, ...] = get_args(Duplicates)
METHODS: tuple[Method, ...] = get_args(Method)

Progress = Callable[[float, str], None]  # share done, 0 to 1, and what is being done


@dataclass(frozen=True)
class Columns:
    """Which field of a file holds what; an empty name: none. Either `messages`, or `question` and `answer`.

    `split` says which rows are for training: those whose value is 'train', where the field is given.
    """

    messages: str = ""
    question: str = ""
    answer: str = ""
    topic: str = ""
    split: str = ""


@dataclass(frozen=True)
class FileLook:
    """A file at first sight: its fields, what they seem to hold, and its first rows."""

    path: Path
    rows: int
    fields: tuple[str, ...]
    columns: Columns
    sample: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Round:
    """A customer's message, the turns before it, and the agent's answer. `row` is its place in the file, from 1."""

    question: str
    answer: str
    history: tuple[Turn, ...] = ()
    topic: str = ""
    row: int = 0


@dataclass(frozen=True)
class DataChoices:
    """What is done about what a report finds. `rows` keeps that many, the most diverse; 0: all.

    With a `random_order`, the seed of a shuffle, `rows` are its first rounds to train on, and those for validation stay
    what they are without: fewer rows of one order are among the more, so that sizes can be compared.
    `leaks` says what happens to rows that nearly repeat a test question: refuse to train, remove them, or keep them,
    which marks everything that is made with the adapter.
    """

    duplicates: Duplicates = "remove"
    leaks: Leaks = "refuse"
    redact: bool = False
    rows: int = 0
    validation_share: float = 0.1
    seed: int = 1
    random_order: int | None = None


@dataclass(frozen=True)
class Contradiction:
    """Two nearly equal questions whose answers cannot both be right, and why."""

    first: Round
    second: Round
    why: str


@dataclass(frozen=True)
class Leak:
    """A training row that nearly repeats a test question. `similarity` is the Jaccard index, 0 to 1."""

    row: Round
    test_question: str
    similarity: float


@dataclass(frozen=True)
class DataReport:
    """What is known about training data before anything is trained. Counts are of rounds unless said otherwise.

    `left_out` maps a reason to the rounds it removed, in the order in which they were removed; `train` and
    `validation` are what remains. `evenness` is Pielou's: 1 when all topics have as many rounds, 0 for one alone.
    `tokens` are those of prompts and answers together over all that remains, `lengths` their quantiles a round (50, 95,
    100 %), and `truncated` the rounds that do not fit into the model's context.
    """

    rows: int
    train: int
    validation: int
    data_hash: str
    left_out: Mapping[str, int] = field(default_factory=dict)
    left_out_topics: Mapping[str, int] = field(default_factory=dict)
    tokens: int = 0
    lengths: tuple[int, int, int] = (0, 0, 0)
    truncated: int = 0
    exact_duplicates: int = 0
    near_duplicates: int = 0
    empty_answers: int = 0
    boilerplate: Mapping[str, int] = field(default_factory=dict)
    languages: Mapping[str, int] = field(default_factory=dict)
    topics: Mapping[str, int] = field(default_factory=dict)
    topics_found: bool = False  # found by clustering, as the file names none
    evenness: float = 0.0
    personal_data: Mapping[str, int] = field(default_factory=dict)
    contradictions: tuple[Contradiction, ...] = ()
    contradictions_in_all: int = 0
    leaks: tuple[Leak, ...] = ()
    leaks_in_all: int = 0
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Recipe:
    """How an adapter is trained. `learning_rate` is the peak, `rank` that of LoRA on every linear layer.

    `passages_share` of the rounds comes once more with retrieved passages, so that the adapter knows both shapes of a
    prompt. Validation is measured `evaluations` times an epoch; after `patience` of them without a better loss the
    training ends; 0: never. `beta` is that of DPO and KTO.
    """

    epochs: float = 8
    learning_rate: float = 2e-3
    rank: int = 16
    batch_size: int = 8
    dropout: float = 0.05
    passages_share: float = 0.25
    evaluations: int = 1
    patience: int = 3
    beta: float = 0.1
    seed: int = 1


@dataclass(frozen=True)
class Plan:
    """What a run is to do. `adapter` names what it makes; a range test or a sweep makes none.

    `parent` is an adapter to continue from, with `replay_share` of its own training rounds mixed in again.
    DPO and KTO learn from the ratings in the store and read no `files`. `samples` answers fixed questions at each
    evaluation, for people who watch; it takes longer than the evaluation itself.
    """

    adapter: str
    kind: RunKind = "train"
    method: Method = "sft"
    files: tuple[str, ...] = ()
    columns: Columns | None = None
    choices: DataChoices = DataChoices()
    recipe: Recipe = Recipe()
    template: str = ""
    parent: str | None = None
    replay_share: float = 0.3
    samples: bool = True


@dataclass(frozen=True)
class Run:
    """A run as it stands. `log` holds what was measured, oldest first: step, epoch, loss, eval_loss, learning_rate,
    grad_norm, tokens_per_s. `samples` are the fixed questions' answers at each evaluation: step -> question -> answer.
    `turned_up` is the step after which the validation loss only rose. `result` is what came out: a card for a
    training, a table for a sweep, a suggestion for a range test."""

    id: str
    plan: Plan
    status: RunStatus
    message: str
    started_at: str
    step: int = 0
    total_steps: int = 0
    seconds: float = 0.0
    seconds_left: float | None = None
    log: tuple[Mapping[str, Any], ...] = ()
    samples: Mapping[int, Mapping[str, str]] = field(default_factory=dict)
    turned_up: int | None = None
    result: Mapping[str, Any] = field(default_factory=dict)


class Training(Protocol):
    """Fine-tuning: data in, adapters out. Runs are processes of their own; any number of readers may watch them."""

    def look(self, file: Path) -> FileLook:
        """Raises TrainingError for a file that cannot be read."""
        ...

    def report(self, plan: Plan, progress: Progress | None = None) -> DataReport:
        """What the plan's data is like and what would be trained on.

        Raises TrainingError, AdapterError when the plan names its adapter and the name is bad or taken.
        """
        ...

    def rounds(self, plan: Plan, apart: Sequence[str]) -> list[Round]:
        """What would be trained on, without rounds that nearly repeat one of the questions `apart`.

        Raises TrainingError.
        """
        ...

    def defaults(self, rows: int) -> tuple[Recipe, str]:
        """A sensible recipe for that many training rounds, and why. Raises ModelError."""
        ...

    def rated_pairs(self) -> tuple[int, str]:
        """How many examples the ratings give, and a sentence on how they are counted."""
        ...

    def seen(self, adapter: str, questions: Sequence[str]) -> int:
        """How many of the questions nearly repeat a round that the adapter was trained on, as far as that is kept."""
        ...

    def start(self, plan: Plan, progress: Progress | None = None) -> str:
        """Prepares the data, starts a process on it and returns the run's id.

        Raises TrainingError (bad data, leaks, a run under way), AdapterError (the name is bad or taken).
        """
        ...

    def prepare(self, plan: Plan, progress: Progress | None = None) -> Path:
        """The folder of a run that is not started, for `accelerate launch … -m finetune.worker FOLDER`.

        Raises as `start` does.
        """
        ...

    def stop(self, run_id: str) -> None:
        """Ends a run after its present step; what was best so far becomes the adapter. Raises TrainingError."""
        ...

    def resume(self, run_id: str) -> None:
        """Goes on with an interrupted or stopped run from its last checkpoint. Raises TrainingError."""
        ...

    def remove(self, run_id: str) -> None:
        """Forgets a run that is not running, its checkpoints included; its adapter stays. Raises TrainingError."""
        ...

    def runs(self) -> list[Run]:
        """Newest first, without logs and samples."""
        ...

    def run(self, run_id: str) -> Run:
        """Raises TrainingError."""
        ...


class Adapters(Protocol):
    """The adapters on disk: what they are, and the only way to change them."""

    def names(self) -> list[str]:
        """All complete adapters, in alphabetical order."""
        ...

    def card(self, name: str) -> dict[str, Any]:
        """How an adapter was made; empty when it came without a card. Raises UnknownAdapter."""
        ...

    def annotate(self, name: str, key: str, value: Any) -> None:
        """Sets one entry of the card. Raises UnknownAdapter, AdapterError."""
        ...

    def rename(self, name: str, new_name: str) -> None:
        """Raises UnknownAdapter, AdapterError."""
        ...

    def delete(self, name: str) -> None:
        """Raises UnknownAdapter, AdapterError when something still needs it."""
        ...

    def export(self, name: str, folder: Path) -> Path:
        """Writes a zip file of the PEFT folder into `folder`. Raises UnknownAdapter."""
        ...

    def import_(self, source: Path, name: str) -> str:
        """Takes a PEFT folder or a zip file of one, checked first; returns its name. Raises AdapterError."""
        ...
