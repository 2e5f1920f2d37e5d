"""Runs the decoder graph in onnxruntime: key-value buffers in slots, adapters bound as inputs, no torch.

Prompts are read in float32 with all threads; tokens are then written with the weights in 8 bits, or in float32
if so wished. All sessions append to the same buffers. Not safe for threads: the scheduler alone calls it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from backends.engine.graph import FP32, FP32_PLAIN, INT8, INT8_PLAIN, Shape, Variant
from backends.engine.lora import LoraMatrices, read_adapter, side_by_side
from backends.engine.prefixes import KeyValues, own_memory

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

SPARE_ADAPTERS = 8  # kept in memory beside those that could be in use at once
KEPT_COMBINATIONS = 8  # of adapters in one run
# A thread that waits for its next piece of work spins so long, in microseconds: long enough for the pause between two
# nodes of a step, which makes steps 1.2 to 1.6 times faster, and short enough that a busy neighbour costs little more
# than its share. Without a bound, a neighbour on one of two cores makes steps 3 times slower.
SPIN_US = 30


class GraphRunner:
    """Implements backends.engine.scheduler.Runner over the graphs in `folder`. `precision` is int8 or fp32.

    `capacity` is in tokens a slot; its memory is taken as it fills.
    """

    def __init__(self, folder: Path, shape: Shape, precision: str, slots: int, capacity: int, threads: int) -> None:
        self.slots = slots
        self.keeps_written = precision != "int8"
        self.context = min(shape.context, capacity)
        self._shape = shape
        size = (slots, shape.kv_heads, self.context, shape.head_size)
        names = [f"{kind}_{layer}" for layer in range(shape.layers) for kind in ("keys", "values")]
        self._buffers = {name: np.zeros(size, np.float32) for name in names}
        self._logits = np.zeros((slots, 1, shape.vocabulary), np.float32)
        self._folder = folder
        self._threads = threads
        self._eight_bit = precision == "int8"
        self._sessions: dict[Variant, InferenceSession] = {}
        self._adapters: OrderedDict[str, LoraMatrices] = OrderedDict()
        self._combined: OrderedDict[tuple[str, ...], LoraMatrices] = OrderedDict()
        self._bindings: dict[tuple[int, tuple[str, ...]], _Bound] = {}
        for variant in {self._reading(()), self._writing(())}:
            self._session(variant)

    def load_adapter(self, key: str, name: str, folder: Path) -> None:
        """Reads an adapter's matrices unless they are known. Raises AdapterError, AdapterMismatch, NotPlainLora."""
        if key not in self._adapters:
            self._adapters[key] = read_adapter(name, folder, self._shape)
            if len(self._adapters) > self.slots + SPARE_ADAPTERS:
                self._adapters.popitem(last=False)
        self._adapters.move_to_end(key)

    def prefill(self, slot: int, tokens: Sequence[int], past: int, adapter: str | None) -> np.ndarray:
        """Reads tokens after the `past` ones in the slot; returns the logits [vocabulary] of the last."""
        adapters = (adapter,) if adapter else ()
        for key in adapters:
            self._adapters.move_to_end(key)
        bound = self._bind(self._reading(adapters), slice(slot, slot + 1), len(tokens), adapters)
        return bound.run([tokens], [past], [adapter])[0]

    def decode(self, tokens: Sequence[int], pasts: Sequence[int], adapters: Sequence[str | None]) -> np.ndarray:
        """Reads one token in each of the slots 0 to n - 1; returns logits [n, vocabulary], good until the next call."""
        together = tuple(sorted({adapter for adapter in adapters if adapter}))
        for adapter in together:
            self._adapters.move_to_end(adapter)
        key = len(tokens), together
        if key not in self._bindings:
            self._bindings[key] = self._bind(self._writing(together), slice(0, len(tokens)), 1, together)
        return self._bindings[key].run([[token] for token in tokens], pasts, adapters)

    def swap(self, first: int, second: int, length: int) -> None:
        """Exchanges the first `length` tokens' keys and values of two slots."""
        for buffer in self._buffers.values():
            kept = buffer[first, :, :length].copy()
            buffer[first, :, :length] = buffer[second, :, :length]
            buffer[second, :, :length] = kept

    def copy_out(self, slot: int, length: int) -> KeyValues:
        """The first `length` tokens' keys and values [2 x layers, heads, length, head size]."""
        kept = [buffer[slot, :, :length] for buffer in self._buffers.values()]
        return np.stack(kept, out=own_memory((len(kept), *kept[0].shape)))

    def copy_in(self, slot: int, stored: KeyValues, length: int) -> None:
        """Fills a slot's first `length` tokens from what `copy_out` gave."""
        for buffer, values in zip(self._buffers.values(), stored, strict=True):
            buffer[slot, :, :length] = values[:, :length]

    def _reading(self, adapters: tuple[str, ...]) -> Variant:
        """The graph that reads prompts. A large model, which writes in 8 bits, holds its float32 weights once only."""
        return FP32 if adapters or self._eight_bit else FP32_PLAIN

    def _writing(self, adapters: tuple[str, ...]) -> Variant:
        """The graph that writes tokens."""
        if self._eight_bit:
            return INT8 if adapters else INT8_PLAIN
        return FP32 if adapters else FP32_PLAIN

    def _session(self, variant: Variant) -> InferenceSession:
        """Loads a graph with its first use."""
        if variant not in self._sessions:
            self._sessions[variant] = _open(self._folder / variant.file, self._threads)
        return self._sessions[variant]

    def _bind(self, variant: Variant, slots: slice, length: int, adapters: tuple[str, ...]) -> _Bound:
        session = self._session(variant)
        lora = self._combine(adapters) if variant.lora else None
        columns = {key: self._adapters[key].columns for key in adapters}
        return _Bound(session, self._buffers, slots, length, lora, columns, self._logits)

    def _combine(self, adapters: tuple[str, ...]) -> LoraMatrices:
        if adapters not in self._combined:
            self._combined[adapters] = side_by_side([self._adapters[key] for key in adapters], self._shape)
            if len(self._combined) > KEPT_COMBINATIONS:
                oldest, _ = self._combined.popitem(last=False)
                self._bindings = {key: bound for key, bound in self._bindings.items() if key[1] != oldest}
        self._combined.move_to_end(adapters)
        return self._combined[adapters]


class _Bound:
    """A session bound to slots and adapters: a run then only fills in numbers."""

    def __init__(
        self,
        session: InferenceSession,
        buffers: dict[str, np.ndarray],
        slots: slice,
        length: int,
        lora: LoraMatrices | None,
        columns: dict[str, int],
        logits: np.ndarray,
    ) -> None:
        rows = slots.stop - slots.start
        self._session = session
        self._columns = columns
        self._tokens = np.zeros((rows, length), np.int64)
        self._lengths = np.zeros(rows, np.int32)
        self._longest = np.zeros((), np.int32)
        self._mask = np.zeros((rows, 1, lora.columns if lora else 0), np.float32)
        self._logits = logits[:rows]
        self._kept = lora  # onnxruntime holds addresses, not references
        self._binding = session.io_binding()
        self._input("tokens", self._tokens)
        self._last = np.array([length - 1], np.int64)
        self._input("last", self._last)
        self._input("lengths", self._lengths)
        self._input("longest", self._longest)
        if lora:
            self._input("lora_mask_1", self._mask)
            for key in lora.a:
                self._input(f"lora_a_{key}", lora.a[key])
                self._input(f"lora_b_{key}", lora.b[key])
        for name, buffer in buffers.items():
            self._input(name, buffer[slots])
            self._output(f"new_{name}", buffer[slots])
        self._output("logits", self._logits)

    def run(self, tokens: Sequence[Sequence[int]], pasts: Sequence[int], adapters: Sequence[str | None]) -> np.ndarray:
        length = self._tokens.shape[1]
        self._tokens[:] = tokens
        self._lengths[:] = pasts
        self._lengths += length - 1
        self._longest[...] = max(pasts) + length
        start = 0
        for key, width in self._columns.items():
            for row, adapter in enumerate(adapters):
                self._mask[row, 0, start : start + width] = adapter == key
            start += width
        self._session.run_with_iobinding(self._binding)
        return self._logits[:, 0]

    def _input(self, name: str, array: np.ndarray) -> None:
        self._binding.bind_input(name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)

    def _output(self, name: str, array: np.ndarray) -> None:
        self._binding.bind_output(name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)


def _open(path: Path, threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.spin_duration_us", str(SPIN_US))
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
