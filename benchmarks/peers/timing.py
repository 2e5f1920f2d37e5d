"""What every peer measures for one answer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Timing:
    """One greedy answer: seconds to its first token, seconds for all tokens after it, and the token ids."""

    first_token_s: float
    decode_s: float
    tokens: list[int]

    @property
    def decode_tokens_per_s(self) -> float:
        """Tokens after the first over the seconds they took."""
        return (len(self.tokens) - 1) / self.decode_s

    @property
    def total_s(self) -> float:
        """Seconds from the question to the last token."""
        return self.first_token_s + self.decode_s


def timing(start: float, moments: list[float], tokens: list[int]) -> Timing:
    """A Timing from the moments (perf_counter) at which the question came and each token was there."""
    return Timing(moments[0] - start, moments[-1] - moments[0], tokens)
