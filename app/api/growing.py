"""A growing answer as a reply: whole at its end, or as a stream. Each of its steps is made in a thread."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Generator

from anyio import CancelScope, CapacityLimiter
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from app.api.asked import ChatRequest
from app.api.errors import failed_answer
from app.api.replies import Gone, Told, whole
from app.api.stream import EventStream, events

SPARE = 8  # threads beside those of answers, for those who are told that there is no room
GONE = 499  # nginx's own status for a caller who hung up; only the metrics see it

Steps = Generator[Told, None, None]


def threads_for(most: int) -> CapacityLimiter:
    """For so many answers at a time."""
    return CapacityLimiter(most + SPARE)


async def reply(asked: ChatRequest, steps: Steps, request: Request, threads: CapacityLimiter) -> Response:
    """The whole answer, or its stream. A caller who hangs up closes `steps`. Raises ApiError and what `steps` raises
    before the first words."""
    try:
        return await (_streamed if asked.stream else _whole)(asked, _grow(steps, request, threads))
    except Gone:
        return Response(status_code=GONE)


async def _grow(steps: Steps, request: Request, threads: CapacityLimiter) -> AsyncGenerator[Told, None]:
    """Takes the steps in threads. Raises Gone when the caller hangs up; then, as at any end, who makes the steps hears
    of it at once and keeps what was written."""
    try:
        while (told := await run_sync(next, steps, None, limiter=threads)) is not None:
            yield told
            if await request.is_disconnected():
                raise Gone
    finally:
        with CancelScope(shield=True):
            await run_sync(steps.close, limiter=threads)


async def _whole(asked: ChatRequest, growing: AsyncGenerator[Told, None]) -> Response:
    async with contextlib.aclosing(growing):
        async for step in growing:
            told = step
    if told.answer.error:
        raise failed_answer(told.answer)
    return Response(whole(asked, told).model_dump_json(), media_type="application/json")


async def _streamed(asked: ChatRequest, growing: AsyncGenerator[Told, None]) -> Response:
    """Waits until the model is at work, since what fails before can still be told by the status."""
    begun = []
    async for told in growing:
        begun.append(told)
        if len(begun) == 2 or told.answer.error:
            break
    if told.answer.error:
        await growing.aclose()
        raise failed_answer(told.answer)
    return EventStream(events(asked, begun, growing), growing)
