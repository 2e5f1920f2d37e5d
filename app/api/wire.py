"""What callers get: replies, chunks of streams, models and errors in OpenAI's format, with Duodesk's own beside it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from core.types import Passage


class Usage(BaseModel):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ArmIdentity(BaseModel):
    """What made the answer."""

    name: str
    model: str
    model_hash: str
    template: str
    template_version: int
    template_hash: str
    decoding: dict[str, Any]
    adapter: str | None
    adapter_hash: str | None
    index_version: str | None
    engine: str


class Extension(BaseModel):
    """What Duodesk says beyond OpenAI's format."""

    chat_id: str = Field(description="To go on with this chat, send it as `metadata.chat_id`.")
    question_id: str
    answer_id: str
    arm: ArmIdentity
    split: str | None = Field(description="The id of the split that drew the arm; null without one.")
    split_arm: str | None = Field(description="The arm's name in it.")
    passages: list[Passage] = Field(description="What the answer was given to read, best first.")
    first_token_s: float | None
    total_s: float


Finish = Literal["stop", "length"]


class Reply(BaseModel):
    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None


class Choice(BaseModel):
    index: Literal[0] = 0
    message: Reply
    finish_reason: Finish
    logprobs: None = None


class Completion(BaseModel):
    """An answer in OpenAI's format alone, as the model server gives it."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[Choice]
    usage: Usage


class ChatCompletion(Completion):
    duodesk: Extension


def _absent(value: Any) -> bool:
    return value is None


class Delta(BaseModel):
    role: Literal["assistant"] | None = Field(default=None, exclude_if=_absent)
    content: str | None = Field(default=None, exclude_if=_absent)


class ChunkChoice(BaseModel):
    index: Literal[0] = 0
    delta: Delta
    finish_reason: Finish | None = None
    logprobs: None = None


class ChatCompletionChunk(BaseModel):
    """One event of a stream. The first names the role, the one with a `finish_reason` carries `duodesk`."""

    id: str
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    created: int
    model: str
    choices: list[ChunkChoice]
    usage: Usage | None = Field(default=None, exclude_if=_absent)
    duodesk: Extension | None = Field(default=None, exclude_if=_absent)


class ArmModel(BaseModel):
    """An arm as a model. Of `split` nothing is told but its name: which arm it is, is drawn for each user."""

    id: str
    object: Literal["model"] = "model"
    created: int = Field(
        description="When its template got its present version, or the split began, in seconds since 1970."
    )
    owned_by: Literal["duodesk"] = "duodesk"
    arm: str
    template: str
    adapter: str | None


class ArmModels(BaseModel):
    object: Literal["list"] = "list"
    data: list[ArmModel]


class Problem(BaseModel):
    message: str
    type: str
    param: str | None = None
    code: str | None = None


class Problems(BaseModel):
    """An error in OpenAI's form."""

    error: Problem
