"""Keys and values of prompts already read, kept for prompts that begin the same way.

What is kept belongs to one set of weights, and is found by its tokens alone: a prompt gets back exactly the part
that it has in common with an earlier one, whoever sent that.
"""

from __future__ import annotations

import math
import mmap
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

KeyValues: TypeAlias = np.ndarray  # float32 [2 x layers, heads, tokens, head size]
SHORTEST = 8  # fewer common tokens than this are not worth copying


@dataclass(frozen=True)
class _Prefix:
    tokens: np.ndarray
    stored: KeyValues


def own_memory(shape: tuple[int, ...]) -> KeyValues:
    """An array in pages of its own, which go back to the system with it. On the heap prefixes, each of another length
    and with another lifetime, leave holes that the next ones do not fit into: it grew to several times the limit."""
    size = math.prod(shape)
    if not size:
        return np.empty(shape, np.float32)
    return np.frombuffer(mmap.mmap(-1, 4 * size), np.float32).reshape(shape)


class PrefixCache:
    """At most `limit` bytes; those used longest ago make room. Not safe for threads."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
        self._entries: OrderedDict[tuple[str | None, bytes], _Prefix] = OrderedDict()

    def find(self, weights: str | None, tokens: Sequence[int]) -> tuple[int, KeyValues | None]:
        """How many of the first tokens are known for these weights, and their keys and values (often of more)."""
        wanted = np.asarray(tokens, np.int32)
        best, key = SHORTEST - 1, None
        for (owner, name), entry in self._entries.items():
            if owner == weights and (common := _common(entry.tokens, wanted)) > best:
                best, key = common, (owner, name)
        if key is None:
            return 0, None
        self._entries.move_to_end(key)
        return best, self._entries[key].stored

    def add(self, weights: str | None, tokens: Sequence[int], stored: KeyValues) -> None:
        """Keeps a prefix in place of those that it continues."""
        new = np.asarray(tokens, np.int32)
        if stored.nbytes > self.limit:
            return
        for key, entry in list(self._entries.items()):
            if key[0] == weights and len(entry.tokens) <= len(new) and _common(entry.tokens, new) == len(entry.tokens):
                self._drop(key)
        while self._entries and self.used + stored.nbytes > self.limit:
            self._drop(next(iter(self._entries)))
        self._entries[weights, new.tobytes()] = _Prefix(new, stored)
        self.used += stored.nbytes

    def _drop(self, key: tuple[str | None, bytes]) -> None:
        self.used -= self._entries.pop(key).stored.nbytes


def _common(first: np.ndarray, second: np.ndarray) -> int:
    """How many tokens two prompts share at their start."""
    length = min(len(first), len(second))
    different = np.flatnonzero(first[:length] != second[:length])
    return int(different[0]) if len(different) else length
