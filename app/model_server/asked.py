"""What callers of the model server send: as on the app's own API, with system messages and what vLLM has beyond it."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema

from app.api.asked import MOST_MESSAGES, ChatRequest, Message, StreamOptions, Strict, Text
from core.types import Role, Turn


def _role(value: object) -> Role:
    """Raises ValueError."""
    if value == "system" or value == "user" or value == "assistant":
        return value
    raise ValueError("must be 'system', 'user' or 'assistant'")


AnyRole = Annotated[
    Role, BeforeValidator(_role), WithJsonSchema({"type": "string", "enum": ["system", "user", "assistant"]})
]


class RawMessage(Message):
    role: AnyRole


class RawStreamOptions(StreamOptions):
    continuous_usage_stats: bool | None = Field(None, description="Token counts with every chunk.")


class CompletionRequest(ChatRequest):
    """A prompt, as the model gets it."""

    messages: list[RawMessage] = Field(min_length=1, max_length=MOST_MESSAGES)  # type: ignore[assignment]
    stream_options: RawStreamOptions | None = None
    repetition_penalty: float | None = Field(None, gt=0, le=2)

    @property
    def turns(self) -> tuple[Turn, ...]:
        """Just as they were sent: what the templates make is what the model reads."""
        return tuple(Turn(message.role, message.content) for message in self.messages)

    @property
    def counts_chunks(self) -> bool:
        return bool(self.stream_options and self.stream_options.continuous_usage_stats)


class TokenizeRequest(Strict):
    model: Text = Field("", max_length=200)
    messages: list[RawMessage] = Field(min_length=1, max_length=MOST_MESSAGES)

    @property
    def turns(self) -> tuple[Turn, ...]:
        return tuple(Turn(message.role, message.content) for message in self.messages)


class LoadRequest(Strict):
    """vLLM's; its `lora_int_id` and the like are not known here."""

    lora_name: Text = Field(min_length=1, max_length=200)
    lora_path: Text = Field(min_length=1, max_length=4096)


class UnloadRequest(Strict):
    lora_name: Text = Field(min_length=1, max_length=200)
