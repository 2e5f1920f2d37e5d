"""The local engine: one base model with its adapters, for any number of threads at once."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from backends.adapter_folder import AdapterFolder
from backends.folders import folder_hash, model_folder
from core.errors import DuodeskError, ModelError, ModelNotFound, PromptTooLong
from core.types import Decoding, Piece, Queue, Turn

if TYPE_CHECKING:
    from backends.engine.graph import Shape
    from backends.engine.prepare import PreparedModel
    from backends.engine.scheduler import Generation, Scheduler
    from backends.engine.tokenizer import ChatTokenizer

log = logging.getLogger(__name__)

# Spinning OpenMP threads lose most of their speed as soon as a neighbour wants a core; read when torch loads.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

HEARTBEAT_S = 0.2
EXACT_UP_TO = 64_000_000  # weights that one token needs


@dataclass(frozen=True)
class EngineOptions:
    """How the model runs. `engine` is auto, onnxruntime or torch; `precision` auto, fp32 or int8, of the weights that
    onnxruntime writes with; `threads` 0 is all cores; `context` the most tokens of prompt and answer together."""

    engine: str = "auto"
    device: str = "auto"
    precision: str = "auto"
    threads: int = 0
    slots: int = 16
    context: int = 8192
    prefix_cache_mb: int = 256


class LocalModel:
    """Implements core.protocols.Model on local weights. Constructing is free; the weights load at the first use.

    `cache` is a folder for what is made of the weights once, to run them faster.
    """

    def __init__(
        self, source: str, adapters: AdapterFolder, cache: Path, options: EngineOptions = EngineOptions()
    ) -> None:
        self.source = source
        self.adapter_folder = adapters
        self.cache = cache
        self.options = options
        self.state = "not loaded"
        self._loading = threading.Lock()
        self._prepared: PreparedModel | None = None
        self._tokenizer: ChatTokenizer | None = None
        self._graph: Scheduler | None = None
        self._torch: Scheduler | None = None
        self._fitting: dict[str, bool] = {}  # by adapter hash: whether the graph can apply it

    @cached_property
    def folder(self) -> Path:
        return model_folder(self.source)

    @property
    def name(self) -> str:
        return self.folder.name if Path(self.source).is_dir() else self.source

    @property
    def hash(self) -> str:
        return folder_hash(self.folder)

    def adapters(self) -> list[str]:
        """Those that fit the model; all of them while it is not there to compare them with."""
        there = Path(self.source).expanduser().is_dir() or self._tokenizer is not None
        with suppress(ModelNotFound):
            if there:
                return self.adapter_folder.fitting(self.hash)
        return self.adapter_folder.names()

    def adapter_hash(self, adapter: str) -> str:
        """Raises UnknownAdapter, AdapterMismatch."""
        self.adapter_folder.check_base(adapter, self.name, self.hash)
        self.adapter_folder.check_kind(adapter)
        return folder_hash(self.adapter_folder.path(adapter))

    @property
    def context_tokens(self) -> int:
        """How many tokens prompt and answer may have together."""
        prepared, _ = self._ready()
        return self._limit(prepared)

    @property
    def queue(self) -> Queue:
        queues = [scheduler.queue for scheduler in (self._graph, self._torch) if scheduler]
        return Queue(sum(queue.writing for queue in queues), sum(queue.waiting for queue in queues))

    def count(self, messages: Sequence[Turn]) -> int:
        """The tokens of a prompt, the chat template's own included."""
        _, tokenizer = self._ready()
        return len(tokenizer.encode(messages))

    def runs_on(self, adapter: str | None = None) -> str:
        """What makes its answers, 'onnxruntime int8' or 'torch', as part of what identifies them."""
        self._ready()
        graph = self._graph is not None and (adapter is None or self._fits_graph(adapter, self.adapter_hash(adapter)))
        if not graph:
            return "torch"
        assert self._prepared and self._prepared.shape
        return f"onnxruntime {_precision(self.options, self._prepared.shape)}"

    def load(self) -> None:
        """Loads tokenizer and weights unless they are there. Raises ModelError."""
        if self._tokenizer is not None:  # set last; without the lock, which torch may hold for long
            return
        with self._loading:
            if self._tokenizer is not None:
                return
            self.state = "loading"
            try:
                self._load()
            except DuodeskError as error:
                self.state = f"failed: {error}"
                raise
            except Exception as error:
                log.exception("the model %s does not load", self.source)
                self.state = f"failed: {error}"
                raise ModelError(f"The model '{self.source}' does not load: {error}") from error
            self.state = "ready"

    def stream(
        self, messages: Sequence[Turn], decoding: Decoding, adapter: str | None = None
    ) -> Generator[Piece, None, None]:
        """Yields text as it is generated; closing it stops the generation within one token.

        While nothing is written yet, an empty piece with its place in line comes now and then: a generator can only be
        closed between two pieces, and Stop must not wait for those who stand before it.
        Raises ModelError, PromptTooLong, UnknownAdapter, AdapterMismatch with the first piece.
        """
        from backends.engine.scheduler import Generation

        prepared, tokenizer = self._ready()
        key = self.adapter_hash(adapter) if adapter else None
        prompt = tokenizer.encode(messages)
        if len(prompt) + decoding.max_new_tokens > self.context_tokens:
            raise PromptTooLong(
                f"The prompt has {len(prompt)} tokens and the answer may take {decoding.max_new_tokens}, but the model "
                f"'{self.name}' reads {self.context_tokens} in all; shorten the message, the template or its depth."
            )
        weights = (key, adapter, self.adapter_folder.path(adapter)) if key and adapter else None
        generation = Generation(prompt, decoding, prepared.ends, weights)
        self._scheduler(adapter, key).submit(generation)
        try:
            yield from pieces(generation, tokenizer)
        finally:
            generation.cancel()

    def _ready(self) -> tuple[PreparedModel, ChatTokenizer]:
        self.load()
        assert self._prepared and self._tokenizer
        return self._prepared, self._tokenizer

    def _load(self) -> None:
        from backends.engine.prepare import prepare
        from backends.engine.tokenizer import ChatTokenizer

        self._prepared = prepare(self.folder, self.hash, self.cache)
        if self._wants_graph(self._prepared):
            self._graph = self._graph_scheduler(self._prepared)
        else:
            self._torch = self._torch_scheduler(self._prepared)
        self._tokenizer = ChatTokenizer(self._prepared.folder / "tokenizer", self.name)

    def _wants_graph(self, prepared: PreparedModel) -> bool:
        if self.options.engine == "onnxruntime" and prepared.shape is None:
            raise ModelError(
                f"The engine onnxruntime cannot run the model '{self.name}': {prepared.reason}; set `engine` to auto."
            )
        return self.options.engine != "torch" and prepared.shape is not None and not self._on_gpu()

    def _on_gpu(self) -> bool:
        """Asks torch, which takes seconds to import, only where a driver makes a GPU likely."""
        if self.options.device != "auto":
            return self.options.device == "cuda"
        if not Path("/dev/nvidiactl").exists():
            return False
        import torch

        return torch.cuda.is_available()

    def _graph_scheduler(self, prepared: PreparedModel) -> Scheduler:
        from backends.engine.graph_runner import GraphRunner
        from backends.engine.scheduler import Scheduler

        assert prepared.shape
        runner = GraphRunner(
            folder=prepared.folder,
            shape=prepared.shape,
            precision=_precision(self.options, prepared.shape),
            slots=self.options.slots,
            capacity=self._limit(prepared),
            threads=self.options.threads or os.cpu_count() or 1,
        )
        return Scheduler(runner, self.options.prefix_cache_mb << 20)

    def _limit(self, prepared: PreparedModel) -> int:
        return min(prepared.context, self.options.context)

    def _torch_scheduler(self, prepared: PreparedModel) -> Scheduler:
        from backends.engine.scheduler import Scheduler
        from backends.engine.torch_runner import TorchRunner

        options = self.options
        context = self._limit(prepared)
        runner = TorchRunner(self.folder, options.slots, context, options.device, options.threads)
        return Scheduler(runner, options.prefix_cache_mb << 20)

    def _scheduler(self, adapter: str | None, key: str | None) -> Scheduler:
        """Who answers: the graph, unless the adapter is more than plain LoRA."""
        if self._graph and (adapter is None or key is None or self._fits_graph(adapter, key)):
            return self._graph
        with self._loading:
            if self._torch is None:
                assert self._prepared
                self._torch = self._torch_scheduler(self._prepared)
            return self._torch

    def _fits_graph(self, adapter: str, key: str) -> bool:
        from backends.engine.lora import NotPlainLora, read_adapter

        if key not in self._fitting:
            assert self._prepared and self._prepared.shape
            try:
                read_adapter(adapter, self.adapter_folder.path(adapter), self._prepared.shape)
                self._fitting[key] = True
            except NotPlainLora as error:
                log.warning("the adapter %s is answered by torch: %s", adapter, error)
                self._fitting[key] = False
        return self._fitting[key]


def _precision(options: EngineOptions, shape: Shape) -> str:
    """In fp32 answers are those of transformers, word for word; larger models write several times faster in int8."""
    if options.precision != "auto":
        return options.precision
    return "int8" if shape.weights > EXACT_UP_TO else "fp32"


def pieces(generation: Generation, tokenizer: ChatTokenizer) -> Generator[Piece, None, None]:
    """The text of a generation as it grows. Raises its error."""
    shown, taken, prompt_tokens = "", 0, len(generation.prompt)
    while True:
        if not generation.wait(taken, HEARTBEAT_S):
            yield Piece("", prompt_tokens, taken, place=generation.place)
            continue
        done = generation.done  # before the text is read: what is written until then counts
        taken = len(generation.written)
        text = tokenizer.decode(generation.written[:taken])
        if not done:  # the bytes of one character may come in several tokens; until then it reads as this sign
            text = text.rstrip("\ufffd")
        yield Piece(text[len(shown) :], prompt_tokens, taken)
        shown = text
        if done:
            break
    if isinstance(generation.error, DuodeskError):
        raise generation.error
    if generation.error:
        raise ModelError(f"The generation failed: {generation.error}") from generation.error
