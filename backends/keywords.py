"""BM25 over texts held in memory (bm25s). Its terms are the character 4-grams of the words.

Customers mistype and inflect: "chargeing" still shares most of its 4-grams with "charging". On the test questions
this finds more than whole words or stemmed words do, and far more where there are typing errors.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

# A hyphen inside belongs to the word, so that the code "E-417" stays in one piece.
WORD = re.compile(r"\b\w+(?:-\w+)*\b")
GRAM = 4


class KeywordIndex:
    """Ranks texts by what they share with a query. Building it reads every text once. Safe for threads."""

    def __init__(self, texts: Sequence[str]) -> None:
        import bm25s

        self._ids: dict[str, int] = {}  # of the terms
        known: dict[str, np.ndarray] = {}
        # Numbers, one array a text: lists of the terms themselves would take ten times the memory.
        documents = [self._numbers(text, known) for text in texts]
        self._bm25: Any = None
        if self._ids:
            self._bm25 = bm25s.BM25()
            self._bm25.index((documents, self._ids), show_progress=False)

    def best(self, query: str, n: int) -> list[int]:
        """The rows of at most n texts that share a term with the query, best first, equals in order of their rows."""
        import numpy as np

        ids = [self._ids[term] for term in terms(query) if term in self._ids]
        if not ids or n <= 0:
            return []
        scores = self._bm25.get_scores_from_ids(ids)
        candidates = np.flatnonzero(scores)
        if len(candidates) > n:  # sorting only the best few, and all that equal the last of them
            least = np.partition(scores[candidates], -n)[-n]
            candidates = candidates[scores[candidates] >= least]
        order = np.argsort(-scores[candidates], kind="stable")[:n]
        return [int(row) for row in candidates[order]]

    def _numbers(self, text: str, known: dict[str, np.ndarray]) -> np.ndarray:
        """The terms of a text by their numbers. Words repeat, so that `known` keeps those of each."""
        import numpy as np

        found = []
        for word in words(text):
            if word not in known:
                known[word] = np.array([self._ids.setdefault(gram, len(self._ids)) for gram in grams(word)], np.int32)
            found.append(known[word])
        return np.concatenate(found) if found else np.zeros(0, np.int32)


def terms(text: str) -> list[str]:
    """The 4-grams of all words of a text."""
    return [gram for word in words(text) for gram in grams(word)]


def words(text: str) -> list[str]:
    """The words of a text in lower case, English stop words left out."""
    from bm25s.stopwords import STOPWORDS_EN

    return [word for word in WORD.findall(text.lower()) if word not in STOPWORDS_EN]


def grams(word: str) -> list[str]:
    """The 4-grams of a word, `_` marking where it begins and ends."""
    marked = f"_{word}_"
    return [marked[i : i + GRAM] for i in range(max(1, len(marked) - GRAM + 1))]
