"""The records of a split: live chats that are shared out between arms at random, an online A/B test.

Which arm a visitor gets follows from the split and the visitor alone, so that every process draws the same one and
nobody has to remember it. What was drawn is kept with the chat, whose arm never changes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import accumulate
from pathlib import Path
from typing import Literal, Protocol, get_args

from core.studies import Prices, TestQuestion
from core.types import Arm, ArmSpec, Chat, now

FROM_SPLIT = "split:"  # begins the name of a question set that comes from a split
SplitExport = Literal["csv", "jsonl"]

SPLIT_EXPORTS: tuple[SplitExport, ...] = get_args(SplitExport)


@dataclass(frozen=True)
class SplitArm:
    """An arm under its name in one split, with its share of the visitors in percent."""

    name: str
    spec: ArmSpec
    share: float


@dataclass(frozen=True)
class SplitPlan:
    """What a split will do, fixed before its first chat.

    The first arm is the one that is there already: the others are compared with it, by the thumbs up of 100 rated
    chats. `margin` is the smallest difference that matters, a share above 0 and below 1. `until` is its planned end:
    what is looked at earlier has wider intervals.
    """

    name: str
    arms: tuple[SplitArm, ...]
    until: datetime
    margin: float = 0.05
    prices: Prices = field(default_factory=Prices)


@dataclass(frozen=True)
class Drawn:
    """The arm that a visitor's chats get: `split` is the split's id, `arm` the arm's name in it."""

    split: str
    arm: str
    spec: ArmSpec


@dataclass(frozen=True)
class Split:
    """A split as it was fixed; `made` says what each arm was made of when it began, by its name. `ended_at` is only
    there when it was ended by hand, or when its time was over and another began."""

    id: str
    plan: SplitPlan
    made: Mapping[str, Arm]
    started_at: datetime = field(default_factory=now)
    ended_at: datetime | None = None

    @property
    def end(self) -> datetime:
        """When its last chat may begin; messages after this do not count."""
        return min(self.ended_at or self.plan.until, self.plan.until)

    @property
    def ended_early(self) -> bool:
        return self.end < self.plan.until

    def runs(self, at: datetime) -> bool:
        return at < self.end

    def draw(self, visitor: str) -> Drawn:
        """Always the same arm for one visitor, and in another split one that is independent of it."""
        digest = hashlib.sha256(f"{self.id}:{visitor}".encode()).digest()
        place = 100 * int.from_bytes(digest[:8], "big") / 2**64
        ends = zip(self.plan.arms, accumulate(arm.share for arm in self.plan.arms), strict=True)
        arm = next((arm for arm, end in ends if place < end), self.plan.arms[-1])
        return Drawn(self.id, arm.name, arm.spec)


def drawn_for(chat: Chat) -> Drawn | None:
    """What was drawn for a chat when it opened, None for one whose arm somebody chose."""
    return Drawn(chat.split, chat.split_arm, chat.specs[0]) if chat.split else None


@dataclass(frozen=True)
class SplitCounts:
    """How many visitors and chats an arm has so far."""

    visitors: int = 0
    chats: int = 0


class SplitStore(Protocol):
    """Keeps splits. Every call is one transaction and may come from any thread and any process."""

    def add(self, split: Split) -> None:
        """Begins a split. Raises SplitError while another one runs, and for a name that is taken."""
        ...

    def split(self, split_id: str) -> Split:
        """Raises UnknownSplit."""
        ...

    def splits(self) -> list[Split]:
        """Newest first."""
        ...

    def end(self, split_id: str, at: datetime) -> None:
        """Raises UnknownSplit, and SplitError when it is over."""
        ...

    def counts(self, split_id: str) -> dict[str, SplitCounts]:
        """By the arm's name; an arm without a chat is left out."""
        ...


class Splits(Protocol):
    """Begins and ends splits, draws arms, and tells what was found."""

    def start(self, plan: SplitPlan) -> Split:
        """Looks what each arm is made of, and begins. Raises SplitError, StudyError, and what the arms raise."""
        ...

    def end(self, split_id: str) -> None:
        """Chats that are under way go on with their arm. Raises UnknownSplit, SplitError."""
        ...

    def all(self) -> list[Split]:
        """Newest first."""
        ...

    def find(self, wanted: str) -> Split:
        """The one split by this name, or whose id begins so. Raises SplitError."""
        ...

    def running(self) -> Split | None: ...

    def draw(self, visitor: str) -> Drawn | None:
        """The arm of a visitor's new chat; None while no split runs."""
        ...

    def usual(self) -> ArmSpec | None:
        """What answers those who ask for the split's arm while none runs: the first arm of the newest one."""
        ...

    def counts(self, split_id: str) -> dict[str, SplitCounts]: ...

    def questions(self, wanted: str) -> Sequence[TestQuestion]:
        """Its visitors' first questions, one of each. Raises SplitError."""
        ...

    def sentence(self, wanted: str) -> str:
        """What it found, in one sentence. Raises SplitError."""
        ...

    def report_html(self, split_id: str) -> str:
        """The results as a piece of HTML without scripts. Raises UnknownSplit."""
        ...

    def print_report(self, split_id: str) -> None:
        """The results in the terminal. Raises UnknownSplit."""
        ...

    def export(self, split_id: str, kind: SplitExport, folder: Path) -> Path:
        """Writes a row for each chat, with JSONL also the findings, and returns the file. Raises UnknownSplit,
        SplitError."""
        ...
