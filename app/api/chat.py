"""POST /v1/chat/completions: from the wire to the desk, and the growing answer back."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Generator
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app.api.arms import Arms
from app.api.asked import ChatRequest
from app.api.callers import Caller
from app.api.errors import ApiError
from app.api.growing import reply, threads_for
from app.api.replies import Told
from core.parts import Parts
from core.splits import Drawn
from core.types import SPLIT, ArmSpec, Decoding

DECODING = ("temperature", "top_p", "max_tokens", "max_completion_tokens", "stop")  # fields that change the arm
SMALLEST_TOP_P = 0.01  # as in templates; OpenAI takes 0 for the likeliest token alone


class ChatCompletions:
    """Each step of an answer is made in a thread of a pool of its own, so that waiting answers hold nobody else."""

    def __init__(self, parts: Parts) -> None:
        self.desk = parts.desk
        self.templates = parts.templates
        self.context = parts.settings.context
        self.arms = Arms(parts)
        self.threads = threads_for(parts.desk.most_under_way)

    async def answer(self, asked: ChatRequest, request: Request, caller: Caller) -> Response:
        """The whole answer, or its stream. A caller who hangs up stops it. Raises ApiError, DuodeskError."""
        return await reply(asked, self._steps(asked, caller), request, self.threads)

    def _steps(self, asked: ChatRequest, caller: Caller) -> Generator[Told, None, None]:
        """The growing answer, made by whoever takes its next step; nothing is stored before all is checked."""
        caller.check(asked.model)
        owner, chat_id = caller.owner(asked.user), asked.metadata.chat_id if asked.metadata else ""
        spec, drawn = self._arm(asked, owner, chat_id)
        decoding = self._decoding(asked, spec)
        *history, last = asked.turns
        question = self.desk.take_conversation(owner, history, last.text, chat_id, drawn)
        with contextlib.closing(self.desk.answer(question, spec, decoding=decoding)) as answers:
            for answer in answers:
                yield Told(answer, question, drawn)

    def _arm(self, asked: ChatRequest, owner: str, chat_id: str) -> tuple[ArmSpec, Drawn | None]:
        """The arm that was asked for, or that a split has drawn. Raises ApiError."""
        if asked.model != SPLIT:
            return self.arms.spec(asked.model), None
        if given := next((name for name in DECODING if getattr(asked, name) not in (None, ())), ""):
            raise ApiError(
                400,
                f"`{given}` is not taken together with the model '{SPLIT}': it would make another arm than the one "
                "that was drawn; leave it out.",
                given,
                "invalid_value",
            )
        return self.arms.drawn(owner, chat_id)

    def _decoding(self, asked: ChatRequest, spec: ArmSpec) -> Decoding:
        """The template's with what the caller wants otherwise. Raises ApiError."""
        if asked.longest and asked.longest > self.context:
            field = "max_completion_tokens" if asked.max_completion_tokens else "max_tokens"
            raise ApiError(
                400, f"`{field}` can be at most {self.context:,}, but is {asked.longest:,}.", field, "invalid_value"
            )
        wanted: dict[str, Any] = {
            "max_new_tokens": asked.longest,
            "temperature": asked.temperature,
            "top_p": None if asked.top_p is None else max(asked.top_p, SMALLEST_TOP_P),
            "stop": asked.stop or None,
        }
        given = {name: value for name, value in wanted.items() if value is not None}
        return dataclasses.replace(self.templates.get(spec.template).decoding, **given)
