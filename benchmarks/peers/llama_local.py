"""llama.cpp in this process, through the low-level functions of llama-cpp-python.

Its high-level class copies logits and builds samplers for every token; the peer gets the fastest way there is.
"""

from __future__ import annotations

import ctypes
import time
from pathlib import Path

import llama_cpp
import numpy as np

from benchmarks.peers.timing import Timing, timing

PROMPT_BATCH = 2048


@llama_cpp.llama_log_callback
def _silent(_level: int, _text: bytes, _data: ctypes.c_void_p) -> None:
    """llama.cpp logs hundreds of lines while loading."""


class LlamaCpp:
    """Greedy answers of a GGUF file, one at a time; keys and values in f16, everything else as llama.cpp chooses.

    Flash attention (None: llama.cpp's choice, which is on) reads prompts faster, while without it the decoding of long
    prompts was up to twice as fast on the processor of the first trials: to be fair, measure both.
    """

    def __init__(
        self, gguf_path: Path, threads: int = 2, context: int = 2048, flash_attention: bool | None = None
    ) -> None:
        llama_cpp.llama_log_set(_silent, ctypes.c_void_p(0))
        llama_cpp.llama_backend_init()
        model = llama_cpp.llama_model_load_from_file(str(gguf_path).encode(), llama_cpp.llama_model_default_params())
        if not model:
            raise RuntimeError(f"llama.cpp does not load {gguf_path}")
        settings = llama_cpp.llama_context_default_params()
        settings.n_ctx = context
        settings.n_batch = PROMPT_BATCH
        settings.n_threads = settings.n_threads_batch = threads
        if flash_attention is not None:
            settings.flash_attn_type = int(flash_attention)
        self._context = llama_cpp.llama_init_from_model(model, settings)
        if not self._context:
            raise RuntimeError(f"llama.cpp makes no context of {context} tokens for {gguf_path}")
        self._model = model
        self._memory = llama_cpp.llama_get_memory(self._context)
        self._vocabulary = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(model))

    def answer(self, ids: list[int], new_tokens: int) -> Timing:
        """Answer the prompt with exactly `new_tokens` tokens, nothing remembered from the answer before."""
        self._forget()
        tokens: list[int] = []
        moments: list[float] = []
        start = time.perf_counter()
        step = ids
        while len(tokens) < new_tokens:
            tokens.append(int(self._logits_after(step).argmax()))
            moments.append(time.perf_counter())
            step = tokens[-1:]
        return timing(start, moments, tokens)

    def logits(self, ids: list[int]) -> np.ndarray:
        """The logits after the last token of the prompt, fp32, one for each token of the vocabulary."""
        self._forget()
        return self._logits_after(ids).copy()

    def close(self) -> None:
        """Free the weights and the cache."""
        llama_cpp.llama_free(self._context)
        llama_cpp.llama_model_free(self._model)

    def _forget(self) -> None:
        llama_cpp.llama_memory_clear(self._memory, False)

    def _logits_after(self, ids: list[int]) -> np.ndarray:
        """Read the ids behind what was read before. The array is llama.cpp's own: the next call overwrites it."""
        tokens = (llama_cpp.llama_token * len(ids))(*ids)
        status = llama_cpp.llama_decode(self._context, llama_cpp.llama_batch_get_one(tokens, len(ids)))
        if status != 0:
            raise RuntimeError(f"llama.cpp failed to read {len(ids)} tokens: status {status}")
        return np.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(self._context, -1), shape=(self._vocabulary,))
