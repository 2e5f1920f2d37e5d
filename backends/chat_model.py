"""The engine as a LangChain chat model, and any LangChain chat model as what the chain answers with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, ModelProfile
from langchain_core.language_models.chat_models import generate_from_stream
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGenerationChunk, ChatResult

from core.errors import UnknownAdapter
from core.protocols import Model
from core.types import Decoding, Role, Turn

ROLES: dict[str, Role] = {"system": "system", "human": "user", "ai": "assistant"}


class ChatModels(Protocol):
    """Where the chain gets its chat models from: one per adapter and decoding, all over one base model."""

    @property
    def name(self) -> str: ...

    @property
    def hash(self) -> str: ...

    def adapters(self) -> list[str]: ...

    def adapter_hash(self, adapter: str) -> str: ...

    def runs_on(self, adapter: str | None) -> str: ...

    def chat_model(self, adapter: str | None, decoding: Decoding) -> BaseChatModel: ...


class Engine(Model, Protocol):
    """A model that also tells how much it reads: local weights, or those of a server."""

    @property
    def context_tokens(self) -> int | None: ...

    def count(self, messages: Sequence[Turn]) -> int: ...

    def runs_on(self, adapter: str | None = None) -> str: ...


class EngineChatModel(BaseChatModel):
    """One arm's weights as a LangChain chat model. Streams; closing the stream stops the generation."""

    engine: Any
    adapter: str | None = None
    decoding: Decoding = Decoding()

    @property
    def _llm_type(self) -> str:
        return "duodesk"

    def get_num_tokens_from_messages(self, messages: Sequence[BaseMessage], tools: Any = None, **_: Any) -> int:
        return int(self.engine.count(turns(messages)))

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        prompt_tokens = new_tokens = 0
        for piece in self.engine.stream(turns(messages), self.decoding, self.adapter):
            # LangChain adds the usage of all chunks up, so that each carries only what is new.
            read, written = piece.prompt_tokens - prompt_tokens, piece.new_tokens - new_tokens
            usage = UsageMetadata(input_tokens=read, output_tokens=written, total_tokens=read + written)
            prompt_tokens, new_tokens = piece.prompt_tokens, piece.new_tokens
            told: dict[str, Any] = {"finish_reason": piece.reason} if piece.reason else {}
            if piece.place:
                told["place"] = piece.place
            message = AIMessageChunk(content=piece.text, usage_metadata=usage, response_metadata=told)
            yield ChatGenerationChunk(message=message)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return generate_from_stream(self._stream(messages))


class EngineChatModels:
    """ChatModels over local weights or a server's."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @property
    def name(self) -> str:
        return self.engine.name

    @property
    def hash(self) -> str:
        return self.engine.hash

    def adapters(self) -> list[str]:
        return self.engine.adapters()

    def adapter_hash(self, adapter: str) -> str:
        return self.engine.adapter_hash(adapter)

    def runs_on(self, adapter: str | None) -> str:
        return self.engine.runs_on(adapter)

    def chat_model(self, adapter: str | None, decoding: Decoding) -> BaseChatModel:
        context = self.engine.context_tokens
        profile = None if context is None else ModelProfile(max_input_tokens=context - decoding.max_new_tokens)
        return EngineChatModel(engine=self.engine, adapter=adapter, decoding=decoding, profile=profile)


class SingleChatModel:
    """ChatModels over any one LangChain chat model, which keeps its own decoding and knows no adapters."""

    def __init__(self, model: BaseChatModel, name: str) -> None:
        self.model = model
        self.name = name
        self.hash = ""

    def adapters(self) -> list[str]:
        return []

    def adapter_hash(self, adapter: str) -> str:
        raise UnknownAdapter(f"The model '{self.name}' takes no adapters, so that '{adapter}' cannot be used with it.")

    def runs_on(self, adapter: str | None) -> str:
        return "langchain"

    def chat_model(self, adapter: str | None, decoding: Decoding) -> BaseChatModel:
        return self.model


def turns(messages: Sequence[BaseMessage]) -> tuple[Turn, ...]:
    """LangChain's messages as our turns."""
    return tuple(Turn(ROLES[message.type], message.text) for message in messages)
