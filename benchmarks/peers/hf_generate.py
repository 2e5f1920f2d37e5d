"""The peer everybody starts with: `generate` of transformers in fp32, one answer at a time."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.timing import Timing, timing


class TransformersGenerate:
    """transformers' greedy `generate` on processor threads, weights in fp32, attention as transformers chooses it."""

    def __init__(self, folder: Path, threads: int = 2) -> None:
        import torch
        from transformers import AutoModelForCausalLM, GenerationConfig

        self.threads = threads
        self._torch = torch
        self._model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        # Without an end token every answer gets the length asked for.
        self._model.generation_config = GenerationConfig(do_sample=False, pad_token_id=0)

    def answer(self, ids: list[int], new_tokens: int) -> Timing:
        """Answer the prompt with exactly `new_tokens` tokens."""
        # The number of threads is the whole process's, and other contestants set it too.
        self._torch.set_num_threads(self.threads)
        prompt = self._torch.tensor([ids])
        clock = _Clock()
        with self._torch.inference_mode():
            start = time.perf_counter()
            output = self._model.generate(
                prompt,
                attention_mask=self._torch.ones_like(prompt),
                max_new_tokens=new_tokens,
                streamer=clock,
            )
        tokens = output[0, len(ids) :].tolist()
        if len(tokens) != new_tokens:
            raise RuntimeError(f"transformers answered {len(tokens)} tokens where {new_tokens} were asked for")
        return timing(start, clock.moments, tokens)

    def logits(self, ids: list[int]) -> np.ndarray:
        """The logits after the last token of the prompt, fp32, one for each token of the vocabulary."""
        with self._torch.inference_mode():
            return self._model(self._torch.tensor([ids]), logits_to_keep=1).logits[0, -1].numpy()


class _Clock:
    """A transformers streamer that notes when each token came; the prompt, which it is handed first, does not count."""

    def __init__(self) -> None:
        self.moments: list[float] = []
        self._prompt_is_next = True

    def put(self, value: Any) -> None:
        if not self._prompt_is_next:
            self.moments.append(time.perf_counter())
        self._prompt_is_next = False

    def end(self) -> None:
        """Nothing is held back."""
