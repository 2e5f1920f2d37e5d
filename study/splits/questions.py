"""Real customers' questions as the question set of a study."""

from __future__ import annotations

from collections.abc import Sequence

from core.studies import TestQuestion
from core.types import Exchange


def first_questions(exchanges: Sequence[Exchange]) -> list[TestQuestion]:
    """Each visitor's first question in a split; `exchanges` are all of it, the oldest first.

    One of each, since those of one visitor belong together; the first, since it was asked before any arm had answered,
    so that no arm has a part in what is asked. Nobody knows the right answers, so that people's ratings decide. Its id
    is that of the customer's question: who is forgotten is forgotten there too.
    """
    first: dict[str, Exchange] = {}
    for one in exchanges:
        first.setdefault(one.chat.owner, one)
    return [_question(one) for one in first.values()]


def _question(one: Exchange) -> TestQuestion:
    """With the turns that a caller of the API brought along."""
    return TestQuestion(
        id=one.question.id,
        topic="",
        article=None,
        kind="customer",
        question=one.question.text,
        facts=None,
        history=one.history.get("a", ()),
        reference="",
    )
