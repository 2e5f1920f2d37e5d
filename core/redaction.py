"""Personal data is replaced before anything is kept: a store around the store, and the records of the log.

What goes into a store passes here, whoever writes it, so that no caller can forget it. What the customer and the model
see is not touched: only what is on record, and with it the history that later questions of the chat are answered with.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from core.api_keys import ApiKeyStore
from core.errors import DuodeskError
from core.personal_data import contacts, redact
from core.privacy import PrivacyStore
from core.protocols import Retriever, Store
from core.splits import SplitStore
from core.studies import ExperimentKind, Rating, Study, StudyAnswer, StudyStatus, StudyStore, TestQuestion
from core.types import (
    Answer,
    Arm,
    Chat,
    ChatKind,
    Exchange,
    Lane,
    Pair,
    Question,
    Thumb,
    TranscriptFilter,
    Turn,
    Vote,
)

log = logging.getLogger(__name__)

LOOK_S = 5.0  # that a look at the documents may hold up what is written; then those known before count
LOOKED_THROUGH = 1_000_000  # characters of each document for the company's own contacts; a million take seconds

Own = Callable[[], Collection[str]]


class OwnContacts:
    """The contacts that the indexed documents name: the company's own, which are nobody's personal data.

    Called before everything that is written: it looks only at documents that are new since the last call. An index that
    does not answer holds up nobody for longer than LOOK_S: the look goes on behind, and one is enough for all callers.
    """

    def __init__(self, retriever: Retriever) -> None:
        self._retriever = retriever
        self._lock = threading.Lock()
        self._look: threading.Thread | None = None
        self._wait_until = 0.0
        self._version = ""
        self._by_text: dict[int, frozenset[str]] = {}
        self._all: frozenset[str] = frozenset()

    def __call__(self) -> frozenset[str]:
        with self._lock:
            if self._look is None or not self._look.is_alive():
                self._look = threading.Thread(target=self._try_to_read, daemon=True)
                self._look.start()
                self._wait_until = time.monotonic() + LOOK_S
            look, wait_until = self._look, self._wait_until
        look.join(max(0.0, wait_until - time.monotonic()))
        return self._all

    def _try_to_read(self) -> None:
        try:
            self._read()
        except DuodeskError as error:  # an index that cannot be opened must not keep a question from being stored
            log.warning("the company's own contacts are not known: %s", error)

    def _read(self) -> None:
        version = self._retriever.version
        if version == self._version:
            return
        texts = {self._text(source) for source, _ in self._retriever.documents()}
        known = self._by_text
        self._by_text = {hash(text): known[hash(text)] if hash(text) in known else contacts(text) for text in texts}
        self._all = frozenset().union(*self._by_text.values())
        self._version = version

    def _text(self, source: str) -> str:
        try:
            return self._retriever.document(source)[:LOOKED_THROUGH]
        except DuodeskError:
            return ""  # removed at this moment


class _Redactor:
    """Replaces personal data and counts it. Made for one record that is to be written."""

    def __init__(self, own: Own) -> None:
        self.own = own()
        self.counts: Counter[str] = Counter()

    def text(self, text: str) -> str:
        """What a person or a model wrote."""
        redacted, found = redact(text, self.own)
        self.counts.update(found)
        return redacted

    def copy(self, text: str) -> str:
        """What was counted where it was first written."""
        return redact(text, self.own)[0]

    def answer(self, answer: Answer) -> Answer:
        """Passages are documents of the company and stay as they are."""
        prompt = tuple(Turn(turn.role, self.copy(turn.text)) for turn in answer.prompt)
        return replace(answer, text=self.text(answer.text), prompt=prompt, error=self.copy(answer.error))


class RedactingStore:
    """Implements core.protocols.Store around another one. `own` gives the spellings of contacts that stay."""

    def __init__(self, store: Store, own: Own) -> None:
        self._store = store
        self.own = own
        self._studies = RedactingStudyStore(store.studies, store.privacy, own)

    @property
    def studies(self) -> StudyStore:
        return self._studies

    @property
    def splits(self) -> SplitStore:
        return self._store.splits

    @property
    def privacy(self) -> PrivacyStore:
        return self._store.privacy

    @property
    def api_keys(self) -> ApiKeyStore:
        return self._store.api_keys

    def add_chat(self, chat: Chat) -> None:
        redactor = _Redactor(self.own)
        opening = tuple(Turn(turn.role, redactor.text(turn.text)) for turn in chat.opening)
        self._store.add_chat(replace(chat, title=redactor.copy(chat.title), opening=opening))
        _count(self.privacy, redactor)

    def rename_chat(self, chat_id: str, title: str) -> None:
        self._store.rename_chat(chat_id, _Redactor(self.own).copy(title))

    def add_question(self, question: Question) -> Question:
        redactor = _Redactor(self.own)
        recorded = self._store.add_question(replace(question, text=redactor.text(question.text)))
        _count(self.privacy, redactor)
        return recorded

    def continue_chat(self, question: Question) -> bool:
        """What is on record has been redacted, so that only a history that is too can be found the same."""
        redactor = _Redactor(self.own)
        history = tuple(Turn(turn.role, redactor.copy(turn.text)) for turn in question.history)
        if not self._store.continue_chat(replace(question, text=redactor.text(question.text), history=history)):
            return False
        _count(self.privacy, redactor)
        return True

    def add_answer(self, answer: Answer) -> None:
        redactor = _Redactor(self.own)
        self._store.add_answer(redactor.answer(answer))
        _count(self.privacy, redactor)

    def add_vote(self, vote: Vote) -> None:
        redactor = _Redactor(self.own)
        self._store.add_vote(replace(vote, comment=redactor.text(vote.comment)))
        _count(self.privacy, redactor)

    def set_thumb(self, thumb: Thumb) -> None:
        redactor = _Redactor(self.own)
        self._store.set_thumb(replace(thumb, comment=redactor.text(thumb.comment)))
        _count(self.privacy, redactor)

    # ---- without texts of people

    def chat(self, chat_id: str) -> Chat:
        return self._store.chat(chat_id)

    def chats(self, owner: str, kinds: Sequence[ChatKind] = ("chat",), limit: int = 50) -> list[Chat]:
        return self._store.chats(owner, kinds, limit)

    def lock_chat(self, chat_id: str) -> None:
        self._store.lock_chat(chat_id)

    def withdraw(self, question_id: str) -> None:
        self._store.withdraw(question_id)

    def exchanges(self, chat_id: str) -> list[Exchange]:
        return self._store.exchanges(chat_id)

    def history(self, chat_id: str, lane: Lane = "a", before: str = "") -> tuple[Turn, ...]:
        return self._store.history(chat_id, lane, before)

    def add_pair(self, pair: Pair) -> None:
        self._store.add_pair(pair)

    def search(self, wanted: TranscriptFilter, offset: int = 0, limit: int | None = None) -> list[Exchange]:
        return self._store.search(wanted, offset, limit)

    def count(self, wanted: TranscriptFilter) -> int:
        return self._store.count(wanted)

    def close(self) -> None:
        self._store.close()


class RedactingStudyStore:
    """Implements core.studies.StudyStore around another one. A study's questions are the company's and stay, those of a
    split were redacted when they were asked, and so the answers stay too: no customer is in them, and an address that a
    model made up must be graded as what it is."""

    def __init__(self, store: StudyStore, privacy: PrivacyStore, own: Own) -> None:
        self._store = store
        self._privacy = privacy
        self._own = own

    def rate(self, rating: Rating) -> None:
        redactor = _Redactor(self._own)
        self._store.rate(replace(rating, comment=redactor.text(rating.comment)))
        _count(self._privacy, redactor)

    # ---- without texts of people

    def add(self, study: Study, ratings: Sequence[Rating]) -> None:
        self._store.add(study, ratings)

    def study(self, study_id: str) -> Study:
        return self._store.study(study_id)

    def studies(self) -> list[Study]:
        return self._store.studies()

    def remove(self, study_id: str) -> None:
        self._store.remove(study_id)

    def say(self, study_id: str, status: StudyStatus, message: str = "") -> None:
        self._store.say(study_id, status, message)

    def note(self, study_id: str, note: str) -> None:
        self._store.note(study_id, note)

    def keep_experiment(self, study_id: str, kind: ExperimentKind, content: Mapping[str, Any]) -> None:
        self._store.keep_experiment(study_id, kind, content)

    def add_answer(self, answer: StudyAnswer) -> None:
        self._store.add_answer(answer)

    def answers(self, study_id: str, question_id: str = "") -> list[StudyAnswer]:
        return self._store.answers(study_id, question_id)

    def answered(self, study_id: str) -> set[tuple[str, str]]:
        return self._store.answered(study_id)

    def answer_counts(self, study_id: str) -> dict[str, int]:
        return self._store.answer_counts(study_id)

    def same_answers(self, arm: Arm, questions: Sequence[TestQuestion]) -> dict[str, Answer]:
        return self._store.same_answers(arm, questions)

    def add_ratings(self, ratings: Sequence[Rating]) -> None:
        self._store.add_ratings(ratings)

    def reserve(self, study_id: str, rater: str, until: datetime) -> Rating | None:
        return self._store.reserve(study_id, rater, until)

    def skip(self, rating_id: str, rater: str) -> None:
        self._store.skip(rating_id, rater)

    def undo(self, study_id: str, rater: str, until: datetime) -> Rating:
        return self._store.undo(study_id, rater, until)

    def ratings(self, study_id: str, rater: str = "") -> list[Rating]:
        return self._store.ratings(study_id, rater)

    def rated_exchanges(self, study_id: str = "") -> list[Exchange]:
        return self._store.rated_exchanges(study_id)


def redact_logs() -> None:
    """From now on every log record of this process passes here: its message, its arguments, its traceback."""
    make = logging.getLogRecordFactory()
    formatter = logging.Formatter()

    def record(*arguments: Any, **named: Any) -> logging.LogRecord:
        made = make(*arguments, **named)
        made.msg = _logged(made.msg)
        if isinstance(made.args, tuple):
            made.args = tuple(map(_logged, made.args))
        if made.exc_info and made.exc_info[0]:
            made.exc_text = _logged(formatter.formatException(made.exc_info))
        return made

    logging.setLogRecordFactory(record)


def _logged(said: Any) -> Any:
    """Text, or an exception's text, without personal data; numbers and the like as they are."""
    return redact(str(said))[0] if isinstance(said, str | BaseException) else said


def _count(privacy: PrivacyStore, redactor: _Redactor) -> None:
    """A count that is lost must not make it look as if what was said were not stored."""
    try:
        if redactor.counts:
            privacy.count(redactor.counts)
    except DuodeskError as error:
        log.warning("not counted: %s (%s)", dict(redactor.counts), error)
