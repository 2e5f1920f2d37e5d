"""A TranscriptFilter as SQL conditions on the questions table."""

from __future__ import annotations

from sqlalchemy import ColumnElement, exists, or_, select

from core.types import TranscriptFilter
from store.tables import answers, chats, fold, pairs, questions, thumbs, votes


def conditions(wanted: TranscriptFilter) -> list[ColumnElement[bool]]:
    """All must hold. Arm, template, adapter and outcome must hold for one and the same answer; `since` is included,
    `until` is not. What was asked blind is not found by its arm before its vote: being found would tell."""
    found: list[ColumnElement[bool]] = []
    if wanted.text:
        found.append(_contains(wanted.text))
    if asked := _asked_of_answer(wanted):
        found.append(_has_answer(*asked))
    if wanted.arm or wanted.template or wanted.adapter:
        found.append(~_is_blind())
    if wanted.rated is not None:
        found.append(_is_rated() if wanted.rated else ~_is_rated())
    if wanted.chat_id:
        found.append(questions.c.chat_id == wanted.chat_id)
    if wanted.split:
        found.append(questions.c.chat_id.in_(select(chats.c.id).where(chats.c.split == wanted.split)))
    if wanted.since:
        found.append(questions.c.created_at >= wanted.since)
    if wanted.until:
        found.append(questions.c.created_at < wanted.until)
    return found


def _contains(text: str) -> ColumnElement[bool]:
    folded = fold(text)
    return or_(
        questions.c.folded.contains(folded, autoescape=True),
        _has_answer(answers.c.folded.contains(folded, autoescape=True)),
    )


def _asked_of_answer(wanted: TranscriptFilter) -> list[ColumnElement[bool]]:
    columns = {
        answers.c.arm_name: wanted.arm,
        answers.c.template: wanted.template,
        answers.c.adapter: wanted.adapter,
        answers.c.outcome: wanted.outcome,
    }
    return [column == value for column, value in columns.items() if value]


def _has_answer(*asked: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(answers.c.question_id == questions.c.id, *asked)


def _is_blind() -> ColumnElement[bool]:
    return exists().where(chats.c.id == questions.c.chat_id, chats.c.kind == "blind", ~chats.c.locked)


def _is_rated() -> ColumnElement[bool]:
    thumbed = exists().where(thumbs.c.answer_id == answers.c.id, answers.c.question_id == questions.c.id)
    voted = exists().where(votes.c.pair_id == pairs.c.id, pairs.c.question_id == questions.c.id)
    return or_(thumbed, voted)
