"""Hands out a study's pairs blind and takes the votes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from core.comparison import check_vote, normalise
from core.studies import Rating, RatingProgress, RatingTask, StudyStore
from core.types import ArmName, Choice, now
from study.enough import enough

RESERVED = timedelta(minutes=10)  # longer than a rater looks at a pair, short enough to wait for one who left


class Ratings:
    """Implements core.studies.RatingQueue over a store. Nothing that a rater gets tells an arm or another's vote."""

    def __init__(self, store: StudyStore) -> None:
        self.store = store

    def next(self, study_id: str, rater: str) -> RatingTask | None:
        """Raises UnknownStudy, and VoteError for a rater without a name."""
        rating = self.store.reserve(study_id, rater, _reserved_until())
        return self._task(rating) if rating else None

    def vote(
        self,
        rating_id: str,
        study_id: str,
        rater: str,
        choice: Choice,
        criteria: Mapping[str, tuple[int, int]] | None = None,
        comment: str = "",
        guessed_left: ArmName | None = None,
    ) -> None:
        """Raises VoteError for a vote that does not exist or a pair that the rater does not hold, AlreadyVoted."""
        criteria = criteria or {}
        check_vote(choice, criteria, guessed_left)
        self.store.rate(
            Rating(
                id=rating_id,
                study_id=study_id,
                question_id="",  # this and the sides are in the store
                left="",
                right="",
                rater=rater,
                choice=choice,
                criteria=criteria,
                comment=comment.strip(),
                guessed_left=guessed_left,
            )
        )

    def skip(self, rating_id: str, rater: str) -> None:
        """Raises VoteError unless the rater holds it."""
        self.store.skip(rating_id, rater)

    def undo(self, study_id: str, rater: str) -> RatingTask:
        return self._task(self.store.undo(study_id, rater, _reserved_until()))

    def progress(self, study_id: str, rater: str = "") -> RatingProgress:
        """With a rater, for this rater: `enough` is empty, since a running result would sway the next vote. Without
        one, for the study's owner. Raises UnknownStudy."""
        study = self.store.study(study_id)
        planned = self.store.ratings(study_id)
        if study.status == "answered":  # a pair with an answer that failed will never be rated
            answered = self.store.answered(study_id)
            planned = [one for one in planned if one.choice or _sides(one) <= answered]
        voted = [rating for rating in planned if rating.choice]
        return RatingProgress(
            planned=len(planned),
            done=len(voted),
            raters=len({rating.rater for rating in voted}),
            mine=sum(rating.rater == rater for rating in voted),
            enough="" if rater else enough(study.plan, planned),
        )

    def _task(self, rating: Rating) -> RatingTask:
        (question,) = (one for one in self.store.study(rating.study_id).questions if one.id == rating.question_id)
        said = {one.arm: one.answer.text for one in self.store.answers(rating.study_id, rating.question_id)}
        mine = [one for one in self.store.ratings(rating.study_id, rating.rater) if one.choice]
        return RatingTask(
            id=rating.id,
            number=len(mine) + 1,
            question=question.question,
            history=question.history,
            left=normalise(said[rating.left]),
            right=normalise(said[rating.right]),
            can_undo=any(not one.final for one in mine),
        )


def _sides(rating: Rating) -> set[tuple[str, str]]:
    """The arms and the question, as StudyStore.answered names them."""
    return {(arm, rating.question_id) for arm in (rating.left, rating.right)}


def _reserved_until() -> datetime:
    return now() + RESERVED
