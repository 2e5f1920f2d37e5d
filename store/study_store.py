"""The store of studies over SQL: core.studies.StudyStore for SQLite and Postgres alike.

What reads before it writes does so while nobody else changes the study: on SQLite as the only writer, on Postgres
under a lock on the study's row, which lets others still add answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, Table, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from core.errors import StudyError, UnknownStudy, VoteError
from core.studies import ExperimentKind, Rating, Study, StudyAnswer, StudyStatus, TestQuestion
from core.types import Answer, Arm, Exchange, now
from store import tables
from store.database import transaction
from store.failures import violated
from store.rated_exchanges import exchanges_of
from store.rating_rows import change_held, first_free, first_rating, held_by, hold, last_place, last_vote_of, not_there
from store.reading import BATCH
from store.records import (
    answer_record,
    digest,
    rating_record,
    rating_row,
    study_answer_record,
    study_answer_row,
    study_question_record,
    study_record,
    study_row,
)

NOBODY: dict[str, Any] = {"rater": None, "reserved_until": None}
NO_VOTE: dict[str, Any] = {
    "choice": None,
    "criteria": {},
    "comment": "",
    "guessed_left": None,
    "place": None,
    "rated_at": None,
    "final": False,
}


class SqlStudyStore:
    """Implements core.studies.StudyStore; every method may raise StoreError. Reached as `store.studies`."""

    def __init__(self, engine: Engine) -> None:
        """`engine` comes from store.database.open_engine and its schema is at head."""
        self._engine = engine

    # ---- studies

    def add(self, study: Study, ratings: Sequence[Rating]) -> None:
        """Raises StudyError when the study, a question or a rating is there already."""
        asked = [asdict(question) | {"study_id": study.id} for question in study.questions]
        with self._writing() as connection:
            try:
                connection.execute(insert(tables.studies).values(study_row(study)))
                _insert(connection, tables.study_questions, asked)
            except IntegrityError as error:
                raise StudyError(
                    f"There is a study {study.id} already, or two of its questions share an id."
                ) from error
            self._add_ratings(connection, ratings)

    def study(self, study_id: str) -> Study:
        with transaction(self._engine) as connection:
            row = connection.execute(select(tables.studies).where(tables.studies.c.id == study_id)).mappings().first()
            if row is None:
                raise _unknown(study_id)
            return _study(connection, row)

    def studies(self) -> list[Study]:
        with transaction(self._engine) as connection:
            rows = connection.execute(select(tables.studies).order_by(tables.studies.c.seq.desc())).mappings().all()
            return [_study(connection, row) for row in rows]

    def remove(self, study_id: str) -> None:
        its_ratings = select(tables.ratings.c.id).where(tables.ratings.c.study_id == study_id)
        with self._writing() as connection:
            _lock(connection, study_id, whole=True)  # nobody adds to it while it goes
            connection.execute(delete(tables.rating_skips).where(tables.rating_skips.c.rating_id.in_(its_ratings)))
            for table in (tables.ratings, tables.study_answers, tables.study_questions):
                connection.execute(delete(table).where(table.c.study_id == study_id))
            connection.execute(delete(tables.studies).where(tables.studies.c.id == study_id))

    def say(self, study_id: str, status: StudyStatus, message: str = "") -> None:
        with self._changing(study_id) as connection:
            _update_study(connection, study_id, status=status, message=message)

    def note(self, study_id: str, note: str) -> None:
        with self._changing(study_id) as connection:
            notes = connection.scalars(select(tables.studies.c.notes).where(tables.studies.c.id == study_id)).one()
            _update_study(connection, study_id, notes=list(dict.fromkeys([*notes, tables.clean(note)])))

    def keep_experiment(self, study_id: str, kind: ExperimentKind, content: Mapping[str, Any]) -> None:
        with self._changing(study_id) as connection:
            kept = connection.scalars(select(tables.studies.c.experiments).where(tables.studies.c.id == study_id)).one()
            _update_study(connection, study_id, experiments={**kept, kind: dict(content)})

    # ---- answers

    def add_answer(self, answer: StudyAnswer) -> None:
        """Raises StudyError too, when the study has no such question."""
        dialect = postgresql if self._engine.dialect.name == "postgresql" else sqlite
        with self._writing() as connection:
            row = study_answer_row(answer, _question(connection, answer.study_id, answer.answer.question_id))
            try:
                connection.execute(dialect.insert(tables.study_answers).values(row).on_conflict_do_nothing())
            except IntegrityError as error:
                raise _unknown(answer.study_id) from error

    def answers(self, study_id: str, question_id: str = "") -> list[StudyAnswer]:
        with transaction(self._engine) as connection:
            return _answers(connection, study_id, question_id)

    def answered(self, study_id: str) -> set[tuple[str, str]]:
        table = tables.study_answers.c
        complete = select(table.arm_name, table.question_id).where(table.study_id == study_id)
        with transaction(self._engine) as connection:
            return set(connection.execute(complete.where(table.outcome == "complete")).tuples())

    def answer_counts(self, study_id: str) -> dict[str, int]:
        arm = tables.study_answers.c.arm_name
        counts = select(arm, func.count()).where(tables.study_answers.c.study_id == study_id).group_by(arm)
        with transaction(self._engine) as connection:
            return dict(connection.execute(counts.order_by(arm)).tuples().all())

    def same_answers(self, arm: Arm, questions: Sequence[TestQuestion]) -> dict[str, Answer]:
        """Only whole answers; of several, the first that was given."""
        wanted = {question.id: digest(arm, question) for question in questions}
        digests = sorted(set(wanted.values()))
        given: dict[str, Answer] = {}
        with transaction(self._engine) as connection:
            for start in range(0, len(digests), BATCH):
                for row in _complete_answers(connection, digests[start : start + BATCH]):
                    given.setdefault(row["digest"], answer_record(row))
        return {question: replace(given[one], question_id=question) for question, one in wanted.items() if one in given}

    # ---- ratings

    def add_ratings(self, ratings: Sequence[Rating]) -> None:
        """Raises UnknownStudy, and StudyError when a rating is there already."""
        with self._writing() as connection:
            self._add_ratings(connection, ratings)

    def reserve(self, study_id: str, rater: str, until: datetime) -> Rating | None:
        """Only of answers that are complete. Raises UnknownStudy, and VoteError for a rater without a name."""
        if not rater:
            raise VoteError("A rating needs the name of its rater; enter a name first.")
        with self._changing(study_id) as connection:
            held = first_rating(connection, held_by(study_id, rater))
            row = held or first_free(connection, study_id, rater, now())
            return None if row is None else hold(connection, row, rater, until)

    def rate(self, rating: Rating) -> None:
        vote = {name: getattr(rating, name) for name in ("choice", "criteria", "comment", "guessed_left")}
        with self._changing(rating.study_id) as connection:
            earlier = last_vote_of(rating.study_id, rating.rater)
            connection.execute(update(tables.ratings).where(earlier).values(final=True))
            place = last_place(connection, rating.study_id) + 1
            taken = vote | {"place": place, "rated_at": now(), "reserved_until": None}
            change_held(connection, rating.id, rating.rater, taken)

    def skip(self, rating_id: str, rater: str) -> None:
        with self._writing() as connection:
            study_id = connection.scalar(select(tables.ratings.c.study_id).where(tables.ratings.c.id == rating_id))
            if study_id is None:
                raise not_there()
            _lock(connection, study_id)
            change_held(connection, rating_id, rater, NOBODY)
            connection.execute(insert(tables.rating_skips).values(rating_id=rating_id, rater=rater))

    def undo(self, study_id: str, rater: str, until: datetime) -> Rating:
        with self._changing(study_id) as connection:
            last = first_rating(connection, last_vote_of(study_id, rater))
            if last is None:
                raise VoteError("There is no vote to take back: it is only your last one that can be, and only once.")
            connection.execute(update(tables.ratings).where(held_by(study_id, rater)).values(NOBODY))
            connection.execute(update(tables.ratings).where(tables.ratings.c.id == last["id"]).values(NO_VOTE))
            return hold(connection, {**last, **NO_VOTE}, rater, until)

    def ratings(self, study_id: str, rater: str = "") -> list[Rating]:
        with transaction(self._engine) as connection:
            return _ratings(connection, study_id, rater)

    def rated_exchanges(self, study_id: str = "") -> list[Exchange]:
        wanted = select(tables.studies).where(tables.studies.c.id == study_id) if study_id else select(tables.studies)
        found: list[Exchange] = []
        with transaction(self._engine) as connection:
            rows = connection.execute(wanted.order_by(tables.studies.c.seq.desc())).mappings().all()
            if study_id and not rows:
                raise _unknown(study_id)
            for row in rows:
                if votes := [rating for rating in _ratings(connection, row["id"]) if rating.choice]:
                    found += exchanges_of(_study(connection, row), _answers(connection, row["id"]), votes)
        return found

    def _add_ratings(self, connection: Connection, planned: Sequence[Rating]) -> None:
        try:
            _insert(connection, tables.ratings, [rating_row(rating) for rating in planned])
        except IntegrityError as error:
            if violated(error) == "reference":
                raise _unknown(planned[0].study_id) from error
            raise StudyError("One of these ratings is there already; draw them anew.") from error

    @contextmanager
    def _changing(self, study_id: str) -> Iterator[Connection]:
        """A transaction in which nobody else changes the study. Raises UnknownStudy."""
        with self._writing() as connection:
            _lock(connection, study_id)
            yield connection

    def _writing(self) -> AbstractContextManager[Connection]:
        return transaction(self._engine, sqlite_begin="IMMEDIATE")


def _lock(connection: Connection, study_id: str, whole: bool = False) -> None:
    """Until the end of the transaction; `whole` keeps answers and ratings from being added too. Raises UnknownStudy."""
    found = select(tables.studies.c.seq).where(tables.studies.c.id == study_id)
    if connection.scalar(found.with_for_update(key_share=not whole)) is None:
        raise _unknown(study_id)


def _insert(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        connection.execute(insert(table), rows)


def _update_study(connection: Connection, study_id: str, **values: Any) -> None:
    connection.execute(update(tables.studies).where(tables.studies.c.id == study_id).values(values))


def _study(connection: Connection, row: RowMapping) -> Study:
    of_study = select(tables.study_questions).where(tables.study_questions.c.study_id == row["id"])
    return study_record(row, connection.execute(of_study.order_by(tables.study_questions.c.seq)).mappings().all())


def _answers(connection: Connection, study_id: str, question_id: str = "") -> list[StudyAnswer]:
    wanted = select(tables.study_answers).where(tables.study_answers.c.study_id == study_id)
    if question_id:
        wanted = wanted.where(tables.study_answers.c.question_id == question_id)
    rows = connection.execute(wanted.order_by(tables.study_answers.c.seq)).mappings()
    return [study_answer_record(row) for row in rows]


def _ratings(connection: Connection, study_id: str, rater: str = "") -> list[Rating]:
    wanted = select(tables.ratings).where(tables.ratings.c.study_id == study_id)
    if rater:
        wanted = wanted.where(tables.ratings.c.rater == rater)
    rows = connection.execute(wanted.order_by(tables.ratings.c.seq)).mappings()
    return [rating_record(row) for row in rows]


def _question(connection: Connection, study_id: str, question_id: str) -> TestQuestion:
    of_study = tables.study_questions.c.study_id == study_id
    found = select(tables.study_questions).where(of_study, tables.study_questions.c.id == question_id)
    row = connection.execute(found).mappings().first()
    if row is None:
        _lock(connection, study_id)
        raise StudyError(f"The study {study_id} has no question {question_id}; answer one of its own.")
    return study_question_record(row)


def _complete_answers(connection: Connection, digests: Sequence[str]) -> Sequence[RowMapping]:
    """The oldest first."""
    same = tables.study_answers.c.digest.in_(digests)
    found = select(tables.study_answers).where(same, tables.study_answers.c.outcome == "complete")
    return connection.execute(found.order_by(tables.study_answers.c.seq)).mappings().all()


def _unknown(study_id: str) -> UnknownStudy:
    return UnknownStudy(f"There is no study {study_id}.")
