"""An answer of the desk as a reply of the wire."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from app.api.asked import ChatRequest
from app.api.wire import (
    ArmIdentity,
    ChatCompletion,
    ChatCompletionChunk,
    Choice,
    ChunkChoice,
    Completion,
    Delta,
    Extension,
    Finish,
    Reply,
    Usage,
)
from core.splits import Drawn
from core.types import Answer, Question


class Gone(Exception):
    """The caller has hung up."""


@dataclass(frozen=True)
class Told:
    """An answer as far as it is written, with its question; its outcome is only known at the end. `drawn`: by a split.
    The model server has no arms, and no questions that are on record."""

    answer: Answer
    question: Question | None = None
    drawn: Drawn | None = None


def whole(asked: ChatRequest, told: Told) -> Completion:
    """A complete answer."""
    answer = told.answer
    reply: dict[str, Any] = {
        "id": _id(answer),
        "created": int(answer.created_at.timestamp()),
        "model": asked.model,
        "choices": [Choice(message=Reply(content=answer.text), finish_reason=_finish(answer))],
        "usage": _usage(answer),
    }
    extension = _extension(told)
    return ChatCompletion(**reply, duodesk=extension) if extension else Completion(**reply)


class Chunks:
    """The chunks of one stream, which share their id, moment and model."""

    def __init__(self, asked: ChatRequest, answer: Answer) -> None:
        self._counts = asked.counts_chunks
        self._shared = {"id": _id(answer), "created": int(answer.created_at.timestamp()), "model": asked.model}

    def role(self) -> ChatCompletionChunk:
        return self._chunk(ChunkChoice(delta=Delta(role="assistant", content="")))

    def text(self, text: str, answer: Answer) -> ChatCompletionChunk:
        chunk = self._chunk(ChunkChoice(delta=Delta(content=text)))
        return chunk.model_copy(update={"usage": _usage(answer)}) if self._counts else chunk

    def end(self, told: Told) -> ChatCompletionChunk:
        choice = ChunkChoice(delta=Delta(), finish_reason=_finish(told.answer))
        return self._chunk(choice).model_copy(update={"duodesk": _extension(told)})

    def usage(self, answer: Answer) -> ChatCompletionChunk:
        return self._chunk().model_copy(update={"usage": _usage(answer)})

    def _chunk(self, *choices: ChunkChoice) -> ChatCompletionChunk:
        return ChatCompletionChunk.model_validate({**self._shared, "choices": choices})


def _id(answer: Answer) -> str:
    return f"chatcmpl-{answer.id}"


def _finish(answer: Answer) -> Finish:
    return "length" if answer.reason == "length" else "stop"


def _usage(answer: Answer) -> Usage:
    read, written = answer.prompt_tokens, answer.new_tokens
    return Usage(prompt_tokens=read, completion_tokens=written, total_tokens=read + written)


def _extension(told: Told) -> Extension | None:
    answer = told.answer
    if told.question is None:
        return None
    assert answer.arm  # known for every answer that did not fail
    return Extension(
        chat_id=told.question.chat_id,
        question_id=told.question.id,
        answer_id=answer.id,
        arm=ArmIdentity(**asdict(answer.arm)),
        split=told.drawn.split if told.drawn else None,
        split_arm=told.drawn.arm if told.drawn else None,
        passages=list(answer.passages),
        first_token_s=answer.first_token_s,
        total_s=answer.total_s,
    )
