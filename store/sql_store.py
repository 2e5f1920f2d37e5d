"""The store over SQL: core.protocols.Store for SQLite and Postgres alike.

Every call takes a connection, does one transaction and gives the connection back, so that any thread may call,
also one that merely closes a generator another thread has run.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Engine, Table, Update, exists, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from core.accounts import Accounts
from core.errors import AlreadyVoted, DuodeskError, StoreError, UnknownChat, VoteError
from core.types import (
    Answer,
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
from store.api_key_store import SqlApiKeyStore
from store.database import transaction
from store.failures import violated
from store.filters import conditions
from store.privacy_store import SqlPrivacyStore
from store.reading import conversation, read_exchanges
from store.records import answer_row, chat_record, question_row, turns
from store.split_store import SqlSplitStore
from store.study_store import SqlStudyStore
from store.tables import answers, chats, clean, pairs, questions, thumbs, votes


class SqlStore:
    """Implements core.protocols.Store; every method may raise StoreError. Made by store.open_store."""

    def __init__(self, engine: Engine) -> None:
        """`engine` comes from store.database.open_engine and its schema is at head."""
        self._engine = engine
        self._studies = SqlStudyStore(engine)
        self._privacy = SqlPrivacyStore(engine)
        self._api_keys = SqlApiKeyStore(engine)
        self._splits = SqlSplitStore(engine)

    @property
    def studies(self) -> SqlStudyStore:
        return self._studies

    @property
    def splits(self) -> SqlSplitStore:
        return self._splits

    @property
    def privacy(self) -> SqlPrivacyStore:
        return self._privacy

    @property
    def accounts(self) -> Accounts:
        """Who may do what, kept in the same database."""
        from store.account_store import SqlAccountStore, SqlLimiter

        return Accounts(SqlAccountStore(self._engine), SqlLimiter(self._engine))

    @property
    def api_keys(self) -> SqlApiKeyStore:
        return self._api_keys

    def add_chat(self, chat: Chat) -> None:
        self._insert(chats, asdict(chat), unique=StoreError(f"There is a chat {chat.id} already."))

    def chat(self, chat_id: str) -> Chat:
        with self._transaction() as connection:
            row = connection.execute(select(chats).where(chats.c.id == chat_id)).mappings().first()
        if row is None:
            raise _unknown_chat(chat_id)
        return chat_record(row)

    def chats(self, owner: str, kinds: Sequence[ChatKind] = ("chat",), limit: int = 50) -> list[Chat]:
        """A chat whose questions are all withdrawn counts as one without questions."""
        asked = exists().where(questions.c.chat_id == chats.c.id, ~questions.c.withdrawn)
        wanted = (chats.c.owner == owner, chats.c.kind.in_(kinds), asked)
        with self._transaction() as connection:
            newest = select(chats).where(*wanted).order_by(chats.c.seq.desc()).limit(limit)
            return [chat_record(row) for row in connection.execute(newest).mappings()]

    def rename_chat(self, chat_id: str, title: str) -> None:
        """Raises UnknownChat."""
        self._update(update(chats).where(chats.c.id == chat_id).values(title=title), _unknown_chat(chat_id))

    def lock_chat(self, chat_id: str) -> None:
        """Raises UnknownChat."""
        self._update(update(chats).where(chats.c.id == chat_id).values(locked=True), _unknown_chat(chat_id))

    def add_question(self, question: Question) -> Question:
        self._insert(
            questions,
            question_row(question),
            unique=StoreError(f"There is a question {question.id} already."),
            reference=_unknown_chat(question.chat_id),
        )
        return question

    def continue_chat(self, question: Question) -> bool:
        """On SQLite as the only writer, on Postgres under a lock on the chat: nobody else continues it meanwhile."""
        chat = select(chats.c.id).where(chats.c.id == question.chat_id)
        with transaction(self._engine, sqlite_begin="IMMEDIATE") as connection:
            if connection.execute(chat.with_for_update()).first() is None or _waits(connection, question.chat_id):
                return False
            if _plain(_turns_of(connection, question.chat_id)) != _plain(question.history):
                return False
            connection.execute(insert(questions).values(question_row(question)))
            return True

    def withdraw(self, question_id: str) -> None:
        """Withdrawing twice is the same as once; raises StoreError for a question that was never asked."""
        withdrawn = update(questions).where(questions.c.id == question_id).values(withdrawn=True)
        self._update(withdrawn, _unknown_question(question_id))

    def add_answer(self, answer: Answer) -> None:
        self._insert(
            answers,
            answer_row(answer),
            unique=StoreError(f"There is an answer {answer.id} already."),
            reference=_unknown_question(answer.question_id),
        )

    def exchanges(self, chat_id: str) -> list[Exchange]:
        of_chat = select(questions).where(questions.c.chat_id == chat_id, ~questions.c.withdrawn)
        with self._transaction() as connection:
            return read_exchanges(connection, of_chat.order_by(questions.c.seq))

    def history(self, chat_id: str, lane: Lane = "a", before: str = "") -> tuple[Turn, ...]:
        with self._transaction() as connection:
            seq = connection.scalar(select(questions.c.seq).where(questions.c.id == before)) if before else None
            return _turns_of(connection, chat_id, lane, seq)

    def add_pair(self, pair: Pair) -> None:
        self._insert(
            pairs,
            asdict(pair),
            unique=StoreError(f"There is a pair {pair.id} already."),
            reference=StoreError(f"The pair {pair.id} names a question or an answer that is not stored."),
        )

    def add_vote(self, vote: Vote) -> None:
        self._insert(
            votes,
            asdict(vote),
            unique=AlreadyVoted("You have voted on this pair already; votes are final."),
            reference=VoteError(f"There is no pair {vote.pair_id} to vote on."),
        )

    def set_thumb(self, thumb: Thumb) -> None:
        row = asdict(thumb)
        kept = {"answer_id", "rater"}
        dialect = postgresql if self._engine.dialect.name == "postgresql" else sqlite
        statement = dialect.insert(thumbs).values(row)
        with self._transaction() as connection:
            try:
                connection.execute(
                    statement.on_conflict_do_update(
                        index_elements=sorted(kept),
                        set_={name: statement.excluded[name] for name in row.keys() - kept},
                    )
                )
            except IntegrityError as error:
                raise StoreError(f"There is no answer {thumb.answer_id} to rate.") from error

    def search(self, wanted: TranscriptFilter, offset: int = 0, limit: int | None = None) -> list[Exchange]:
        """See store.filters.conditions for how the fields combine."""
        found = select(questions).where(*conditions(wanted)).order_by(questions.c.seq.desc())
        with self._transaction() as connection:
            return read_exchanges(connection, found.offset(offset).limit(limit))

    def count(self, wanted: TranscriptFilter) -> int:
        with self._transaction() as connection:
            found = select(func.count()).select_from(questions).where(*conditions(wanted))
            return connection.execute(found).scalar_one()

    def close(self) -> None:
        self._engine.dispose()

    def _transaction(self) -> AbstractContextManager[Connection]:
        return transaction(self._engine)

    def _insert(
        self, table: Table, row: dict[str, Any], unique: DuodeskError, reference: DuodeskError | None = None
    ) -> None:
        """Adds a row, or raises `unique` when it is there already, `reference` when what it refers to is not."""
        with self._transaction() as connection:
            try:
                connection.execute(insert(table).values(row))
            except IntegrityError as error:
                refusal = {"unique": unique, "reference": reference}.get(violated(error))
                if refusal is None:
                    raise
                raise refusal from error

    def _update(self, statement: Update, missing: DuodeskError) -> None:
        with self._transaction() as connection:
            if connection.execute(statement).rowcount == 0:
                raise missing


def _turns_of(connection: Connection, chat_id: str, lane: Lane = "a", seq: int | None = None) -> tuple[Turn, ...]:
    """A chat's opening and its turns before the question `seq`, or all of them."""
    opening = connection.scalar(select(chats.c.opening).where(chats.c.id == chat_id)) or []
    return turns(opening) + conversation(connection, [chat_id], lane).before(chat_id, seq)


def _waits(connection: Connection, chat_id: str) -> bool:
    """Whether a question of the chat has no answer yet."""
    answered = exists().where(answers.c.question_id == questions.c.id)
    waiting = select(questions.c.id).where(questions.c.chat_id == chat_id, ~questions.c.withdrawn, ~answered)
    return connection.execute(waiting.limit(1)).first() is not None


def _plain(said: Sequence[Turn]) -> list[tuple[str, str]]:
    """Turns as they are compared: callers trim what they send back."""
    return [(turn.role, clean(turn.text).strip()) for turn in said]


def _unknown_chat(chat_id: str) -> UnknownChat:
    return UnknownChat(f"There is no chat {chat_id}; start a new one.")


def _unknown_question(question_id: str) -> StoreError:
    return StoreError(f"There is no question {question_id}.")
