"""The sentence encoder all-MiniLM-L6-v2 (BERT) as an ONNX graph over the very file its weights come in.

One run reads `tokens` and `mask` [rows, length], int32, the mask 1 for tokens and 0 for padding on the right, and
gives `vectors` [rows, hidden size], float32: the mean over each row's tokens, at length 1. The graph holds no
weights: it names their places in the safetensors file, which onnxruntime maps into memory, so that nothing is
converted, copied or kept a second time on disk.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from backends.onnx_graph import MICROSOFT, OnnxGraph, SafetensorsFile


class EncoderGraph:
    """Describes the encoder whose `config` is that of a transformers BertModel."""

    def __init__(self, weights: Path, config: dict[str, Any]) -> None:
        self._file = SafetensorsFile(weights)
        self._graph = OnnxGraph("encoder")
        self._config = config

    def serialized(self) -> bytes:
        """The graph as onnxruntime reads it, some ten kilobytes."""
        for name in ("tokens", "mask"):
            self._graph.input(name, "int32", ["rows", "length"])
        value = self._embed()
        for layer in range(self._config["num_hidden_layers"]):
            value = self._layer(layer, value)
        self._pool(value)
        self._graph.output("vectors", "float32", ["rows", self._config["hidden_size"]])
        return bytes(self._graph.model().SerializeToString())

    def _embed(self) -> str:
        """Word, position and segment vectors, added and normalised; and `lengths` [rows], which attention wants."""
        self._graph.add("Sub", ["mask", "mask"], "segments")  # all of segment 0: a row is one text
        tables = [f"embeddings.{kind}_embeddings.weight" for kind in ("word", "position", "token_type")]
        norm = [f"embeddings.LayerNorm.{part}" for part in ("weight", "bias")]
        inputs = ["tokens", "segments", *map(self._weight, tables + norm), "mask"]
        return self._fused("EmbedLayerNormalization", inputs, ["embedded", "lengths"], epsilon=self._epsilon)

    def _layer(self, layer: int, value: str) -> str:
        prefix = f"encoder.layer.{layer}."
        attended = self._attention(prefix, value)
        middle = self._add_and_norm(prefix + "attention.output", attended, value)
        wide = self._matmul(prefix + "intermediate.dense", middle)
        bias = self._weight(prefix + "intermediate.dense.bias")
        active = self._fused("BiasGelu", [wide, bias], prefix + "gelu")
        return self._add_and_norm(prefix + "output", active, middle)

    def _attention(self, prefix: str, value: str) -> str:
        names = [f"{prefix}attention.self.{kind}" for kind in ("query", "key", "value")]
        projected = [self._matmul(name, value) for name in names]
        bias = self._graph.add("Concat", [self._weight(f"{name}.bias") for name in names], prefix + "qkv_bias", axis=0)
        heads = self._config["num_attention_heads"]
        inputs = [*projected, bias, "lengths"]
        return self._fused("MultiHeadAttention", inputs, prefix + "attended", num_heads=heads)

    def _add_and_norm(self, name: str, value: str, residual: str) -> str:
        """The layer norm of residual + value W + bias."""
        product = self._matmul(f"{name}.dense", value)
        parts = ("LayerNorm.weight", "LayerNorm.bias", "dense.bias")
        inputs = [product, residual, *(self._weight(f"{name}.{part}") for part in parts)]
        return self._fused("SkipLayerNormalization", inputs, name, epsilon=self._epsilon)

    def _pool(self, value: str) -> None:
        """The sum over a row's tokens: as the result gets length 1, dividing it by their number changes nothing."""
        from onnx import TensorProto

        one = self._graph.constant("one", np.array([1]))
        chosen = self._graph.add("Cast", ["mask"], "chosen", to=TensorProto.FLOAT)
        row = self._graph.add("Unsqueeze", [chosen, one], "chosen_row")
        total = self._graph.add("MatMul", [row, value], "total_row")
        total = self._graph.add("Squeeze", [total, one], "total")
        self._graph.add("LpNormalization", [total], "vectors", axis=-1, p=2)

    @property
    def _epsilon(self) -> float:
        return float(self._config["layer_norm_eps"])

    def _matmul(self, name: str, value: str) -> str:
        """value W^T, as the file holds W as [output size, input size]."""
        return self._fused("FusedMatMul", [value, self._weight(f"{name}.weight")], f"{name}.product", transB=1)

    def _fused(self, operator: str, inputs: list[str], outputs: str | list[str], **attributes: Any) -> str:
        return self._graph.add(operator, inputs, outputs, MICROSOFT, **attributes)

    def _weight(self, name: str) -> str:
        return self._graph.weight(self._file.tensor(name))
