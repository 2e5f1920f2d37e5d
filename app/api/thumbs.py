"""POST /v1/thumbs: what a customer thought of an answer, by the program that showed it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from app.api.asked import Strict, Text
from app.api.callers import Caller
from app.api.errors import ApiError
from core.desk import Desk
from core.errors import UnknownChat


def _number(value: Any) -> Any:
    """True is 1 to Python, and no thumb. Raises ValueError."""
    if isinstance(value, bool):
        raise ValueError("must be 1 or -1")
    return value


class ThumbRequest(Strict):
    """A thumb on an answer of the caller's own, which a later one replaces."""

    chat_id: Text = Field(description="As `duodesk.chat_id` of the reply named it.", max_length=200)
    answer_id: Text = Field(description="As `duodesk.answer_id` of the reply named it.", max_length=200)
    value: Annotated[Literal[1, -1], BeforeValidator(_number)] = Field(description="1: up, -1: down.")
    comment: Text = Field("", max_length=8000)
    user: Text | None = Field(None, description="As the answer was asked for with.", max_length=1000)


def give_thumb(desk: Desk, asked: ThumbRequest, caller: Caller) -> None:
    """Stores it. Raises ApiError 404 for an answer that is not there, or is not this key's and user's."""
    owner = caller.owner(asked.user)
    try:
        mine = desk.store.chat(asked.chat_id).owner == owner
    except UnknownChat:
        mine = False
    exchanges = desk.store.exchanges(asked.chat_id) if mine else []
    if asked.answer_id not in {answer.id for exchange in exchanges for answer in exchange.answers}:
        raise ApiError(
            404,
            "There is no such answer in a chat of this key and `user`; send `chat_id` and `answer_id` as the reply's "
            "`duodesk` names them.",
            "answer_id",
            "answer_not_found",
        )
    desk.rate(asked.answer_id, owner, asked.value, asked.comment)
