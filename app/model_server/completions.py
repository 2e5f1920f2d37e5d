"""POST /v1/chat/completions of the model server: a prompt as it is, answered by the engine with all others at once."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from collections.abc import Generator, Iterator

from starlette.requests import Request
from starlette.responses import Response

from app.api.chat import SMALLEST_TOP_P
from app.api.errors import ApiError
from app.api.growing import reply, threads_for
from app.api.replies import Told
from app.model_server.asked import CompletionRequest
from core.errors import Busy
from core.serving import ServedModel
from core.types import Answer, Decoding, new_id, now


class Completions:
    """`most` answers may be under way or wait in line; each takes a thread."""

    def __init__(self, model: ServedModel, most: int) -> None:
        self.model = model
        self.most = most
        self.threads = threads_for(most)
        self._under_way = 0
        self._counting = threading.Lock()

    async def answer(self, asked: CompletionRequest, request: Request) -> Response:
        """Raises ApiError, DuodeskError."""
        return await reply(asked, self._steps(asked), request, self.threads)

    def _steps(self, asked: CompletionRequest) -> Generator[Told, None, None]:
        with self._place():
            if asked.model not in [card.name for card in self.model.cards()]:
                raise ApiError(404, f"The model `{asked.model}` does not exist.", "model", "model_not_found")
            answer = Answer(new_id(), "", created_at=now())
            yield Told(answer)
            with contextlib.closing(self.model.stream(asked.model, asked.turns, self._decoding(asked))) as pieces:
                for piece in pieces:
                    answer = dataclasses.replace(
                        answer,
                        text=answer.text + piece.text,
                        prompt_tokens=piece.prompt_tokens,
                        new_tokens=piece.new_tokens,
                        reason=piece.reason,
                    )
                    yield Told(answer)

    def _decoding(self, asked: CompletionRequest) -> Decoding:
        """OpenAI's defaults: temperature 1, and an answer as long as the model can write."""
        longest = asked.longest or max(self.model.context_tokens - self.model.count(asked.turns), 1)
        return Decoding(
            max_new_tokens=longest,
            temperature=1.0 if asked.temperature is None else asked.temperature,
            top_p=1.0 if asked.top_p is None else max(asked.top_p, SMALLEST_TOP_P),
            repetition_penalty=asked.repetition_penalty or 1.0,
            stop=asked.stop,
        )

    @contextlib.contextmanager
    def _place(self) -> Iterator[None]:
        """Raises Busy."""
        with self._counting:
            if self._under_way >= self.most:
                raise Busy(f"{self._under_way:,} answers are under way or wait in line already; try again in a moment.")
            self._under_way += 1
        try:
            yield
        finally:
            with self._counting:
                self._under_way -= 1
