"""Which planned ratings a rater holds, has voted on last, or may take: conditions on the ratings table."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, and_, exists, or_, select

from core.studies import REPEAT_AFTER
from store.tables import rating_skips, ratings, study_answers


def held_by(study_id: str, rater: str) -> ColumnElement[bool]:
    """One at most. It stays theirs when its time has run out, until somebody else takes it."""
    return and_(ratings.c.study_id == study_id, ratings.c.rater == rater, ratings.c.choice.is_(None))


def last_vote_of(study_id: str, rater: str) -> ColumnElement[bool]:
    """One at most: the vote that can still be taken back."""
    voted = and_(ratings.c.rater == rater, ratings.c.choice.is_not(None))
    return and_(ratings.c.study_id == study_id, voted, ~ratings.c.final)


def free_for(study_id: str, rater: str, moment: datetime) -> ColumnElement[bool]:
    """What `rater` may take at this moment."""
    skipped = exists().where(rating_skips.c.rating_id == ratings.c.id, rating_skips.c.rater == rater)
    return and_(
        ratings.c.study_id == study_id,
        ratings.c.choice.is_(None),
        or_(ratings.c.rater.is_(None), ratings.c.reserved_until < moment),
        ~skipped,
        _answered(ratings.c.left),
        _answered(ratings.c.right),
        or_(ratings.c.repeats.is_(None), _original_is_long_ago(study_id, rater)),
        or_(ratings.c.second_to.is_(None), _first_opinion_of_another(rater)),
        ~_has_second_opinion(rater),
    )


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
