"""The next token from logits, greedy or drawn, in numpy: what the template says, without transformers' top_k of 50."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.types import Decoding

COLDEST = 1e-6  # below, logits divided by the temperature are beyond what numbers can hold


def next_token(logits: np.ndarray, decoding: Decoding, seen: Sequence[int], draw: np.random.Generator) -> int:
    """The token that follows, given logits [vocabulary] and all tokens so far, the prompt's included.

    Repetition penalty after Keskar et al. (2019), nucleus sampling (top_p) after Holtzman et al. (2020).
    """
    if decoding.repetition_penalty != 1.0:
        logits = _penalised(logits, seen, decoding.repetition_penalty)
    if decoding.temperature < COLDEST:
        return int(logits.argmax())
    scaled = logits.astype(np.float64) / decoding.temperature
    shares = np.exp(scaled - scaled.max())
    shares /= shares.sum()
    if decoding.top_p < 1.0:
        order = np.argsort(-shares, kind="stable")
        # A token stays while those before it do not yet reach top_p; the first one always does.
        unlikely = order[np.cumsum(shares[order]) - shares[order] >= decoding.top_p]
        shares[unlikely] = 0
        shares /= shares.sum()
    return int(draw.choice(len(shares), p=shares))


def _penalised(logits: np.ndarray, seen: Sequence[int], penalty: float) -> np.ndarray:
    penalised = logits.copy()
    tokens = np.unique(np.asarray(seen, np.int64))
    values = penalised[tokens]
    penalised[tokens] = np.where(values < 0, values * penalty, values / penalty)
    return penalised
