"""The votes of a study as exchanges, so that whoever learns from comparisons learns from studies alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

from core.studies import Rating, Study, StudyAnswer, TestQuestion
from core.types import Answer, ArmName, Chat, Choice, Exchange, Pair, Question, Vote, now

OTHER_SIDE: Mapping[Choice, Choice] = {"left": "right", "right": "left", "tie": "tie", "both_bad": "both_bad"}


def exchanges_of(study: Study, answers: Sequence[StudyAnswer], votes: Sequence[Rating]) -> list[Exchange]:
    """An exchange for each two arms' answers to a question, in the order of their first votes.

    `votes` are ratings that have theirs; repetitions are left out. The chat is locked, since there is nothing to hide
    after a vote, and bears the study's name; the left answer is in lane a.
    """
    said = {(one.arm, one.answer.question_id): one.answer for one in answers}
    questions = {question.id: question for question in study.questions}
    chat = Chat(study.id, owner="", kind="blind", title=study.plan.name, locked=True, created_at=study.created_at)
    together: dict[tuple[str, frozenset[str]], list[Rating]] = {}
    for vote in sorted(votes, key=lambda vote: vote.place or 0):
        if not vote.repeats:
            together.setdefault((vote.question_id, frozenset((vote.left, vote.right))), []).append(vote)
    found = []
    for (question_id, _), same in together.items():
        sides = [said[arm, question_id] for arm in (same[0].left, same[0].right)]
        found.append(_exchange(chat, questions[question_id], sides, same))
    return found


def _exchange(chat: Chat, question: TestQuestion, sides: Sequence[Answer], votes: Sequence[Rating]) -> Exchange:
    """`sides` are the left and the right answer of the first vote."""
    left, right = replace(sides[0], lane="a"), replace(sides[1], lane="b")
    pair = Pair(votes[0].id, question.id, left.id, right.id)
    return Exchange(
        chat=chat,
        question=Question(question.id, chat.id, question.question, created_at=chat.created_at),
        answers=(left, right),
        pair=pair,
        votes=tuple(_vote(pair.id, rating, swapped=rating.left != votes[0].left) for rating in votes),
        history={"a": question.history, "b": question.history},
    )


def _vote(pair_id: str, rating: Rating, swapped: bool) -> Vote:
    """As seen on the pair's sides; a guess of the other side is none of this one."""
    assert rating.choice
    return Vote(
        id=rating.id,
        pair_id=pair_id,
        rater=rating.rater,
        choice=OTHER_SIDE[rating.choice] if swapped else rating.choice,
        criteria={name: (right, left) if swapped else (left, right) for name, (left, right) in rating.criteria.items()},
        comment=rating.comment,
        guessed_left=None if swapped else cast(ArmName | None, rating.guessed_left),
        created_at=rating.rated_at or now(),
    )
