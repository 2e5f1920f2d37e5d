"""A base model made ready to run: its graphs and tokenizer, written once and checked against transformers.

What is written depends on the model's files alone and is found again by their hash. Only this step imports torch.
"""

from __future__ import annotations

import contextlib
import json
import logging
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from backends.engine.graph import Shape, shape_of, write_graphs
from backends.engine.graph_runner import GraphRunner
from backends.engine.tokenizer import ChatTokenizer
from core.errors import ModelError
from core.types import Turn, new_id

if TYPE_CHECKING:
    from transformers import PreTrainedModel

log = logging.getLogger(__name__)

FORMAT = 4  # counts up whenever what is written changes
PRECISIONS = {"fp32": 0.99999, "int8": 0.99}  # least cosine of the logits with those of transformers
SAMPLE = (Turn("system", "You are an agent."), Turn("user", "Hello, where is my order?"))
CHECKED_TOKENS = 48
ABANDONED_S = 3600


@dataclass(frozen=True)
class PreparedModel:
    """`shape` is None when no graph runs this model; `reason` then says why. `ends` are the end-of-answer tokens."""

    folder: Path
    shape: Shape | None
    reason: str
    ends: frozenset[int]
    context: int


def prepare(source: Path, model_hash: str, cache: Path) -> PreparedModel:
    """Finds or makes what the engine needs of a model folder. Raises ModelError."""
    folder = cache / f"{model_hash}-{FORMAT}"
    if not (folder / "prepared.json").exists():
        for old in cache.glob(".*"):  # what a process left that was killed while it prepared a model
            if time.time() - old.stat().st_mtime > ABANDONED_S:
                shutil.rmtree(old, ignore_errors=True)
        unfinished = cache / f".{new_id()}"
        try:
            _write(source, unfinished)
            _put(unfinished, folder)
        except OSError as error:
            raise ModelError(
                f"The model '{source}' cannot be prepared in {cache} ({error.strerror or error}); "
                "check the free disk space and the folder's permissions."
            ) from error
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    known = json.loads((folder / "prepared.json").read_text(encoding="utf-8"))
    shape = Shape(**known["shape"]) if known["shape"] else None
    return PreparedModel(folder, shape, known["reason"], frozenset(known["ends"]), known["context"])


def _put(unfinished: Path, folder: Path) -> None:
    """Moves a finished folder to its place, unless another process has been faster."""
    if folder.exists() and not (folder / "prepared.json").exists():
        shutil.rmtree(folder)
    with contextlib.suppress(OSError):
        unfinished.rename(folder)
    if not (folder / "prepared.json").exists():
        raise OSError(f"{folder} could not be put in place")


def _write(source: Path, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    ChatTokenizer.save(source, folder / "tokenizer")
    model = AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32, local_files_only=True).eval()
    shape, reason = _write_graphs(model, folder)
    if reason:
        log.warning("the model %s is answered by torch: %s", source, reason)
    known = {
        "shape": asdict(shape) if shape else None,
        "reason": reason,
        "ends": _ends(model.generation_config.eos_token_id),
        "context": model.config.max_position_embeddings,
    }
    (folder / "prepared.json").write_text(json.dumps(known, indent=2), encoding="utf-8")


def _write_graphs(model: PreTrainedModel, folder: Path) -> tuple[Shape | None, str]:
    """The model's shape if its graphs say what it says, else None with the reason."""
    try:
        return _checked_graphs(model, folder), ""
    except OSError:
        raise
    except Exception as error:  # whatever onnxruntime does not like, torch can still answer
        return None, str(error)


def _checked_graphs(model: PreTrainedModel, folder: Path) -> Shape:
    """Raises NotImplementedError for a model without a graph, ValueError for one that the graph gets wrong."""
    shape = shape_of(model.config)
    tokenizer = ChatTokenizer(folder / "tokenizer", "sample")
    tokens = (tokenizer.encode(SAMPLE) * CHECKED_TOKENS)[:CHECKED_TOKENS]
    expected = _logits(model, tokens)
    write_graphs(model, folder)
    for precision, least in PRECISIONS.items():
        runner = GraphRunner(folder, shape, precision, slots=1, capacity=CHECKED_TOKENS, threads=1)
        runner.prefill(0, tokens[:-1], 0, None)
        found = runner.decode(tokens[-1:], [len(tokens) - 1], [None])[0]
        cosine = float(found @ expected / (np.linalg.norm(found) * np.linalg.norm(expected)))
        if not cosine >= least:
            raise ValueError(f"the {precision} graph differs from transformers (cosine of the logits {cosine:.5f})")
    return shape


def _logits(model: PreTrainedModel, tokens: list[int]) -> np.ndarray:
    import torch

    with torch.inference_mode():
        return np.array(model(torch.tensor([tokens])).logits[0, -1])


def _ends(configured: Any) -> list[int]:
    return configured if isinstance(configured, list) else [] if configured is None else [configured]
