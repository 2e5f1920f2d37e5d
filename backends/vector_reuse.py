"""Embeddings that never compute again what is stored already."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from langchain_core.embeddings import Embeddings

Vector = Sequence[float]


class ReusingEmbeddings(Embeddings):
    """Asks `model` only for texts without a stored vector, and for each text once in a call.

    `stored` gives the vectors there are, by text, whichever document or place a text came from: a document that
    changed, moved or was interrupted while being indexed costs only what is new in it.
    """

    def __init__(self, model: Embeddings, stored: Callable[[Sequence[str]], Mapping[str, Vector]]) -> None:
        self._model = model
        self._stored = stored

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        vectors = dict(self._stored(texts))
        new = [text for text in dict.fromkeys(texts) if text not in vectors]
        if new:
            vectors.update(zip(new, self._model.embed_documents(new), strict=True))
        return [list(vectors[text]) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return self._model.embed_query(text)
