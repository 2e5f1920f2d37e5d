"""PEFT adapters as the matrices that the graph takes: fused like its projections, scaled, several side by side."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from backends.engine.graph import Shape
from core.errors import AdapterError, AdapterMismatch

WEIGHTS = "adapter_model.safetensors"
KEY = re.compile(r"^base_model\.model\.model\.layers\.(\d+)\.(?:self_attn|mlp)\.(\w+)\.lora_([AB])\.weight$")
# What plain LoRA does not have; an adapter that uses one of these is answered by PEFT itself.
BEYOND = (
    "use_dora",
    "use_qalora",
    "lora_bias",
    "modules_to_save",
    "fan_in_fan_out",
    "trainable_token_indices",
    "layer_replication",
)


class NotPlainLora(Exception):
    """The adapter is sound but the graph cannot apply it; the text says why."""


@dataclass(frozen=True)
class LoraMatrices:
    """One adapter, or none: `a` [input size, columns] and `b` [columns, output size] for each fused projection.

    `columns` is the adapter's width within one part of a projection; a projection of p parts has p x columns.
    """

    columns: int
    a: dict[str, np.ndarray]
    b: dict[str, np.ndarray]


def read_adapter(name: str, folder: Path, shape: Shape) -> LoraMatrices:
    """Raises AdapterError for unreadable files, AdapterMismatch for matrices of other sizes, NotPlainLora."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
        tensors = load_file(folder / WEIGHTS)
    except (OSError, ValueError, SafetensorError) as error:
        raise AdapterError(f"The adapter '{name}' cannot be loaded from {folder}: {error}") from error
    except TypeError as error:  # numpy has no bfloat16
        raise NotPlainLora(f"its weights are of a kind that numpy does not know ({error})") from error
    if used := [key for key in BEYOND if config.get(key)]:
        raise NotPlainLora(f"it is not plain LoRA ({', '.join(used)})")
    found: dict[tuple[int, str, str], np.ndarray] = {}
    for key, tensor in tensors.items():
        match = KEY.match(key)
        if not match:
            raise NotPlainLora(f"it changes {key}")
        found[int(match[1]), match[2], match[3]] = tensor.astype(np.float32)
        if not np.isfinite(tensor).all():  # beside it in a batch, others' numbers would be spoilt too
            raise AdapterError(
                f"The adapter '{name}' holds numbers that are not finite ({key}): its training went wrong; "
                "train it again with a lower learning rate."
            )
    return _fuse(name, config, found, shape)


def _fuse(
    name: str, config: dict[str, Any], found: dict[tuple[int, str, str], np.ndarray], shape: Shape
) -> LoraMatrices:
    columns = max((tensor.shape[0] for (_, _, kind), tensor in found.items() if kind == "A"), default=0)
    a: dict[str, np.ndarray] = {}
    b: dict[str, np.ndarray] = {}
    for layer in range(shape.layers):
        for module, (size, parts) in shape.modules.items():
            down = np.zeros((size, len(parts) * columns), np.float32)
            up = np.zeros((len(parts) * columns, sum(width for _, width in parts)), np.float32)
            start = 0
            for place, (part, width) in enumerate(parts):
                low, high = found.pop((layer, part, "A"), None), found.pop((layer, part, "B"), None)
                if (low is None) != (high is None):
                    raise _mismatch(name)
                if low is not None and high is not None:
                    rank = low.shape[0]
                    if low.shape != (rank, size) or high.shape != (width, rank):
                        raise _mismatch(name)
                    first = place * columns
                    down[:, first : first + rank] = low.T
                    up[first : first + rank, start : start + width] = high.T * _scale(config, layer, part, rank)
                start += width
            a[f"{module}_{layer}"], b[f"{module}_{layer}"] = down, up
    if found:
        raise _mismatch(name)
    return LoraMatrices(columns, a, b)


def _scale(config: dict[str, Any], layer: int, part: str, rank: int) -> float:
    """PEFT's factor for one matrix: alpha / rank, or alpha / sqrt(rank) with rsLoRA."""
    room = "self_attn" if part in ("q_proj", "k_proj", "v_proj", "o_proj") else "mlp"
    module = f"model.layers.{layer}.{room}.{part}"
    alpha = float(config.get("lora_alpha", 8))
    for pattern, value in (config.get("alpha_pattern") or {}).items():
        if re.match(rf"(.*\.)?({pattern})$", module):  # as PEFT's own lookup reads it
            alpha = float(value)
            break
    return alpha / (rank**0.5 if config.get("use_rslora") else rank)


def side_by_side(adapters: Sequence[LoraMatrices], shape: Shape) -> LoraMatrices:
    """All adapters of a run as one: their columns stand side by side within each part of a projection."""
    if len(adapters) == 1:
        return adapters[0]
    a: dict[str, np.ndarray] = {}
    b: dict[str, np.ndarray] = {}
    for layer in range(shape.layers):
        for module, (size, parts) in shape.modules.items():
            key = f"{module}_{layer}"
            width, count = sum(n for _, n in parts), len(parts)
            downs = [one.a[key].reshape(size, count, one.columns) for one in adapters]
            ups = [one.b[key].reshape(count, one.columns, width) for one in adapters]
            columns = sum(one.columns for one in adapters)
            empty_a, empty_b = np.zeros((size, count, 0), np.float32), np.zeros((count, 0, width), np.float32)
            a[key] = np.concatenate([empty_a, *downs], axis=2).reshape(size, count * columns)
            b[key] = np.concatenate([empty_b, *ups], axis=1).reshape(count * columns, width)
    return LoraMatrices(sum(one.columns for one in adapters), a, b)


def _mismatch(name: str) -> AdapterMismatch:
    return AdapterMismatch(
        f"The adapter '{name}' does not fit the base model: its matrices have other shapes; "
        "choose another adapter or train this one again."
    )
