"""Runs a model in transformers, with PEFT for its adapters: any architecture, any adapter, also on CUDA.

The slower runner: one row after the other. It is the reference for the graph, and what answers where that cannot.
Switching a PEFT adapter is global to the model; here one thread alone switches, between two rows.
"""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from backends.engine.graph_runner import SPARE_ADAPTERS
from core.errors import AdapterError, AdapterMismatch, ModelError


class TorchRunner:
    """Implements backends.engine.scheduler.Runner. `device` is auto, cpu or cuda. Not safe for threads."""

    def __init__(self, folder: Path, slots: int, context: int, device: str, threads: int) -> None:
        import torch

        if threads:
            torch.set_num_threads(threads)
        self.slots = slots
        self.keeps_written = True
        self.context = context
        self._folder = folder
        self._device = device if device != "auto" else ("cuda" if torch.cuda.is_available() else "cpu")
        if self._device == "cuda" and not torch.cuda.is_available():
            raise ModelError("The setting device is cuda, but torch finds no GPU here; set it to auto or cpu.")
        self._model = self._load()
        self._adapters: OrderedDict[str, Path] = OrderedDict()  # the last used last
        self._caches: list[Any] = [None] * slots

    def load_adapter(self, key: str, name: str, folder: Path) -> None:
        """Adds an adapter to the model. Raises AdapterMismatch, AdapterError; then the model is as it was."""
        from safetensors import SafetensorError

        if key in self._adapters:
            self._adapters.move_to_end(key)
            return
        try:
            self._attach(key, folder)
        except (RuntimeError, OSError, ValueError, SafetensorError) as error:
            # PEFT may have put half an adapter into the model by now.
            self._model = self._load()
            self._adapters = OrderedDict((known, path) for known, path in self._adapters.items() if path.is_dir())
            for known, path in self._adapters.items():
                self._attach(known, path)
            if "size mismatch" in str(error):
                raise AdapterMismatch(
                    f"The adapter '{name}' does not fit the base model '{self._folder.name}': its matrices have other "
                    "shapes; choose another adapter or train this one again."
                ) from error
            raise AdapterError(f"The adapter '{name}' cannot be loaded from {folder}: {error}") from error
        self._adapters[key] = folder
        if len(self._adapters) > self.slots + SPARE_ADAPTERS:
            oldest, _ = self._adapters.popitem(last=False)
            self._model.delete_adapter(oldest)
            self._model.set_adapter(key)  # PEFT would choose one itself

    def _attach(self, key: str, folder: Path) -> None:
        import peft

        if isinstance(self._model, peft.PeftModel):
            self._model.load_adapter(str(folder), adapter_name=key)
        else:
            self._model = peft.PeftModel.from_pretrained(self._model, str(folder), adapter_name=key).eval()

    def prefill(self, slot: int, tokens: Sequence[int], past: int, adapter: str | None) -> np.ndarray:
        """Reads tokens after the `past` ones in the slot; returns the logits [vocabulary] of the last."""
        from transformers import DynamicCache

        if past == 0:
            self._caches[slot] = DynamicCache(config=self._model.config)
        return self._forward(slot, tokens, adapter)

    def decode(self, tokens: Sequence[int], pasts: Sequence[int], adapters: Sequence[str | None]) -> np.ndarray:
        """Reads one token in each of the slots 0 to n - 1; returns logits [n, vocabulary]."""
        rows = zip(tokens, adapters, strict=True)
        return np.stack([self._forward(slot, [token], adapter) for slot, (token, adapter) in enumerate(rows)])

    def swap(self, first: int, second: int, length: int) -> None:
        """Exchanges two slots."""
        self._caches[first], self._caches[second] = self._caches[second], self._caches[first]

    def copy_out(self, slot: int, length: int) -> Any:
        """The first `length` tokens' keys and values, or None where a cache holds more than those."""
        import torch
        from transformers.cache_utils import DynamicLayer

        layers = self._caches[slot].layers
        if any(type(layer) is not DynamicLayer for layer in layers):
            return None
        return torch.stack([part[0, :, :length] for layer in layers for part in (layer.keys, layer.values)])

    def copy_in(self, slot: int, stored: Any, length: int) -> None:
        """Fills a slot's first `length` tokens from what `copy_out` gave."""
        from transformers import DynamicCache

        cache = self._caches[slot] = DynamicCache(config=self._model.config)
        for layer in range(len(stored) // 2):
            keys, values = stored[2 * layer : 2 * layer + 2, None, :, :length].clone()
            cache.update(keys, values, layer)

    def _forward(self, slot: int, tokens: Sequence[int], adapter: str | None) -> np.ndarray:
        import torch

        with self._weights(adapter) as model, torch.inference_mode():
            inputs = torch.tensor([list(tokens)], device=self._device)
            out = model(input_ids=inputs, past_key_values=self._caches[slot], use_cache=True, logits_to_keep=1)
            return np.array(out.logits[0, -1].float().cpu())

    @contextlib.contextmanager
    def _weights(self, adapter: str | None) -> Iterator[Any]:
        """The model with exactly this adapter active, or none."""
        import peft

        if adapter is None:
            without = self._model.disable_adapter() if isinstance(self._model, peft.PeftModel) else None
            with without or contextlib.nullcontext():
                yield self._model
            return
        self._adapters.move_to_end(adapter)
        if self._model.active_adapter != adapter:
            self._model.set_adapter(adapter)
        yield self._model

    def _load(self) -> Any:
        import torch
        from transformers import AutoModelForCausalLM

        # bfloat16 is many times slower than float32 on processors without its instructions.
        dtype = torch.float32 if self._device == "cpu" else torch.bfloat16
        model = AutoModelForCausalLM.from_pretrained(self._folder, dtype=dtype, local_files_only=True)
        torch.nn.Module.to(model, self._device)
        return model.eval()
