"""A growing answer as server-sent events."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncGenerator, Sequence

from anyio import CancelScope
from pydantic import BaseModel
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from app.api.asked import ChatRequest
from app.api.errors import BUG, ApiError, api_error, failed_answer
from app.api.replies import Chunks, Gone, Told
from app.api.wire import Problems
from core.errors import DuodeskError

log = logging.getLogger(__name__)

DONE = b"data: [DONE]\n\n"
STILL_HERE = b": waiting\n\n"  # a comment, which clients skip; proxies cut what is silent for a minute
IN_LINE = ": %d before you in line\n\n"
SILENCE_S = 10


async def events(
    asked: ChatRequest, begun: Sequence[Told], growing: AsyncGenerator[Told, None]
) -> AsyncGenerator[bytes, None]:
    """The chunks of an answer of which the first steps are taken. What fails on the way is the last event."""
    chunks = Chunks(asked, begun[0].answer)
    yield _event(chunks.role())
    shown, place, spoke = 0, 0, time.monotonic()
    try:
        async for told in _all(begun, growing):
            if told.answer.error:
                yield _event(Problems(error=failed_answer(told.answer).problem))
                return
            if new := told.answer.text[shown:]:
                yield _event(chunks.text(new, told.answer))
                shown, spoke = len(told.answer.text), time.monotonic()
            elif told.answer.place not in (0, place):
                place, spoke = told.answer.place, time.monotonic()
                yield (IN_LINE % (place - 1)).encode()
            elif time.monotonic() - spoke > SILENCE_S:
                yield STILL_HERE
                spoke = time.monotonic()
    except Gone:
        return
    except DuodeskError as error:  # the answer could not be stored
        yield _event(Problems(error=api_error(type(error), str(error)).problem))
        return
    except Exception:
        log.exception("a stream failed")
        yield _event(Problems(error=ApiError(500, BUG, code="bug").problem))
        return
    yield _event(chunks.end(told))
    if asked.stream_options and asked.stream_options.include_usage:
        yield _event(chunks.usage(told.answer))
    yield DONE


class EventStream(StreamingResponse):
    """Sends events, and closes `growing` at the end, also when the caller hangs up between two of them."""

    def __init__(self, content: AsyncGenerator[bytes, None], growing: AsyncGenerator[Told, None]) -> None:
        # Proxies such as nginx would keep the events back until there are many.
        quick = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
        super().__init__(content, media_type="text/event-stream", headers=quick)
        self.growing = growing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            with CancelScope(shield=True):
                await self.growing.aclose()


async def _all(begun: Sequence[Told], growing: AsyncGenerator[Told, None]) -> AsyncGenerator[Told, None]:
    for told in begun:
        yield told
    async for told in growing:
        yield told


def _event(content: BaseModel) -> bytes:
    return b"data: " + content.model_dump_json().encode() + b"\n\n"
