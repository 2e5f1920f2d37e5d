"""The blind protocol: one question, two arms, sides drawn on the server, nothing told before the vote.

A comparison is a chat with two lanes. Which lane stands on the left is drawn once, when it opens, and stays for
all its turns; a vote locks it, and only then does `reveal` say who was who. Until then a page gets `Sides` and
nothing else: two texts without citations, both at once.
"""

from __future__ import annotations

import contextlib
import random
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from core.desk import Desk
from core.errors import AlreadyVoted, StillBlind, VoteError
from core.parallel import together
from core.types import (
    ARM_NAMES,
    CHOICES,
    CRITERIA,
    LANES,
    Answer,
    ArmName,
    ArmSpec,
    Chat,
    Choice,
    Exchange,
    Lane,
    Pair,
    Vote,
    new_id,
)

# The last one of an answer that came to its limit may lack its end.
CITATION = re.compile(r"[ \t]*\[\d+(?:\s*,\s*\d+)*\]|\s*\[[\d\s,]*\Z")
GAP = re.compile(r"(?<=\S)[ \t]{2,}")  # between words; what a list is indented by stays


@dataclass(frozen=True)
class Sides:
    """What may be shown of a turn: two texts. `rateable` once both answers are complete. `place` is the place in line
    of both together while one of them waits: a place each would tell which began first."""

    question: str
    left: str
    right: str
    rateable: bool = False
    problem: str = ""
    place: int = 0


class Comparisons:
    """Runs comparisons over the desk. `draw` picks the left lane; it is a parameter for tests alone."""

    def __init__(self, desk: Desk, draw: random.Random | None = None) -> None:
        self.desk = desk
        self.store = desk.store
        self.draw = draw or random.SystemRandom()

    def open(self, owner: str, first: ArmSpec, second: ArmSpec, blind: bool) -> Chat:
        """A new comparison. In open mode the first arm stands on the left."""
        left: Lane = self.draw.choice(("a", "b")) if blind else "a"
        chat = Chat(id=new_id(), owner=owner, kind="blind" if blind else "open", specs=(first, second), left=left)
        self.store.add_chat(chat)
        return chat

    def ask(self, chat_id: str, text: str) -> Iterator[Sides]:
        """Answers on both lanes at once. Open: the sides grow as they are written. Blind: both stay empty until the
        end, and which lane begins is drawn, so that neither a stop nor the waiting time tells a side.

        Raises InvalidMessage, UnknownChat, VoteError (the comparison is closed by its vote).
        """
        chat = self.store.chat(chat_id)
        if chat.locked:
            raise VoteError("This comparison is closed by its vote; start a new one to ask more.")
        question = self.desk.take_question(chat_id, text)
        done: dict[Lane, Answer] = {}
        place = 0
        order = list(zip(LANES, chat.specs, strict=True))
        if chat.kind == "blind":
            self.draw.shuffle(order)
        lanes = together([(lane, self.desk.answer(question, spec, lane)) for lane, spec in order])
        with contextlib.closing(lanes):
            for lane, answer in lanes:
                done[lane] = answer
                place = _place(done.values(), place)
                sides = self._sides(chat, question.text, done) if chat.kind == "open" else Sides(question.text, "", "")
                yield replace(sides, place=place)
        if all(answer.outcome == "complete" for answer in done.values()):
            self.store.add_pair(Pair(new_id(), question.id, done[chat.left].id, done[_other(chat.left)].id))
        yield self._sides(chat, question.text, done)

    def turns(self, chat_id: str) -> list[Sides]:
        """All turns so far, as they may be shown."""
        chat = self.store.chat(chat_id)
        shown = []
        for exchange in self.store.exchanges(chat_id):
            done = {answer.lane: answer for answer in exchange.answers}
            sides = self._sides(chat, exchange.question.text, done)
            shown.append(replace(sides, rateable=sides.rateable and exchange.pair is not None))
        return shown

    def vote(
        self,
        chat_id: str,
        rater: str,
        choice: Choice,
        criteria: dict[str, tuple[int, int]] | None = None,
        comment: str = "",
        guessed_left: ArmName | None = None,
    ) -> None:
        """Records a vote on the last turn and closes the comparison. Raises VoteError, AlreadyVoted."""
        criteria = criteria or {}
        check_vote(choice, criteria, guessed_left)
        if self.store.chat(chat_id).locked:
            raise AlreadyVoted("This comparison has its vote, and votes are final; start a new one.")
        last = self._last(chat_id)
        if last is None or last.pair is None:
            raise VoteError("There is no finished pair of answers to vote on yet; ask a question first.")
        try:
            self.store.add_vote(Vote(new_id(), last.pair.id, rater, choice, criteria, comment.strip(), guessed_left))
        except AlreadyVoted:
            self.store.lock_chat(chat_id)  # it is open only because the program ended before the line below
            raise
        self.store.lock_chat(chat_id)

    def reveal(self, chat_id: str) -> tuple[Answer, Answer]:
        """The last turn's answers, left and right, with all that made them. Raises StillBlind before the vote."""
        chat = self.store.chat(chat_id)
        if chat.kind == "blind" and not chat.locked:
            raise StillBlind("Which side is which is told after the vote.")
        last = self._last(chat_id)
        left = last.latest(chat.left) if last else None
        right = last.latest(_other(chat.left)) if last else None
        if left is None or right is None:
            raise VoteError("There is no finished pair of answers here yet; ask a question first.")
        return left, right

    def _last(self, chat_id: str) -> Exchange | None:
        exchanges = self.store.exchanges(chat_id)
        return exchanges[-1] if exchanges else None

    def _sides(self, chat: Chat, question: str, done: dict[Lane, Answer]) -> Sides:
        hidden = chat.kind == "blind" and not chat.locked
        complete = len(done) == 2 and all(answer.outcome == "complete" for answer in done.values())
        texts = {lane: answer.text for lane, answer in done.items()}
        if hidden:
            texts = {lane: normalise(text) for lane, text in texts.items()} if complete else {}
        problems = [answer.error for answer in done.values() if answer.error]
        return Sides(
            question=question,
            left=texts.get(chat.left, ""),
            right=texts.get(_other(chat.left), ""),
            rateable=complete,
            # An error may name an adapter or a template, so that a blind page gets a neutral sentence.
            problem="" if not problems else "One of the two answers failed; ask again." if hidden else problems[0],
        )


def check_vote(choice: str, criteria: Mapping[str, Sequence[int]], guessed_left: str | None) -> None:
    """Raises VoteError for a choice, a criterion, a score or an arm that does not exist."""
    if choice not in CHOICES:
        raise VoteError(f"A vote is one of {', '.join(CHOICES)}; found {choice}.")
    if guessed_left not in (None, *ARM_NAMES):
        raise VoteError(f"A guess is one of {', '.join(ARM_NAMES)}; found {guessed_left}.")
    for name, scores in criteria.items():
        if name not in CRITERIA or len(scores) != 2 or not all(1 <= score <= 5 for score in scores):
            raise VoteError(f"Scores are 1 to 5 for {', '.join(CRITERIA)}; found {name}: {scores}.")


def veil(exchange: Exchange) -> Exchange:
    """The exchange as it may be shown anywhere: a blind one without its arms until its vote, lane a on the left."""
    if exchange.chat.kind != "blind" or exchange.chat.locked:
        return exchange
    if exchange.pair is None:  # one side alone, stopped or still being written, would tell
        return replace(exchange, chat=replace(exchange.chat, specs=(), left="a"), answers=(), thumbs=(), history={})
    shown: dict[Lane, Lane] = {exchange.chat.left: "a", _other(exchange.chat.left): "b"}
    bare = sorted(
        (
            Answer(a.id, a.question_id, shown[a.lane], text=normalise(a.text), outcome=a.outcome)
            for a in exchange.answers
        ),
        key=lambda answer: answer.lane,
    )
    return replace(
        exchange, chat=replace(exchange.chat, specs=(), left="a"), answers=tuple(bare), thumbs=(), history={}
    )


def normalise(text: str) -> str:
    """An answer without what would tell its arm: citation marks and uneven space."""
    lines = (GAP.sub(" ", line).rstrip() for line in CITATION.sub("", text).strip().splitlines())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines))


def _place(answers: Iterable[Answer], before: int) -> int:
    """The place in line of a comparison: one more than those who stand before its last answer and are not its own.

    It is told once the model has taken both questions in, and never grows: each answer tells its own place in its own
    time, so that the two may not fit together for a moment. `before` is what was told last.
    """
    taken = [answer.place for answer in answers if answer.prompt_tokens]
    waiting = [place for place in taken if place]
    if len(taken) < len(LANES) or not waiting:
        return 0
    place = max(1, max(waiting) - len(waiting) + 1)
    return min(place, before) if before else place


def _other(lane: Lane) -> Lane:
    return "b" if lane == "a" else "a"
