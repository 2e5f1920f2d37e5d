"""What callers send: OpenAI's chat completions as far as Duodesk knows them, each field checked by name.

A field that would change the answer and is not known here is refused, never passed over in silence. Those that change
nothing are IGNORED. None is the same as leaving a field out.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator
from pydantic.config import JsonDict

from core.types import Role, Turn

MOST_STOPS = 4
LONGEST_STOP = 500  # characters
MOST_MESSAGES = 1000


def _plain(value: Any) -> str:
    """A text that can be saved: JSON can escape half a character. Raises ValueError."""
    if not isinstance(value, str):
        raise ValueError("must be text")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("holds half a character (a lone surrogate), which is no text") from None
    return value


def _content(value: Any) -> str:
    """A message's text, given as such or as a list of text parts. Raises ValueError."""
    if isinstance(value, list):
        for part in value:
            if not isinstance(part, dict) or part.get("type") != "text":
                raise ValueError('must be text or a list of parts {"type": "text", "text": …}; nothing else is read')
        return "\n".join(_plain(part.get("text")) for part in value)
    return _plain(value)


def _stops(value: Any) -> tuple[str, ...]:
    """Raises ValueError."""
    texts = [value] if isinstance(value, str) else [] if value is None else value
    if not isinstance(texts, list) or len(texts) > MOST_STOPS:
        raise ValueError(f"must be a text or a list of at most {MOST_STOPS} texts")
    if not all(1 <= len(_plain(text)) <= LONGEST_STOP for text in texts):
        raise ValueError(f"must have 1 to {LONGEST_STOP} characters in each text")
    return tuple(texts)


def _whole(value: Any) -> Any:
    """To JSON, 5.0 is a whole number."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _role(value: Any) -> Role:
    """Raises ValueError."""
    if value in ("system", "developer"):
        raise ValueError(
            f"'{value}' is not taken: the system message is part of the arm's template, and another one would make it "
            "another arm; leave it out, or write a template and name it in `model`"
        )
    if value not in ("user", "assistant"):
        raise ValueError("must be 'user' or 'assistant'")
    return value


TEXT_PART = {
    "type": "object",
    "properties": {"type": {"const": "text"}, "text": {"type": "string"}},
    "required": ["type", "text"],
}
STOP_TEXT = {"type": "string", "minLength": 1, "maxLength": LONGEST_STOP}

# What the last message must be; JSON Schema can only say it of any message.
ASKS: JsonDict = {"contains": {"properties": {"role": {"const": "user"}, "content": {"not": {"const": ""}}}}}
Text = Annotated[str, BeforeValidator(_plain)]
Content = Annotated[
    str,
    BeforeValidator(_content),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": TEXT_PART}]}),
]
Speaker = Annotated[Role, BeforeValidator(_role), WithJsonSchema({"type": "string", "enum": ["user", "assistant"]})]
Stops = Annotated[
    tuple[str, ...],
    BeforeValidator(_stops),
    WithJsonSchema(
        {"anyOf": [STOP_TEXT, {"type": "array", "items": STOP_TEXT, "maxItems": MOST_STOPS}, {"type": "null"}]}
    ),
]
Whole = Annotated[int, Field(ge=1), BeforeValidator(_whole)]
Zero = Annotated[float, Field(ge=0, le=0)]
Ignored = Annotated[Any, Field(description="Ignored.")]


class Strict(BaseModel):
    """Nothing is converted and nothing unknown is taken."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Message(Strict):
    """A turn of the conversation. What replies bring beside role and content may be sent back while it is empty."""

    role: Speaker
    content: Content
    name: Ignored = None
    refusal: Ignored = None
    annotations: Ignored = None
    audio: None = None
    function_call: None = None
    tool_calls: None = None


class StreamOptions(Strict):
    include_usage: bool | None = Field(None, description="A last chunk with the token counts.")
    include_obfuscation: Ignored = None


class TextFormat(Strict):
    type: Literal["text"]


class Metadata(BaseModel):
    """The caller's own notes are ignored, all but `chat_id`."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    chat_id: Text = Field(
        "", description="The chat to go on with, as `duodesk.chat_id` of an earlier reply names it.", max_length=200
    )


class ChatRequest(Strict):
    """A question with the conversation before it, for one arm."""

    model: Text = Field(
        description="An arm, as /v1/models lists them, or `split` for the one that is drawn.", max_length=200
    )
    messages: list[Message] = Field(
        min_length=1,
        max_length=MOST_MESSAGES,
        description="The last one is the user's and says something: that is what is answered.",
        json_schema_extra=ASKS,
    )
    stream: bool | None = None
    stream_options: StreamOptions | None = Field(None, description="Only together with `stream`.")
    stop: Stops = ()
    temperature: float | None = Field(None, ge=0, le=2, description="The template's, unless given.")
    top_p: float | None = Field(None, ge=0, le=1, description="The template's, unless given.")
    max_tokens: Whole | None = Field(
        None, ge=1, description="The older name of `max_completion_tokens`: give one of them."
    )
    max_completion_tokens: Whole | None = Field(
        None, ge=1, description="The template's, unless given; at most the setting `context`."
    )
    user: Text | None = Field(None, description="Whose chat this is; only a digest is kept.", max_length=1000)
    metadata: Metadata | None = None

    # Taken as long as they ask for nothing that is not there.
    n: Literal[1] | None = None
    frequency_penalty: Zero | None = None
    presence_penalty: Zero | None = None
    logprobs: Literal[False] | None = None
    response_format: TextFormat | None = None
    modalities: list[Literal["text"]] | None = None

    # None of these changes what is answered.
    parallel_tool_calls: Ignored = None
    prediction: Ignored = None
    prompt_cache_key: Ignored = None
    prompt_cache_retention: Ignored = None
    safety_identifier: Ignored = None
    service_tier: Ignored = None
    store: Ignored = None

    # Known by name to be refused by name.
    audio: None = None
    function_call: None = None
    functions: None = None
    logit_bias: None = None
    reasoning_effort: None = None
    seed: None = None
    tool_choice: None = None
    tools: None = None
    top_logprobs: None = None
    verbosity: None = None
    web_search_options: None = None

    @model_validator(mode="after")
    def _agrees(self) -> ChatRequest:
        if self.messages[-1].role != "user":
            raise ValueError("the last of `messages` must be the user's, since that is what is answered")
        if self.max_tokens and self.max_completion_tokens and self.max_tokens != self.max_completion_tokens:
            raise ValueError("`max_tokens` and `max_completion_tokens` differ; give one of them")
        if self.stream_options and not self.stream:
            raise ValueError("`stream_options` is only taken together with `stream`")
        return self

    @property
    def longest(self) -> int | None:
        """The most tokens that the answer may have; None: as the template says."""
        return self.max_completion_tokens or self.max_tokens

    @property
    def counts_chunks(self) -> bool:
        """Whether each chunk of a stream is to carry the token counts."""
        return False

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The conversation. Messages sent in a row by one side become one message."""
        joined: list[Turn] = []
        for message in self.messages:
            if joined and joined[-1].role == message.role:
                joined[-1] = Turn(message.role, f"{joined[-1].text}\n{message.content}")
            else:
                joined.append(Turn(message.role, message.content))
        return tuple(joined)
