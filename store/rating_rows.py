"""Rows of the ratings table: which a rater holds, has voted on last or may take, and how that changes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, exists, func, or_, select, update

from core.errors import AlreadyVoted, VoteError
from core.studies import REPEAT_AFTER, Rating
from store.records import rating_record
from store.tables import rating_skips, ratings, study_answers

LONGEST_RESERVED = timedelta(hours=1)


def held_by(study_id: str, rater: str) -> ColumnElement[bool]:
    """One at most. It stays theirs when its time has run out, until somebody else takes it."""
    return and_(ratings.c.study_id == study_id, ratings.c.rater == rater, ratings.c.choice.is_(None))


def last_vote_of(study_id: str, rater: str) -> ColumnElement[bool]:
    """One at most: the vote that can still be taken back."""
    voted = and_(ratings.c.rater == rater, ratings.c.choice.is_not(None))
    return and_(ratings.c.study_id == study_id, voted, ~ratings.c.final)


def first_free(connection: Connection, study_id: str, rater: str, moment: datetime) -> RowMapping | None:
    """The first rating in order that `rater` may take at this moment.

    In ever larger portions: it is mostly one of the first few, and to try thousands for each vote would take long.
    """
    # What is reserved for longer than anything ever is was reserved before the clock was set back.
    over = or_(ratings.c.reserved_until < moment, ratings.c.reserved_until > moment + LONGEST_RESERVED)
    unheld = or_(ratings.c.rater.is_(None), over)
    waiting = select(ratings.c.seq).where(ratings.c.study_id == study_id, ratings.c.choice.is_(None), unheld)
    seqs = connection.scalars(waiting.order_by(ratings.c.seq)).all()
    start, size = 0, 50
    while portion := seqs[start : start + size]:
        among = and_(ratings.c.seq.between(portion[0], portion[-1]), unheld)
        if found := first_rating(connection, and_(among, _fits(study_id, rater))):
            return found
        start, size = start + size, size * 10
    return None


def _fits(study_id: str, rater: str) -> ColumnElement[bool]:
    """Whether a rating can be had by `rater`, if nobody holds it."""
    skipped = exists().where(rating_skips.c.rating_id == ratings.c.id, rating_skips.c.rater == rater)
    return and_(
        ratings.c.study_id == study_id,
        ratings.c.choice.is_(None),
        ~skipped,
        _answered(ratings.c.left),
        _answered(ratings.c.right),
        or_(ratings.c.repeats.is_(None), _original_is_long_ago(study_id, rater)),
        or_(ratings.c.second_to.is_(None), _first_opinion_of_another(rater)),
        ~_has_second_opinion(rater),
    )


def first_rating(connection: Connection, conditions: ColumnElement[bool]) -> RowMapping | None:
    """The first rating in order that meets the conditions."""
    found = select(ratings).where(conditions).order_by(ratings.c.seq).limit(1)
    return connection.execute(found).mappings().first()


def hold(connection: Connection, row: Mapping[Any, Any], rater: str, until: datetime) -> Rating:
    held = {"rater": rater, "reserved_until": until}
    connection.execute(update(ratings).where(ratings.c.id == row["id"]).values(held))
    return rating_record({**row, **held})


def change_held(connection: Connection, rating_id: str, rater: str, values: Mapping[str, Any]) -> None:
    """Raises VoteError unless this rater holds the rating; AlreadyVoted when it has its vote."""
    its_row = ratings.c.id == rating_id
    held = update(ratings).where(its_row, ratings.c.rater == rater, ratings.c.choice.is_(None))
    if connection.execute(held.values(values)).rowcount:
        return
    row = connection.execute(select(ratings).where(its_row)).mappings().first()
    if row is None:
        raise not_there()
    if row["choice"] is not None:
        raise AlreadyVoted("This pair has its vote already; go on with the next.")
    raise VoteError("This pair is not reserved for you any more; go on with the next.")


def last_place(connection: Connection, study_id: str) -> int:
    """Of the study's votes. Places are counted, since a clock may be set back."""
    of_study = select(func.max(ratings.c.place)).where(ratings.c.study_id == study_id)
    return connection.scalar(of_study) or 0


def not_there() -> VoteError:
    return VoteError("There is no such pair to rate; go on with the next.")


def _answered(arm: ColumnElement[str]) -> ColumnElement[bool]:
    return exists().where(
        study_answers.c.study_id == ratings.c.study_id,
        study_answers.c.arm_name == arm,
        study_answers.c.question_id == ratings.c.question_id,
        study_answers.c.outcome == "complete",
    )


def _original_is_long_ago(study_id: str, rater: str) -> ColumnElement[bool]:
    """Whether the rater has voted on what is to be repeated, and REPEAT_AFTER times since."""
    original, later = ratings.alias(), ratings.alias()
    theirs = select(later.c.place).where(
        later.c.study_id == study_id, later.c.rater == rater, later.c.place.is_not(None)
    )
    long_ago = theirs.order_by(later.c.place.desc()).offset(REPEAT_AFTER - 1).limit(1).scalar_subquery()
    return exists().where(original.c.id == ratings.c.repeats, original.c.rater == rater, original.c.place < long_ago)


def _first_opinion_of_another(rater: str) -> ColumnElement[bool]:
    first = ratings.alias()
    return exists().where(first.c.id == ratings.c.second_to, first.c.rater != rater, first.c.choice.is_not(None))


def _has_second_opinion(rater: str) -> ColumnElement[bool]:
    """Whether the rater has given it, as can be when the first was taken back."""
    second = ratings.alias()
    return exists().where(second.c.second_to == ratings.c.id, second.c.rater == rater)
