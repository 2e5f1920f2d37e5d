"""What counts of a split's chats: the messages of its time, made by the arms as they were fixed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from core.splits import Split
from core.types import Answer, Arm, Exchange, Thumb
from study.guards import changes
from study.splits.checked import Checks


@dataclass(frozen=True)
class ChatOutcome:
    """One chat: its arm's name, its visitor, and its messages in order, edited and undone ones included. `thumbs` are
    those on its answers, the first given first."""

    id: str
    visitor: str
    arm: str
    messages: tuple[Exchange, ...]
    thumbs: tuple[Thumb, ...]
    checks: Mapping[str, Checks]  # of complete answers by their ids, not always of all

    @property
    def approval(self) -> float | None:
        """The share of its thumbs that are up; None without a thumb."""
        return sum(thumb.value > 0 for thumb in self.thumbs) / len(self.thumbs) if self.thumbs else None

    @property
    def answers(self) -> list[Answer]:
        """All that were made, regenerated ones included."""
        return [answer for message in self.messages for answer in message.answers]


@dataclass(frozen=True)
class Counted:
    """`exchanges` count, the oldest first. `changed` says what an arm is made of that it was not, '' when nothing is:
    from that moment on no arm's messages count, or arms would be compared at different times; these are `left_out`.
    `indexes` counts the versions of the index that arms have read."""

    exchanges: tuple[Exchange, ...]
    changed: str
    left_out: int
    indexes: int


def counted(split: Split, exchanges: Sequence[Exchange]) -> Counted:
    """From all of the split, the oldest first; those asked after its end are no part of it.

    Articles are edited all the time, and an index that changes does so for all arms at once: it makes no new arm here,
    unlike in a study, but is counted.
    """
    in_time = [one for one in exchanges if one.question.created_at <= split.end]
    told, place = "", len(in_time)
    for number, one in enumerate(in_time):
        change = next((change for answer in one.answers if (change := _change(split, one, answer))), "")
        if change:
            told, place = f"{one.chat.split_arm}: {change}", number
            break
    kept = in_time[:place]
    read = {answer.arm.index_version for one in kept for answer in one.answers if answer.arm} - {None}
    return Counted(tuple(kept), told, len(in_time) - place, len(read))


def chats_of(exchanges: Iterable[Exchange], checks: Mapping[str, Checks]) -> list[ChatOutcome]:
    """In the order in which they began."""
    grouped: dict[str, list[Exchange]] = {}
    for one in exchanges:
        grouped.setdefault(one.chat.id, []).append(one)
    return [_outcome(messages, checks) for messages in grouped.values()]


def _outcome(messages: Sequence[Exchange], checks: Mapping[str, Checks]) -> ChatOutcome:
    chat = messages[0].chat
    answers = [answer.id for one in messages for answer in one.answers]
    return ChatOutcome(
        id=chat.id,
        visitor=chat.owner,
        arm=chat.split_arm,
        messages=tuple(messages),
        thumbs=tuple(sorted((thumb for one in messages for thumb in one.thumbs), key=lambda one: one.created_at)),
        checks={answer: checks[answer] for answer in answers if answer in checks},
    )


def _change(split: Split, exchange: Exchange, answer: Answer) -> str:
    before = split.made.get(exchange.chat.split_arm)
    if answer.arm is None or before is None:
        return ""
    return changes(_without_index(before), _without_index(answer.arm))


def _without_index(arm: Arm) -> Arm:
    return replace(arm, index_version=None)
