"""The requests to one model server: each tried again while a failure may pass, none while the server is left alone."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from backends.remote.breaker import Breaker
from backends.remote.failures import (
    Failure,
    Incomplete,
    Unintelligible,
    adapter_refused,
    broken_off,
    explain,
    left_alone,
    understanding,
)
from core.servers import Server
from core.types import Decoding, Piece, Turn

if TYPE_CHECKING:
    from openai import AsyncOpenAI, AsyncStream
    from openai.types.chat import ChatCompletionChunk

log = logging.getLogger(__name__)

T = TypeVar("T")
TRIES = 3
CONNECT_S = 5.0
NOT_OFFERED = (404, 405)  # HTTP states of an address that a server does not have
BACKOFF = wait_exponential_jitter(initial=0.5, max=4.0, jitter=0.5)


class Client:
    """Speaks OpenAI's chat completions, and vLLM's ways to load adapters and to count tokens. All methods raise
    ServerError, and SettingsError when the key is not there."""

    def __init__(self, server: Server, breaker: Breaker | None = None) -> None:
        self.server = server
        self.breaker = breaker or Breaker()

    async def card(self, model: str) -> dict[str, Any]:
        """What the server tells about one of its models; empty when it does not list it."""

        async def listed(api: AsyncOpenAI) -> dict[str, dict[str, Any]]:
            told: Any = await api.get("/models", cast_to=object)
            with understanding():
                return {card["id"]: card for card in told["data"]}

        try:
            cards = await self._asked(listed)
        except Failure as failure:
            if failure.status in NOT_OFFERED:
                return {}
            raise
        return cards.get(model, {})

    async def count(self, model: str, messages: Sequence[Turn]) -> int | None:
        """The tokens of a prompt, as vLLM counts them; None when it does not."""
        address = f"{self.server.url.removesuffix('/v1')}/tokenize"
        body = {"model": model, "messages": _rows(messages)}

        async def counted(api: AsyncOpenAI) -> int:
            told: Any = await api.post(address, cast_to=object, body=body)
            with understanding():
                return int(told["count"])

        try:
            return await self._asked(counted)
        except Failure as failure:
            if failure.status in NOT_OFFERED:
                return None
            raise

    async def load_adapter(self, name: str, path: str) -> None:
        """Makes an adapter, whose folder the server sees at `path`, a model of this name (vLLM); one that is there
        already, loaded by another process of ours, is fine."""

        async def load(api: AsyncOpenAI) -> None:
            from openai import APIStatusError

            try:
                await api.post("/load_lora_adapter", cast_to=str, body={"lora_name": name, "lora_path": path})
            except APIStatusError as error:
                if failure := adapter_refused(self.server, name, path, error):
                    raise failure from error

        await self._asked(load)

    async def unload_adapter(self, name: str) -> None:
        """Takes an adapter off the server (vLLM), where it would only be in the way."""
        body = {"lora_name": name}
        try:
            await self._asked(lambda api: api.post("/unload_lora_adapter", cast_to=str, body=body))
        except Failure as failure:
            log.warning("the adapter %s stays on the server %s: %s", name, self.server.name, failure.reason)

    async def stream(self, model: str, messages: Sequence[Turn], decoding: Decoding) -> AsyncGenerator[Piece, None]:
        """The answer as it is written; closing it closes the connection, which ends the generation on the server."""
        body = self._body(model, messages, decoding)

        async def begin(api: AsyncOpenAI) -> tuple[Piece, AsyncGenerator[Piece, None]]:
            pieces = _pieces(await api.chat.completions.create(**body))
            try:
                return await anext(pieces), pieces
            except BaseException:
                await pieces.aclose()
                raise

        first, pieces = await self._asked(begin)
        async with contextlib.aclosing(pieces):
            yield first
            try:
                async for piece in pieces:
                    yield piece
            except Exception as error:
                failure = broken_off(self.server, error)
                self.breaker.failed(failure.reason)
                raise failure from error
        self.breaker.succeeded()

    async def _asked(self, send: Callable[[AsyncOpenAI], Awaitable[T]]) -> T:
        api = self._api  # whose key may be missing, which is no failure of the server

        async def once() -> T:
            if wait_s := self.breaker.wait_s():
                raise left_alone(self.server, self.breaker.problem, wait_s)
            try:
                result = await send(api)
            except Exception as error:
                failure = explain(self.server, error)
                if failure.ill:
                    self.breaker.failed(failure.reason)
                else:
                    self.breaker.alive()
                raise failure from error
            self.breaker.alive()
            return result

        tries = AsyncRetrying(
            retry=retry_if_exception(lambda error: isinstance(error, Failure) and error.passing),
            stop=stop_after_attempt(TRIES),
            wait=_pause_s,
            reraise=True,
        )
        return await tries(once)

    def _body(self, model: str, messages: Sequence[Turn], decoding: Decoding) -> dict[str, Any]:
        """What to ask for. A penalty that the server does not know would be on record without having been in force."""
        body: dict[str, Any] = {
            "model": model,
            "messages": _rows(messages),
            "max_tokens": decoding.max_new_tokens,
            "temperature": decoding.temperature,
            "top_p": decoding.top_p,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if decoding.repetition_penalty != 1:
            if self.server.kind == "openai":
                raise Failure(
                    self.server,
                    "has no repetition_penalty",
                    f"set it to 1 in the template, or `kind` in [servers.{self.server.name}] to vllm or sglang if it "
                    "is one",
                    ill=False,
                )
            body["extra_body"] = {"repetition_penalty": decoding.repetition_penalty}
        if self.server.loads_adapters:
            body["stream_options"]["continuous_usage_stats"] = True  # so that a stopped answer has its counts
        return body

    @cached_property
    def _api(self) -> AsyncOpenAI:
        """OpenAI's client. Nothing of the environment that is meant for OpenAI itself goes to this server."""
        from openai import AsyncOpenAI, Omit, Timeout

        return AsyncOpenAI(
            base_url=self.server.url,
            api_key=self.server.key() or "none",
            default_headers={"OpenAI-Organization": Omit(), "OpenAI-Project": Omit()},  # type: ignore[dict-item]
            timeout=Timeout(self.server.timeout_s, connect=min(CONNECT_S, self.server.timeout_s)),
            max_retries=0,
        )


def _pause_s(state: RetryCallState) -> float:
    failure = state.outcome.exception() if state.outcome else None
    wished = failure.wait_s if isinstance(failure, Failure) else None
    return BACKOFF(state) if wished is None else wished


def _rows(messages: Sequence[Turn]) -> list[dict[str, str]]:
    return [{"role": turn.role, "content": turn.text} for turn in messages]


async def _pieces(stream: AsyncStream[ChatCompletionChunk]) -> AsyncGenerator[Piece, None]:
    """The text, with the counts that the server tells; until it does, a piece of text counts as a token.

    Raises Incomplete when the stream ends without saying why the answer did, Unintelligible.
    """
    prompt_tokens = new_tokens = 0
    ended = False
    async with stream:
        with understanding():
            if not stream.response.headers["content-type"].startswith("text/event-stream"):
                raise Unintelligible
            async for chunk in stream:
                choice = chunk.choices[0] if chunk.choices else None
                text = (choice.delta.content if choice and choice.delta else None) or ""
                if not isinstance(text, str):  # the client takes what comes
                    raise TypeError(text)
                if chunk.usage:
                    prompt_tokens, new_tokens = int(chunk.usage.prompt_tokens), int(chunk.usage.completion_tokens)
                else:
                    new_tokens += bool(text)
                if text:
                    yield Piece(text, prompt_tokens, new_tokens)
                ended = ended or bool(choice and choice.finish_reason)
    if not ended:
        raise Incomplete
    yield Piece("", prompt_tokens, new_tokens)
