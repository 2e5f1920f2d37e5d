"""Removal for good over SQL: core.privacy.PrivacyStore for SQLite and Postgres alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    CursorResult,
    Engine,
    Select,
    Table,
    delete,
    exists,
    insert,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from core.privacy import AuditLine, Whose
from core.types import Chat, new_id
from store.database import transaction, vacuum
from store.reading import BATCH
from store.records import chat_record
from store.tables import (
    answers,
    audit,
    chats,
    pairs,
    questions,
    rating_skips,
    ratings,
    redactions,
    study_answers,
    study_questions,
    thumbs,
    votes,
)


class SqlPrivacyStore:
    """Implements core.privacy.PrivacyStore; every method may raise StoreError. Reached as `store.privacy`."""

    def __init__(self, engine: Engine) -> None:
        """`engine` comes from store.database.open_engine and its schema is at head."""
        self._engine = engine

    def count(self, kinds: Mapping[str, int]) -> None:
        dialect = postgresql if self._engine.dialect.name == "postgresql" else sqlite
        with transaction(self._engine, sqlite_begin="IMMEDIATE") as connection:
            for kind, number in sorted(kinds.items()):  # in one order, so that two programs never wait for each other
                first = dialect.insert(redactions).values(kind=kind, count=number)
                added = {"count": redactions.c.count + first.excluded.count}
                connection.execute(first.on_conflict_do_update(index_elements=["kind"], set_=added))

    def counts(self) -> dict[str, int]:
        found = select(redactions.c.kind, redactions.c.count).order_by(redactions.c.count.desc(), redactions.c.kind)
        with transaction(self._engine) as connection:
            return dict(connection.execute(found).tuples().all())

    def chats(self, whose: Whose) -> list[Chat]:
        with transaction(self._engine) as connection:
            found = connection.execute(select(chats).where(_of(whose)).order_by(chats.c.seq)).mappings()
            return [chat_record(row) for row in found]

    def has_rated(self, visitor: str) -> bool:
        with transaction(self._engine) as connection:
            return any(
                connection.scalar(select(table.c.seq).where(table.c.rater == visitor).limit(1))
                for table in (votes, thumbs, ratings)
            )

    def remove(self, whose: Whose, who: str, what: str, also: Mapping[str, int] | None = None) -> AuditLine:
        counts: Counter[str] = Counter()
        with transaction(self._engine, sqlite_begin="IMMEDIATE") as connection:
            ids = connection.scalars(select(chats.c.id).where(_of(whose)).with_for_update()).all()
            for start in range(0, len(ids), BATCH):
                counts.update(_delete_chats(connection, ids[start : start + BATCH]))
            if whose.visitor:
                counts.update(_hide_rater(connection, whose.visitor))
            counts.update(also or {})
            line = AuditLine(who, what, {name: count for name, count in counts.items() if count})
            if line.counts:
                connection.execute(insert(audit).values(who=who, what=what, counts=dict(line.counts), at=line.at))
        return line

    def scrub(self) -> None:
        vacuum(self._engine)

    def audit(self) -> list[AuditLine]:
        with transaction(self._engine) as connection:
            rows = connection.execute(select(audit).order_by(audit.c.seq.desc()))
            return [AuditLine(row.who, row.what, row.counts, row.at) for row in rows]


def _of(whose: Whose) -> ColumnElement[bool]:
    if whose.visitor:
        return chats.c.owner == whose.visitor
    if whose.chat_id:
        return chats.c.id == whose.chat_id
    assert whose.before
    later = exists().where(questions.c.chat_id == chats.c.id, questions.c.created_at >= whose.before)
    return (chats.c.created_at < whose.before) & ~later


def _delete_chats(connection: Connection, ids: Sequence[str]) -> dict[str, int]:
    """With all that refers to them, and what is being added to them at this moment."""
    asked = select(questions.c.id).where(questions.c.chat_id.in_(ids))
    answered = select(answers.c.id).where(answers.c.question_id.in_(asked))
    paired = select(pairs.c.id).where(pairs.c.question_id.in_(asked))
    for held in (asked, answered, paired):  # on Postgres: waits for who adds to these rows, and lets nobody else
        connection.execute(held.with_for_update())
    return {
        **_delete_copies(connection, asked),
        "votes": _delete(connection, votes, votes.c.pair_id.in_(paired)),
        "pairs": _delete(connection, pairs, pairs.c.question_id.in_(asked)),
        "thumbs": _delete(connection, thumbs, thumbs.c.answer_id.in_(answered)),
        "answers": _delete(connection, answers, answers.c.question_id.in_(asked)),
        "questions": _delete(connection, questions, questions.c.chat_id.in_(ids)),
        "chats": _delete(connection, chats, chats.c.id.in_(ids)),
    }


def _delete_copies(connection: Connection, asked: Select[tuple[str]]) -> dict[str, int]:
    """A study may have taken questions over from a split, under their own identifiers: with all that was made of
    them."""
    judged = select(ratings.c.id).where(ratings.c.question_id.in_(asked))
    _delete(connection, rating_skips, rating_skips.c.rating_id.in_(judged))
    return {
        "ratings of studies": _delete(connection, ratings, ratings.c.question_id.in_(asked)),
        "answers of studies": _delete(connection, study_answers, study_answers.c.question_id.in_(asked)),
        "questions of studies": _delete(connection, study_questions, study_questions.c.id.in_(asked)),
    }


def _delete(connection: Connection, table: Table, condition: ColumnElement[bool]) -> int:
    return _rows(connection.execute(delete(table).where(condition)))


def _hide_rater(connection: Connection, rater: str) -> dict[str, int]:
    """One new name for all of them: that they come from one person is what statistics must know."""
    name = new_id()[:16]
    hidden = {
        table.name: _rows(
            connection.execute(update(table).where(table.c.rater == rater).values(rater=name, comment=""))
        )
        for table in (votes, thumbs, ratings)
    }
    connection.execute(update(rating_skips).where(rating_skips.c.rater == rater).values(rater=name))
    return {f"{table} made anonymous": count for table, count in hidden.items()}


def _rows(result: CursorResult[Any]) -> int:
    return result.rowcount
