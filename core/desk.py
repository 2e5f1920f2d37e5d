"""The route of one message, on one page: check, draft, stream, store.

page -> Desk.ask -> store.history -> backend.draft (retrieve, render) -> pieces
     -> the growing Answer is yielded, the page paints it -> in `finally` it is stored, whatever happened
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import time
from collections.abc import Callable, Generator, Iterator, Sequence

from core.errors import Busy, DuodeskError, InvalidMessage, UnknownChat, kind_of
from core.protocols import Backend, Store
from core.splits import Drawn, drawn_for
from core.types import Answer, ArmSpec, Chat, Decoding, Exchange, Lane, Question, Thumb, Turn, new_id, now

log = logging.getLogger(__name__)

Watcher = Callable[[Answer, ArmSpec], None]


class Desk:
    """Answers customers and keeps the record. Safe to use from any thread.

    `most_under_way` is how many answers may be written or wait at the same time before questions are turned away.
    """

    def __init__(
        self, store: Store, backend: Backend, max_message_chars: int = 8000, most_under_way: int = 1000
    ) -> None:
        self.store = store
        self.backend = backend
        self.max_message_chars = max_message_chars
        self.most_under_way = most_under_way
        self._answering: set[tuple[str, str]] = set()  # chat and answer
        self._watchers: list[Watcher] = []

    def watch(self, watcher: Watcher) -> None:
        """Calls `watcher` with every answer once it is stored, and with the arm that was asked for."""
        self._watchers.append(watcher)

    @property
    def under_way(self) -> int:
        """How many answers are being written or wait for it."""
        return len(self._answering)

    def open_chat(self, owner: str, drawn: Drawn | None = None) -> Chat:
        """A new, empty chat. It shows up in the owner's list with its first question. `drawn`: by a split."""
        chat = _chat(owner, drawn)
        self.store.add_chat(chat)
        return chat

    def ask(self, chat_id: str, text: str, spec: ArmSpec) -> Iterator[Answer]:
        """Stores the question and yields its growing answer; the last one yielded is the one on record.

        Raises InvalidMessage, Busy, UnknownChat before anything is stored. Later failures become part of the answer.
        """
        yield from self.answer(self.take_question(chat_id, text), spec)

    def regenerate(self, chat_id: str, spec: ArmSpec) -> Iterator[Answer]:
        """Answers the last question of a chat anew; the older answer stays on record."""
        self._check_room()
        last = self._last(chat_id).question
        yield from self.answer(last, spec)

    def edit(self, question_id: str, chat_id: str, text: str, spec: ArmSpec) -> Iterator[Answer]:
        """Asks a question in other words: it and all that followed it are withdrawn. Raises InvalidMessage, Busy."""
        exchanges = self.store.exchanges(chat_id)
        ids = [exchange.question.id for exchange in exchanges]
        if question_id not in ids:
            raise InvalidMessage("That message is no longer part of this chat; reload the page and try again.")
        question = self.take_question(chat_id, text)  # first, so that nothing is withdrawn if it is turned away
        for withdrawn in ids[ids.index(question_id) :]:
            self.store.withdraw(withdrawn)
        yield from self.answer(question, spec)

    def undo(self, chat_id: str) -> str:
        """Withdraws the last exchange and returns its question's text, for the input box."""
        question = self._last(chat_id).question
        self.store.withdraw(question.id)
        return question.text

    def rate(self, answer_id: str, rater: str, value: int, comment: str = "") -> None:
        """A thumb up (+1) or down (-1) on one answer."""
        self.store.set_thumb(Thumb(answer_id, rater, value, comment.strip()))

    def settle(self, chat_id: str, seconds: float = 3.0) -> None:
        """Waits until a stopped answer of this chat is on record: Stop closes it on another thread."""
        deadline = time.monotonic() + seconds
        while any(chat == chat_id for chat, _ in list(self._answering)) and time.monotonic() < deadline:
            time.sleep(0.02)

    def check_text(self, text: str) -> str:
        """The message without surrounding space. Raises InvalidMessage."""
        text = text.strip()
        if not text:
            raise InvalidMessage("The message is empty; type a question first.")
        self._check_length(text)
        return text

    def take_question(self, chat_id: str, text: str) -> Question:
        """Checks and stores a customer's message. Raises InvalidMessage, Busy, UnknownChat.

        What is returned is what the customer wrote; on record personal data may have been replaced.
        """
        question = Question(id=new_id(), chat_id=chat_id, text=self.check_text(text))
        self._check_room()
        chat = self.store.chat(chat_id)
        recorded = self.store.add_question(question)
        if not chat.title:
            self.store.rename_chat(chat_id, _title(recorded.text))
        return question

    def take_conversation(
        self, owner: str, history: Sequence[Turn], text: str, chat_id: str = "", drawn: Drawn | None = None
    ) -> Question:
        """Checks and stores the message of a caller who brings the turns before it along.

        The chat `chat_id` goes on if it is this owner's, holds exactly these turns and its arm was drawn, or not, as
        this one's; otherwise a new chat opens with them. So every answer stands on record after the turns that it was
        given for, and a chat of a split has one arm. Raises InvalidMessage, Busy.
        """
        question = Question(new_id(), chat_id, self.check_text(text), tuple(history))
        for turn in history:
            if turn.role == "user":  # an earlier answer may be longer than any message
                self._check_length(turn.text)
        self._check_room()
        if chat_id and self._is_of(owner, chat_id, drawn) and self.store.continue_chat(question):
            return question
        chat = dataclasses.replace(_chat(owner, drawn), opening=question.history)
        self.store.add_chat(chat)
        question = dataclasses.replace(question, chat_id=chat.id)
        recorded = self.store.add_question(question)
        self.store.rename_chat(chat.id, _title(recorded.text))
        return question

    def answer(
        self, question: Question, spec: ArmSpec, lane: Lane = "a", decoding: Decoding | None = None
    ) -> Generator[Answer, None, None]:
        """Streams one arm's answer to a stored question and stores it, whatever happens on the way.

        `decoding` takes the place of the template's own.
        """
        started = time.perf_counter()
        answer = Answer(id=new_id(), question_id=question.id, lane=lane, created_at=now())
        text = ""
        first_token_s: float | None = None
        self._answering.add((question.chat_id, answer.id))
        try:
            history = self.store.history(question.chat_id, lane, before=question.id)
            draft = self.backend.draft(dataclasses.replace(question, history=history), spec, decoding)
            answer = dataclasses.replace(answer, arm=draft.arm, prompt=draft.prompt, passages=draft.passages)
            yield answer
            with contextlib.closing(draft.pieces) as pieces:
                for piece in pieces:
                    if piece.text and first_token_s is None:
                        first_token_s = time.perf_counter() - started
                    text += piece.text
                    answer = dataclasses.replace(
                        answer,
                        text=text,
                        first_token_s=first_token_s,
                        prompt_tokens=piece.prompt_tokens,
                        new_tokens=piece.new_tokens,
                        reason=piece.reason,
                        place=piece.place,
                    )
                    yield answer
            answer = dataclasses.replace(answer, outcome="complete")
        except GeneratorExit:
            answer = dataclasses.replace(answer, outcome="stopped", reason="")
            raise
        except DuodeskError as error:
            answer = dataclasses.replace(answer, error=str(error), reason=kind_of(error))
        except Exception:
            log.exception("the answer %s failed", answer.id)
            answer = dataclasses.replace(
                answer,
                error="Something went wrong inside Duodesk; the log holds the details. Try again.",
                reason="bug",
            )
        finally:
            answer = dataclasses.replace(answer, total_s=time.perf_counter() - started, place=0)
            try:
                self.store.add_answer(answer)
                self._tell(answer, spec)
            finally:
                self._answering.discard((question.chat_id, answer.id))
        yield answer

    def _tell(self, answer: Answer, spec: ArmSpec) -> None:
        for watcher in self._watchers:
            try:
                watcher(answer, spec)
            except Exception:  # who watches must not hurt who is answered
                log.exception("a watcher failed on the answer %s", answer.id)

    def _check_length(self, text: str) -> None:
        if len(text) > self.max_message_chars:
            raise InvalidMessage(
                f"The message has {len(text):,} characters, but at most {self.max_message_chars:,} are accepted; "
                "shorten it, or index long text as a document."
            )

    def _check_room(self) -> None:
        if self.under_way >= self.most_under_way:
            raise Busy(
                f"The line is full: {self.under_way:,} answers are under way or wait for their turn already. "
                "Please try again in a moment."
            )

    def _is_of(self, owner: str, chat_id: str, drawn: Drawn | None) -> bool:
        try:
            chat = self.store.chat(chat_id)
        except UnknownChat:
            return False
        return chat.owner == owner and chat.kind == "chat" and drawn_for(chat) == drawn

    def _last(self, chat_id: str) -> Exchange:
        exchanges = self.store.exchanges(chat_id)
        if not exchanges:
            raise InvalidMessage("This chat holds no message yet; ask something first.")
        return exchanges[-1]


def _chat(owner: str, drawn: Drawn | None) -> Chat:
    if drawn is None:
        return Chat(new_id(), owner)
    return Chat(new_id(), owner, specs=(drawn.spec,), split=drawn.split, split_arm=drawn.arm)


def _title(text: str) -> str:
    """A chat's name in lists: the first words of its first question."""
    line = " ".join(text.split())
    return line if len(line) <= 60 else line[:57].rsplit(" ", 1)[0] + "…"
