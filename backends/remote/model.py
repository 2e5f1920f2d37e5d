"""A model on a server that speaks OpenAI's chat completions, in the engine's place."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import time
from collections.abc import AsyncGenerator, Generator, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

from backends.adapter_folder import AdapterFolder
from backends.folders import folder_hash
from backends.remote.background import Background
from backends.remote.breaker import Breaker
from backends.remote.client import Client
from backends.remote.failures import Failure
from core.errors import DuodeskError, ServerError, UnknownAdapter
from core.servers import Server
from core.types import Decoding, Piece, Queue, Turn

HEARTBEAT_S = 0.2
LOOK_S = 5.0
CARD_S = 30.0  # how long what a server tells about its model is believed
BYTES_A_TOKEN, TOKENS_A_TURN = 3, 8  # more tokens than most tokenizers and chat templates make of a text


class RemoteModel:
    """Implements core.protocols.Model, and what EngineChatModels needs beside it. Constructing is free. Make
    one for a server and keep it: it knows which adapters are loaded, and when the server is better left alone.

    On vLLM the adapters here are loaded onto the server when they are first asked for, under a name that holds their
    hash, so that an adapter that has changed is another one there too. On other servers an adapter is a model that the
    server has already (`served_adapters`).

    What answered is on record as kind, address and name of the model, and as a hash of what the server tells about it:
    its id, where it was loaded from, how much it reads, and its size. This cannot show that the weights behind a name
    are still the same (but for our own server, which tells their hash), nor in which precision they run, nor that the
    server's copy of an adapter's folder is the one here, nor that an adapter was trained on this very model: vLLM
    refuses only what does not fit its shapes.
    """

    def __init__(self, server: Server, adapters: AdapterFolder, breaker: Breaker | None = None) -> None:
        self.server = server
        self.adapter_folder = adapters
        self.client = Client(server, breaker)
        self._background = Background()
        self._cards: dict[str, tuple[float, dict[str, Any]]] = {}  # by model: when it was told, and what
        self._loaded: dict[str, str] = {}  # by adapter: its name on the server
        self._looked_at = -math.inf
        self._looking: Future[None] | None = None

    @property
    def name(self) -> str:
        return self.server.model

    @property
    def hash(self) -> str:
        return self._hash(self.server.model)

    @property
    def state(self) -> str:
        """As of a few seconds ago: who asks also has the server looked at, so that one that is gone or back is known
        before it is asked for an answer."""
        looking = self._looking is not None and not self._looking.done()
        if not looking and time.monotonic() - self._looked_at > LOOK_S:
            self._looked_at = time.monotonic()
            self._looking = self._background.start(self._look())
        if self.client.breaker.ill:
            return f"failed: {self.client.breaker.problem}"
        return "ready" if self._cards else "not loaded"

    async def _look(self) -> None:
        with contextlib.suppress(DuodeskError):
            card = await self.client.card(self.server.model)
            self._cards[self.server.model] = time.monotonic(), card

    def load(self) -> None:
        """Asks the server for its model. Raises ServerError."""
        self._card(self.server.model)

    def adapters(self) -> list[str]:
        here = self.adapter_folder.names() if self.server.loads_adapters else []
        return sorted({*here, *self.server.served_adapters})

    def adapter_hash(self, adapter: str) -> str:
        """Of the folder here, if the server loads it; else of what the server tells about the model it is there.

        Raises UnknownAdapter, AdapterError, ServerError.
        """
        if served := self.server.served_adapters.get(adapter):
            return self._hash(served)
        if not self.server.loads_adapters:
            there = ", ".join(self.adapters()) or "none"
            raise UnknownAdapter(
                f"The model server '{self.server.name}' loads no adapters, so that '{adapter}' cannot be used on it; "
                f"if it has it as a model of its own, name it in [servers.{self.server.name}.served_adapters] "
                f"(there are: {there})."
            )
        self.adapter_folder.check_kind(adapter)
        return folder_hash(self.adapter_folder.path(adapter))

    def runs_on(self, adapter: str | None = None) -> str:
        """What makes its answers, 'vllm at http://host:8000/v1', as part of what identifies them."""
        served = f", model {self._served_name(adapter)}" if adapter else ""
        return f"{self.server.kind} at {self.server.url}{served}"

    @property
    def context_tokens(self) -> int | None:
        """How many tokens prompt and answer may have together; None where nobody tells."""
        told = self._card(self.server.model).get("max_model_len")
        limits = [limit for limit in (self.server.context, told) if isinstance(limit, int) and limit > 0]
        return min(limits) if limits else None

    @property
    def queue(self) -> Queue:
        """Nothing: what waits is in the server's own queue, which its metrics tell."""
        return Queue()

    def count(self, messages: Sequence[Turn]) -> int:
        """The tokens of a prompt: exact from vLLM, which counts on request, else estimated, rather too high."""
        if self.server.loads_adapters:
            exact = self._background.result(self.client.count(self.server.model, messages))
            if exact is not None:
                return exact
        return sum(math.ceil(len(turn.text.encode()) / BYTES_A_TOKEN) + TOKENS_A_TURN for turn in messages)

    def stream(
        self, messages: Sequence[Turn], decoding: Decoding, adapter: str | None = None
    ) -> Generator[Piece, None, None]:
        """Yields text as it comes; closing it ends the generation on the server.

        While nothing comes, an empty piece does now and then, so that Stop need not wait for the server.
        Raises ServerError, UnknownAdapter.
        """
        served = self._served_name(adapter) if adapter else self.server.model
        last = Piece("", 0, 0)
        pieces = self._pieces(messages, decoding, adapter, served)
        with contextlib.closing(self._background.iterate(pieces, HEARTBEAT_S)) as coming:
            for piece in coming:
                last = piece or replace(last, text="")
                yield last

    async def _pieces(
        self, messages: Sequence[Turn], decoding: Decoding, adapter: str | None, served: str
    ) -> AsyncGenerator[Piece, None]:
        loads = adapter is not None and adapter not in self.server.served_adapters
        for again in (False, True):
            if adapter and loads:
                await self._load(adapter, served, again)
            try:
                async with contextlib.aclosing(self.client.stream(served, messages, decoding)) as pieces:
                    async for piece in pieces:
                        yield piece
                return
            except Failure as failure:
                if again or not loads or failure.status != 404:  # else the server was started anew since
                    raise

    async def _load(self, adapter: str, served: str, again: bool) -> None:
        """Loads an adapter unless this process has; what it loaded of an older version goes."""
        before = self._loaded.get(adapter)
        if served == before and not again:
            return
        here = self.adapter_folder.path(adapter).absolute()
        path = f"{self.server.adapters.rstrip('/')}/{adapter}" if self.server.adapters else str(here)
        await self.client.load_adapter(served, path)
        self._loaded[adapter] = served
        if before and before != served:
            await self.client.unload_adapter(before)

    def _served_name(self, adapter: str) -> str:
        return self.server.served_adapters.get(adapter) or f"{adapter}-{self.adapter_hash(adapter)}"

    def _hash(self, model: str) -> str:
        """Of what does not change as long as the model does not; `created` is often just the moment of asking."""
        card = self._card(model)
        size = card["meta"] if isinstance(card.get("meta"), dict) else {}  # of llama.cpp
        told = [self.server.kind, self.server.url, model, card.get("root"), card.get("max_model_len")]
        told += [size.get("n_params"), size.get("size")]
        told += [card["hash"]] if card.get("hash") else []  # of the weights: our own server tells it
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:12]

    def _card(self, model: str) -> dict[str, Any]:
        when, card = self._cards.get(model, (-math.inf, {}))
        if time.monotonic() - when > CARD_S:
            try:
                card = self._background.result(self.client.card(model))
            except ServerError:
                if model not in self._cards:
                    raise
                return card  # so that an answer that is about to fail is on record with its arm
            self._cards[model] = time.monotonic(), card
        return card
