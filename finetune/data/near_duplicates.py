"""Texts that say nearly the same in nearly the same words.

Two texts are near-duplicates when the Jaccard index of their sets of character 4-grams is at least THRESHOLD.
Candidates come from MinHash (Broder, "On the resemblance and containment of documents", 1997) in bands; each is then
checked exactly, so that nothing is taken for a near-duplicate by chance. Everything here is deterministic.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

GRAM = 4
THRESHOLD = 0.8  # of 60 characters some 6 may differ; paraphrases of one question share 0.3 to 0.6
PERMUTATIONS = 128

Shingles = frozenset[str]


def shingles(text: str) -> Shingles:
    """The character 4-grams of a text in lower case, without punctuation, any number written as 0.

    A shorter text is one shingle.
    """
    return _grams(_plain(text))


def jaccard(first: Shingles, second: Shingles) -> float:
    """What two sets, of which none is empty, share of what they hold together: 0 to 1."""
    shared = len(first & second)
    return shared / (len(first) + len(second) - shared)


class Index:
    """Finds, among the texts put in one after the other, the near-duplicates of a text.

    It keeps texts and no shingles, which would take a hundred times the memory.
    """

    def __init__(self, threshold: float = THRESHOLD) -> None:
        self._threshold = threshold
        self._lsh = lsh(threshold)
        self._numbers: dict[str, list[int]] = {}  # of texts that are equal but for case, digits and punctuation

    def add(self, number: int, text: str, sketch: Any) -> None:
        """`sketch` is the text's own of `sketches`."""
        plain = _plain(text)
        if plain not in self._numbers:
            self._lsh.insert(plain, sketch, check_duplication=False)
        self._numbers.setdefault(plain, []).append(number)

    def similar(self, text: str, sketch: Any) -> list[tuple[list[int], float]]:
        """The numbers of each near-duplicate, with the Jaccard index; the most similar first."""
        found = shingles(text)
        scored = [(self._numbers[other], jaccard(found, _grams(other))) for other in self._lsh.query(sketch)]
        near = [(numbers, score) for numbers, score in scored if score >= self._threshold]
        return sorted(near, key=lambda one: (-one[1], one[0][0]))


def lsh(threshold: float = THRESHOLD) -> Any:
    """datasketch's index of MinHashes, with weights that find 98 % of the pairs right at the threshold.

    What it finds must be checked; a candidate in vain costs one exact comparison.
    """
    from datasketch import MinHashLSH

    return MinHashLSH(threshold, PERMUTATIONS, weights=(0.02, 0.98))


def sketches(sets: Iterable[Iterable[str]]) -> Iterator[Any]:
    """The MinHash of each set of shingles."""
    from datasketch import MinHash

    encoded = ([gram.encode("utf-8", "replace") for gram in found] for found in sets)
    return MinHash.generator(encoded, num_perm=PERMUTATIONS, hashfunc=zlib.crc32)


def groups(texts: Sequence[str], threshold: float = THRESHOLD) -> list[int]:
    """A group for each text, numbered from 0 as they appear: near-duplicates, and theirs in turn, share one."""
    links = []
    index = Index(threshold)
    for at, (text, sketch) in enumerate(zip(texts, sketches(map(shingles, texts)), strict=True)):
        links += [(numbers[0], at) for numbers, _ in index.similar(text, sketch)]
        index.add(at, text, sketch)
    return components(len(texts), links)


def matches(texts: Sequence[str], against: Sequence[str], threshold: float = THRESHOLD) -> dict[int, tuple[int, float]]:
    """For each text that nearly repeats one of `against`: which, the most similar one, and the Jaccard index."""
    index = Index(threshold)
    for at, (text, sketch) in enumerate(zip(against, sketches(map(shingles, against)), strict=True)):
        index.add(at, text, sketch)
    nearest = {}
    for at, (text, sketch) in enumerate(zip(texts, sketches(map(shingles, texts)), strict=True)):
        if near := index.similar(text, sketch):
            nearest[at] = (near[0][0][0], near[0][1])
    return nearest


def components(n: int, links: Sequence[tuple[int, int]]) -> list[int]:
    """The connected components of n things, numbered from 0 as they appear."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not n:
        return []
    ends = ([first for first, _ in links], [second for _, second in links])
    _, labels = connected_components(coo_array(([1] * len(links), ends), shape=(n, n)), directed=False)
    numbers: dict[int, int] = {}
    return [numbers.setdefault(int(label), len(numbers)) for label in labels]


def _plain(text: str) -> str:
    return re.sub(r"\d+", "0", re.sub(r"[\W_]+", " ", text.lower())).strip()


@lru_cache(256)
def _grams(plain: str) -> Shingles:
    return frozenset(plain[at : at + GRAM] for at in range(max(len(plain) - GRAM + 1, 1)))
