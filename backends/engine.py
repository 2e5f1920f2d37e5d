"""The local engine: one base model in transformers, its PEFT adapters, one generation at a time.

Switching a PEFT adapter is global to the model, so that two threads would answer with each other's weights.
Hence only the worker thread of a generation switches, under the engine's lock, and keeps the lock to the end.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import threading
from collections.abc import Generator, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from backends.folders import AdapterFolder, folder_hash, model_folder
from core.errors import AdapterError, AdapterMismatch, DuodeskError, ModelError, PromptTooLong
from core.types import Decoding, Piece, Turn

log = logging.getLogger(__name__)

# Spinning OpenMP threads lose most of their speed as soon as a neighbour wants a core; read when torch loads.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


class LocalModel:
    """Implements core.protocols.Model on local weights. Constructing is free; the weights load at the first use."""

    def __init__(self, source: str, adapters: AdapterFolder, device: str = "auto", threads: int = 0) -> None:
        self.source = source
        self.adapter_folder = adapters
        self.device = device
        self.threads = threads
        self.state = "not loaded"
        self._lock = threading.Lock()
        self._loading = threading.Lock()
        self._model: Any = None
        self._tokenizer: Any = None

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
        return self.adapter_folder.names()

    def adapter_hash(self, adapter: str) -> str:
        """Raises UnknownAdapter, AdapterMismatch."""
        self.adapter_folder.check_base(adapter, self.name, self.hash)
        return folder_hash(self.adapter_folder.path(adapter))

    @property
    def context_tokens(self) -> int:
        """How many tokens prompt and answer may have together."""
        self.load()
        return int(self._model.config.max_position_embeddings)

    def count(self, messages: Sequence[Turn]) -> int:
        """The tokens of a prompt, the chat template's own included."""
        return len(self._encode(messages))

    def load(self) -> None:
        """Loads tokenizer and weights unless they are there. Raises ModelError."""
        with self._loading:
            if self._model is not None:
                return
            self.state = "loading"
            try:
                self._tokenizer, self._model = self._load()
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

        While nothing is written yet, an empty piece comes now and then: a generator can only be closed between two
        pieces, and Stop must not wait for those who stand before it in line.
        Raises ModelError, PromptTooLong, UnknownAdapter, AdapterMismatch with the first piece.
        """
        adapter_name = self._ready(adapter)
        ids = self._encode(messages)
        if len(ids) + decoding.max_new_tokens > self.context_tokens:
            raise PromptTooLong(
                f"The prompt has {len(ids)} tokens and the answer may take {decoding.max_new_tokens}, but the model "
                f"'{self.name}' reads {self.context_tokens} in all; shorten the message, the template or its depth."
            )
        pieces: queue.Queue[Piece | BaseException | None] = queue.Queue()
        stop = threading.Event()
        worker = threading.Thread(
            target=self._generate, args=(ids, decoding, adapter, adapter_name, pieces, stop), name="generation"
        )
        worker.start()
        heartbeat = Piece("", len(ids), 0)
        try:
            while (piece := _next(pieces, heartbeat)) is not None:
                if isinstance(piece, DuodeskError):
                    raise piece
                if isinstance(piece, BaseException):
                    raise ModelError(f"The generation failed: {piece}") from piece
                yield piece
        finally:
            stop.set()
            worker.join()

    def _ready(self, adapter: str | None) -> str | None:
        """Loads what is needed and returns the adapter's name within PEFT: its hash, so that new weights are new."""
        self.load()
        return self.adapter_hash(adapter) if adapter else None

    def _generate(
        self,
        ids: list[int],
        decoding: Decoding,
        adapter: str | None,
        adapter_name: str | None,
        pieces: queue.Queue[Piece | BaseException | None],
        stop: threading.Event,
    ) -> None:
        """Runs on a thread of its own and holds the lock from the switch to the last token."""
        import torch
        from transformers import StoppingCriteriaList

        sampling = (
            {"do_sample": True, "temperature": decoding.temperature, "top_p": decoding.top_p}
            if decoding.temperature > 0
            else {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}
        )
        try:
            with self._turn(stop) as mine:
                if not mine:
                    return
                with self._weights(adapter, adapter_name) as model, torch.inference_mode():
                    inputs = torch.tensor([ids], device=model.device)
                    model.generate(
                        input_ids=inputs,
                        attention_mask=torch.ones_like(inputs),
                        max_new_tokens=decoding.max_new_tokens,
                        repetition_penalty=decoding.repetition_penalty,
                        streamer=_piece_streamer(self._tokenizer, len(ids), pieces),
                        stopping_criteria=StoppingCriteriaList([lambda *_, **__: stop.is_set()]),
                        **sampling,
                    )
        except Exception as error:
            pieces.put(error)
        finally:
            pieces.put(None)

    @contextlib.contextmanager
    def _turn(self, stop: threading.Event) -> Iterator[bool]:
        """Holds the lock; yields False without it when stopped while waiting, so that Stop never stands in line."""
        while not self._lock.acquire(timeout=0.05):
            if stop.is_set():
                yield False
                return
        try:
            yield True
        finally:
            self._lock.release()

    @contextlib.contextmanager
    def _weights(self, adapter: str | None, adapter_name: str | None) -> Iterator[Any]:
        """The model with exactly this adapter active, or none. Called under the lock alone."""
        import peft

        if adapter is None or adapter_name is None:
            without = self._model.disable_adapter() if isinstance(self._model, peft.PeftModel) else None
            with without or contextlib.nullcontext():
                yield self._model
            return
        if not isinstance(self._model, peft.PeftModel) or adapter_name not in self._model.peft_config:
            self._load_adapter(adapter, adapter_name)
        self._model.set_adapter(adapter_name)
        yield self._model

    def _load_adapter(self, adapter: str, adapter_name: str) -> None:
        """Adds an adapter to the model. Raises AdapterMismatch, AdapterError; then the base is as it was."""
        import peft
        from safetensors import SafetensorError

        folder = str(self.adapter_folder.path(adapter))
        try:
            if isinstance(self._model, peft.PeftModel):
                self._model.load_adapter(folder, adapter_name=adapter_name)
            else:
                self._model = peft.PeftModel.from_pretrained(self._model, folder, adapter_name=adapter_name).eval()
        except (RuntimeError, OSError, ValueError, SafetensorError) as error:
            # PEFT may have put half an adapter into the model by now.
            self._tokenizer, self._model = self._load()
            if "size mismatch" in str(error):
                raise AdapterMismatch(
                    f"The adapter '{adapter}' does not fit the base model '{self.name}': its matrices have other "
                    "shapes; choose another adapter or train this one again."
                ) from error
            raise AdapterError(f"The adapter '{adapter}' cannot be loaded from {folder}: {error}") from error

    def _encode(self, messages: Sequence[Turn]) -> list[int]:
        import jinja2

        self.load()
        rows = [{"role": turn.role, "content": self._plain(turn.text)} for turn in messages]
        try:
            return list(self._tokenizer.apply_chat_template(rows, add_generation_prompt=True, return_dict=False))
        except jinja2.TemplateError as error:
            raise ModelError(f"The chat template of '{self.name}' refuses these messages: {error}") from error

    def _plain(self, text: str) -> str:
        """The text without the model's own control tokens: typed by a customer, they could end or forge a turn."""
        controls = [str(token) for token in self._tokenizer.get_added_vocab()]
        while found := [token for token in controls if token in text]:
            for token in found:
                text = text.replace(token, "")
        return text

    def _load(self) -> tuple[Any, Any]:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        if self.threads:
            torch.set_num_threads(self.threads)
        device = self.device if self.device != "auto" else ("cuda" if torch.cuda.is_available() else "cpu")
        if device == "cuda" and not torch.cuda.is_available():
            raise ModelError("The setting device is cuda, but torch finds no GPU here; set it to auto or cpu.")
        tokenizer = AutoTokenizer.from_pretrained(self.folder, local_files_only=True)
        if not tokenizer.chat_template:
            raise ModelError(f"The model '{self.source}' has no chat template; use a chat or instruct model.")
        # bfloat16 is many times slower than float32 on processors without its instructions.
        dtype = torch.float32 if device == "cpu" else torch.bfloat16
        model = AutoModelForCausalLM.from_pretrained(self.folder, dtype=dtype, local_files_only=True)
        torch.nn.Module.to(model, device)
        return tokenizer, model.eval()


def _next(pieces: queue.Queue[Any], heartbeat: Piece) -> Any:
    try:
        return pieces.get(timeout=0.2)
    except queue.Empty:
        return heartbeat


def _piece_streamer(tokenizer: Any, prompt_tokens: int, pieces: queue.Queue[Any]) -> Any:
    """A transformers streamer that puts Pieces into the queue, whole words at a time."""
    from transformers import TextStreamer

    class PieceStreamer(TextStreamer):
        new_tokens = 0

        def put(self, value: Any) -> None:
            if not self.next_tokens_are_prompt:
                self.new_tokens += value.numel()
            super().put(value)

        def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
            if text or stream_end:
                pieces.put(Piece(text, prompt_tokens, self.new_tokens))

    return PieceStreamer(tokenizer, skip_prompt=True, skip_special_tokens=True)
