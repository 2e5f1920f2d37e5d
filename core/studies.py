"""The records of a study: what is compared on which questions, what was answered and rated, and how far that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

from core.types import Answer, Arm, ArmName, ArmSpec, Choice, Exchange, Turn, now

Measure = Literal["facts", "similarity", "rouge_l", "chrf", "ratings"]
StudyStatus = Literal["planned", "running", "stopped", "interrupted", "failed", "answered"]
ExportKind = Literal["html", "csv", "jsonl", "preferences"]
ExperimentKind = Literal["learning_curve", "few_shot", "shift", "judge"]

MEASURES: tuple[Measure, ...] = get_args(Measure)
EXPORTS: tuple[ExportKind, ...] = get_args(ExportKind)


@dataclass(frozen=True)
class TestQuestion:
    """One question. `facts` lists, for each required fact, its accepted spellings; none at all means unanswerable, and
    None that facts are not known: the answer can only be compared with the `reference`. An `area` holds several
    topics, and speaks for those that have too few questions; '' without areas."""

    __test__ = False  # the name is the field's own; pytest must not collect it

    id: str
    topic: str
    article: str | None
    kind: str
    question: str
    facts: tuple[tuple[str, ...], ...] | None
    history: tuple[Turn, ...]
    reference: str
    area: str = ""

    @property
    def answerable(self) -> bool:
        return self.facts is None or bool(self.facts)

    @property
    def cluster(self) -> str:
        """What it belongs to: questions on one article share its passages, so that their scores are alike."""
        return self.article or self.id


@dataclass(frozen=True)
class Prices:
    """In one currency: of a million tokens read and written, of an hour of the machine, of one label by a person.

    A bought answer has prices of tokens, an own machine has one of its hours; what does not apply is 0.
    """

    million_prompt_tokens: float = 0.0
    million_new_tokens: float = 0.0
    machine_hour: float = 0.0
    label: float = 0.0
    currency: str = "EUR"


@dataclass(frozen=True)
class StudyArm:
    """An arm under the name that it has in one study, such as 'prompt' or 'prompt, formal'."""

    name: str
    spec: ArmSpec


@dataclass(frozen=True)
class StudyPlan:
    """What a study will do, fixed before its first answer.

    `questions` is the file or folder they are read from, `limit` of them, spread evenly, or all with 0. `decides` names
    two arms: is the first better than the second? `measure` says by what, `margin` is the smallest difference that
    matters: a share of facts, of a similarity or of the win rate, above 0 and below 1. `ratings` are planned in all;
    `pairs` says whether the deciding two arms alone are rated, or each two in turn. `twice` is the share of them that
    a second rater repeats, `repeats` the share that a rater sees again; both come on top. `leaks`
    'keep' goes on though an arm's adapter or index has seen test questions, and says so with every result.
    """

    name: str
    questions: str
    arms: tuple[StudyArm, ...]
    decides: tuple[str, str]
    measure: Measure = "facts"
    margin: float = 0.05
    ratings: int = 0
    pairs: Literal["deciding", "all"] = "all"
    twice: float = 0.2
    repeats: float = 0.05
    limit: int = 0
    seed: int = 1
    leaks: Literal["refuse", "keep"] = "refuse"
    prices: Prices = Prices()


@dataclass(frozen=True)
class Study:
    """A study as it was fixed: `questions` are a copy, so that a changed file changes nothing, and `arms` says what
    each arm was made of when it began, by its name. `notes` are what every reader of its results must know.
    `experiments` keeps the settings and findings of curves and shifts by kind."""

    id: str
    plan: StudyPlan
    questions: tuple[TestQuestion, ...]
    arms: Mapping[str, Arm]
    notes: tuple[str, ...] = ()
    experiments: Mapping[str, Any] = field(default_factory=dict)
    status: StudyStatus = "planned"
    message: str = ""
    created_at: datetime = field(default_factory=now)


@dataclass(frozen=True)
class StudyAnswer:
    """What an arm said to a test question. `arm` is its name in the study; that of an experiment says which, such as
    'lora, 50 rows, seed 1'."""

    study_id: str
    arm: str
    answer: Answer  # its question_id is that of the TestQuestion


@dataclass(frozen=True)
class Rating:
    """A planned judgement of two arms' answers to one question; `left` and `right` are names of arms.

    Everything from `rater` on is empty until somebody takes it. `repeats` is the rating that this one asks again, of
    the same rater; `second_to` the one of which another rater's opinion is asked. `place` counts the votes of a study
    in the order in which they came, from 1.
    """

    id: str
    study_id: str
    question_id: str
    left: str
    right: str
    repeats: str | None = None
    second_to: str | None = None
    rater: str = ""
    reserved_until: datetime | None = None
    choice: Choice | None = None
    criteria: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    comment: str = ""
    guessed_left: str | None = None
    place: int | None = None
    rated_at: datetime | None = None
    final: bool = False  # the rater has voted since, so that this vote cannot be taken back


class StudyStore(Protocol):
    """Keeps studies. Every call is one transaction and may come from any thread and any process."""

    def add(self, study: Study, ratings: Sequence[Rating]) -> None:
        """A study with its planned ratings, in the order in which they are handed out."""
        ...

    def study(self, study_id: str) -> Study:
        """Raises UnknownStudy."""
        ...

    def studies(self) -> list[Study]:
        """Newest first."""
        ...

    def remove(self, study_id: str) -> None:
        """With its answers and ratings. Raises UnknownStudy."""
        ...

    def say(self, study_id: str, status: StudyStatus, message: str = "") -> None:
        """Where the study is. Raises UnknownStudy."""
        ...

    def note(self, study_id: str, note: str) -> None:
        """Adds a note unless it is there. Raises UnknownStudy."""
        ...

    def keep_experiment(self, study_id: str, kind: ExperimentKind, content: Mapping[str, Any]) -> None:
        """Replaces what is kept of one experiment. Raises UnknownStudy."""
        ...

    def add_answer(self, answer: StudyAnswer) -> None:
        """Does nothing when the arm has answered this question: the first answer counts. Raises UnknownStudy."""
        ...

    def answers(self, study_id: str, question_id: str = "") -> list[StudyAnswer]:
        """In the order in which they were made; of one question alone, if given."""
        ...

    def answered(self, study_id: str) -> set[tuple[str, str]]:
        """The arms with the ids of the questions that they have answered completely."""
        ...

    def answer_counts(self, study_id: str) -> dict[str, int]:
        """How many questions each arm has answered."""
        ...

    def same_answers(self, arm: Arm, questions: Sequence[TestQuestion]) -> dict[str, Answer]:
        """What exactly this arm has said to exactly these words in any study, by the question's id here."""
        ...

    def add_ratings(self, ratings: Sequence[Rating]) -> None: ...

    def reserve(self, study_id: str, rater: str, until: datetime) -> Rating | None:
        """The next rating for a rater, reserved for them alone until then; None when there is none for them now.

        That which the rater holds comes first. Else the first in order whose answers are both there, that nobody has
        voted on or holds, that this rater has not skipped, and that they may take: a repetition goes to who gave the
        original, at least REPEAT_AFTER of their votes later, a second opinion to somebody else than the first.
        """
        ...

    def rate(self, rating: Rating) -> None:
        """Keeps choice, criteria, comment and guess of a rating that its rater holds, and makes their earlier ones
        final. Raises VoteError when it is held by another or nobody, AlreadyVoted when it has its vote."""
        ...

    def skip(self, rating_id: str, rater: str) -> None:
        """Gives a rating back; this rater does not get it again. Raises VoteError."""
        ...

    def undo(self, study_id: str, rater: str, until: datetime) -> Rating:
        """Takes the rater's last vote back and reserves it for them again, in place of what they hold.

        Raises VoteError when there is none that is not final."""
        ...

    def ratings(self, study_id: str, rater: str = "") -> list[Rating]:
        """All planned ones in their order, with the votes that are there; if given, those alone that this rater has
        voted on or holds."""
        ...

    def rated_exchanges(self, study_id: str = "") -> list[Exchange]:
        """The votes of one study, or of all, newest first: an exchange for each two arms' answers to a question, as if
        they were a comparison. The first vote's sides are those of the pair; repetitions are left out, for they say
        nothing new. Raises UnknownStudy."""
        ...


REPEAT_AFTER = 10  # votes of the same rater between a pair and its repetition


@dataclass(frozen=True)
class QuestionsLook:
    """A question set at first sight. `measures` are those that it allows."""

    questions: int
    answerable: int
    with_facts: int
    topics: Mapping[str, int]
    measures: tuple[Measure, ...]


@dataclass(frozen=True)
class Planning:
    """What a plan can show: the smallest difference found with a power of 80%, on the automatic measure with its
    questions and on ratings with theirs, and how many it takes to find the margin. Shares; None: not planned."""

    detectable_score: float | None
    questions_needed: int | None
    detectable_rating: float | None
    ratings_needed: int | None


@dataclass(frozen=True)
class RatingProgress:
    """How far the rating is. `enough` says for people whether more votes are needed, and how many."""

    planned: int
    done: int
    raters: int
    mine: int
    enough: str


@dataclass(frozen=True)
class StudyView:
    """A study as it stands: answers by arm, how many there will be of each, and the ratings."""

    study: Study
    answered: Mapping[str, int]
    questions: int
    ratings: RatingProgress
    seconds_left: float | None = None


@dataclass(frozen=True)
class RatingTask:
    """A pair as a rater may see it: the texts are normalised and nothing tells an arm. `can_undo`: the vote before."""

    id: str
    number: int
    question: str
    history: tuple[Turn, ...]
    left: str
    right: str
    can_undo: bool


class Studies(Protocol):
    """Plans, runs and tells studies."""

    def look(self, questions: str) -> QuestionsLook:
        """Raises QuestionsError."""
        ...

    def planning(self, plan: StudyPlan) -> Planning:
        """Raises QuestionsError, StudyError."""
        ...

    def add(self, plan: StudyPlan) -> Study:
        """Fixes a study: reads the questions, looks at every arm and for leaks, and draws the pairs to be rated.

        Raises StudyError, QuestionsError, and what the arms raise."""
        ...

    def start(self, study_id: str) -> None:
        """Answers what is missing, behind the caller. Raises StudyError when it runs, or an arm has changed."""
        ...

    def run(self, study_id: str, progress: Any = None) -> None:
        """The same before the caller's eyes: `progress(done, total, sentence)`. Ends early by `stop`."""
        ...

    def stop(self, study_id: str) -> None: ...

    def remove(self, study_id: str) -> None:
        """Raises UnknownStudy, StudyError while it runs."""
        ...

    def views(self) -> list[StudyView]:
        """Newest first."""
        ...

    def view(self, study_id: str) -> StudyView:
        """Raises UnknownStudy."""
        ...

    def changes(self, study_id: str) -> str:
        """What its arms are made of now that they were not when it was fixed, for people; '' when nothing is.

        Raises UnknownStudy, and what the arms raise. Loads the models."""
        ...

    def report_html(self, study_id: str) -> str:
        """The verdict page as a piece of HTML without scripts, which also looks right in the app."""
        ...

    def print_report(self, study_id: str) -> None:
        """The verdict in the terminal. Raises UnknownStudy."""
        ...

    def export(self, study_id: str, kind: ExportKind, folder: Path) -> Path:
        """Writes the self-contained page, the data, or the preference pairs, and returns the file."""
        ...

    def uses(self, adapter: str) -> str:
        """The name of a study that has an arm with this adapter, '' when there is none."""
        ...


class RatingQueue(Protocol):
    """Hands out pairs blind and takes the votes."""

    def next(self, study_id: str, rater: str) -> RatingTask | None:
        """None: nothing to rate for this rater, at least for now. Raises UnknownStudy."""
        ...

    def vote(
        self,
        rating_id: str,
        study_id: str,
        rater: str,
        choice: Choice,
        criteria: Mapping[str, tuple[int, int]] | None = None,
        comment: str = "",
        guessed_left: ArmName | None = None,
    ) -> None:
        """Raises VoteError, AlreadyVoted."""
        ...

    def skip(self, rating_id: str, rater: str) -> None: ...

    def undo(self, study_id: str, rater: str) -> RatingTask:
        """The pair of the rater's last vote again, which is taken back. Raises VoteError after the next vote."""
        ...

    def progress(self, study_id: str, rater: str = "") -> RatingProgress: ...
