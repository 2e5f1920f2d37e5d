"""The records that travel through Duodesk.

Records are frozen: what was said and how it was made never changes after the fact.
Times are seconds, moments are UTC, identifiers are the hexadecimal text of `new_id()`.
"""

from __future__ import annotations

import uuid
from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal, get_args

Role = Literal["system", "user", "assistant"]
Outcome = Literal["complete", "stopped", "failed"]
Choice = Literal["left", "right", "tie", "both_bad"]
ArmName = Literal["bare", "prompt", "lora", "lora+prompt"]
ChatKind = Literal["chat", "open", "blind"]
Lane = Literal["a", "b"]

ARM_NAMES: tuple[ArmName, ...] = get_args(ArmName)
LANES: tuple[Lane, ...] = get_args(Lane)
CHOICES: tuple[Choice, ...] = get_args(Choice)
SPLIT = "split"  # by this name the pages and the API ask for the arm that is drawn
CRITERIA = ("correctness", "helpfulness", "tone")


def new_id() -> str:
    """A random identifier: 32 hexadecimal digits."""
    return uuid.uuid4().hex


def now() -> datetime:
    """The present moment in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Turn:
    """One message of a conversation."""

    role: Role
    text: str


@dataclass(frozen=True)
class Passage:
    """A piece of a document: `start` is its character offset in the converted text, `score` grows with relevance."""

    id: str
    source: str
    title: str
    text: str
    score: float = 0.0
    start: int = 0


@dataclass(frozen=True)
class Decoding:
    """How text is drawn from the model: temperature 0 means greedy. The answer ends before the first of the `stop`
    texts, which no template has: a caller of the API brings them."""

    max_new_tokens: int = 160
    temperature: float = 0.0
    top_p: float = 1.0
    repetition_penalty: float = 1.0
    stop: tuple[str, ...] = ()


@dataclass(frozen=True)
class ArmSpec:
    """What a person asks for: a cell of the 2x2, with the template and adapter to fill it. An empty `model` is the
    base model in use, else a folder or a hub id."""

    name: ArmName
    template: str
    adapter: str | None = None
    model: str = ""

    @property
    def uses_retrieval(self) -> bool:
        return self.name in ("prompt", "lora+prompt")

    @property
    def uses_adapter(self) -> bool:
        return self.name in ("lora", "lora+prompt")


@dataclass(frozen=True)
class Arm:
    """What an answer was really made of, so that a rating can be traced to exactly what produced it."""

    name: ArmName
    model: str
    model_hash: str
    template: str
    template_version: int
    template_hash: str
    decoding: Decoding
    adapter: str | None = None
    adapter_hash: str | None = None
    index_version: str | None = None
    engine: str = ""


@dataclass(frozen=True)
class Template:
    """One version of a prompt template. `messages` hold `{question} {context} {history} {company}`."""

    name: str
    purpose: str
    messages: tuple[Turn, ...]
    depth: int
    decoding: Decoding
    version: int
    hash: str
    yaml: str


@dataclass(frozen=True)
class TemplateVersion:
    """One entry of a template's history; `yaml` is the whole file as it stood."""

    version: int
    saved_at: datetime
    note: str
    yaml: str
    hash: str


@dataclass(frozen=True)
class Question:
    """A customer's message, with the turns before it."""

    id: str
    chat_id: str
    text: str
    history: tuple[Turn, ...] = ()
    created_at: datetime = field(default_factory=now)


@dataclass(frozen=True)
class Piece:
    """A bit of streamed text, with the token counts up to and including it. The last one has a `reason`: 'stop' when
    the answer ended by itself or at a stop text, 'length' when it may not be longer, '' when that is not known.

    `place` is its answer's place in line: 1 is the next one, 0 is not in line (any more)."""

    text: str
    prompt_tokens: int
    new_tokens: int
    reason: str = ""
    place: int = 0


@dataclass(frozen=True)
class Draft:
    """All that is known before the first word, plus the words as they come."""

    arm: Arm
    prompt: tuple[Turn, ...]
    passages: tuple[Passage, ...]
    pieces: Generator[Piece, None, None]


@dataclass(frozen=True)
class Answer:
    """What one arm said to one question. `arm` is None only when the failure came before the arm was known.

    `reason` is why it ended: that of its last piece when it is complete, the error's class or 'bug' when it failed.
    `place` is its place in line while it waits, 1 is the next one; it is not kept on record.
    """

    id: str
    question_id: str
    lane: Lane = "a"
    arm: Arm | None = None
    text: str = ""
    passages: tuple[Passage, ...] = ()
    prompt: tuple[Turn, ...] = ()
    outcome: Outcome = "failed"
    reason: str = ""
    error: str = ""
    first_token_s: float | None = None
    total_s: float = 0.0
    prompt_tokens: int = 0
    new_tokens: int = 0
    place: int = 0
    created_at: datetime = field(default_factory=now)


@dataclass(frozen=True)
class Chat:
    """A conversation. A comparison has two lanes (`specs`), one of them shown on the left; a vote locks it.

    `opening` holds the turns before its first question, where a caller of the API brought some along. A chat whose arm
    was drawn names the `split` by its id and the arm by its name in it, and has that arm in `specs`.
    """

    id: str
    owner: str
    kind: ChatKind = "chat"
    title: str = ""
    specs: tuple[ArmSpec, ...] = ()
    left: Lane = "a"
    locked: bool = False
    opening: tuple[Turn, ...] = ()
    split: str = ""
    split_arm: str = ""
    created_at: datetime = field(default_factory=now)


@dataclass(frozen=True)
class Pair:
    """Two answers to one question, as shown. Which side is which stays on the server until the vote."""

    id: str
    question_id: str
    left_answer: str
    right_answer: str


@dataclass(frozen=True)
class Vote:
    """A person's judgement of a pair. `criteria` maps a name of CRITERIA to a side's (left, right) scores, 1 to 5."""

    id: str
    pair_id: str
    rater: str
    choice: Choice
    criteria: dict[str, tuple[int, int]] = field(default_factory=dict)
    comment: str = ""
    guessed_left: ArmName | None = None
    created_at: datetime = field(default_factory=now)


@dataclass(frozen=True)
class Thumb:
    """A quick judgement of one answer: value +1 or -1. A later thumb by the same rater replaces the earlier."""

    answer_id: str
    rater: str
    value: int
    comment: str = ""
    created_at: datetime = field(default_factory=now)


@dataclass(frozen=True)
class Exchange:
    """A question with everything that followed from it, oldest answer first. `withdrawn`: edited away or undone.

    `history` holds the turns before it by lane; the question's own stays empty, since lanes may differ.
    """

    chat: Chat
    question: Question
    answers: tuple[Answer, ...] = ()
    thumbs: tuple[Thumb, ...] = ()
    pair: Pair | None = None
    votes: tuple[Vote, ...] = ()
    withdrawn: bool = False
    history: dict[Lane, tuple[Turn, ...]] = field(default_factory=dict)

    def latest(self, lane: Lane = "a") -> Answer | None:
        """The answer that counts in a lane: the newest one (regenerating keeps the older ones on record)."""
        in_lane = [answer for answer in self.answers if answer.lane == lane]
        return in_lane[-1] if in_lane else None


@dataclass(frozen=True)
class TranscriptFilter:
    """Which exchanges to look at; empty fields do not restrict. `text` is searched in questions and answers."""

    text: str = ""
    arm: ArmName | None = None
    template: str = ""
    adapter: str = ""
    outcome: Outcome | None = None
    rated: bool | None = None
    chat_id: str = ""
    split: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class Queue:
    """How many answers a model is writing, prompts still being read included, and how many wait for their turn."""

    writing: int = 0
    waiting: int = 0


@dataclass
class IndexReport:
    """What an indexing run did, by source; `failed` holds (path, reason) and what was stored of those stays."""

    added: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
