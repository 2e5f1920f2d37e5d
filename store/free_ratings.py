"""Which planned ratings a rater holds, has voted on last, or may take: conditions on the ratings table."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, and_, exists, func, or_, select

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
        or_(ratings.c.repeats.is_(None), _votes_since_original(rater) >= REPEAT_AFTER),
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


def _votes_since_original(rater: str) -> ColumnElement[int]:
    """How many votes the rater has cast after the one that is to be repeated; 0 when another cast that."""
    original, later = ratings.alias(), ratings.alias()
    theirs = and_(original.c.rater == rater, later.c.rater == rater)
    return (
        select(func.count())
        .select_from(original)
        .join(later, and_(later.c.study_id == original.c.study_id, later.c.place > original.c.place))
        .where(original.c.id == ratings.c.repeats, theirs)
        .scalar_subquery()
    )


def _first_opinion_of_another(rater: str) -> ColumnElement[bool]:
    first = ratings.alias()
    return exists().where(first.c.id == ratings.c.second_to, first.c.rater != rater, first.c.choice.is_not(None))


def _has_second_opinion(rater: str) -> ColumnElement[bool]:
    """Whether the rater has given it, as can be when the first was taken back."""
    second = ratings.alias()
    return exists().where(second.c.second_to == ratings.c.id, second.c.rater == rater)
