"""The sentence encoder all-MiniLM-L6-v2 (BERT) as an ONNX graph over the very file its weights come in.

One run reads `tokens` and `mask` [rows, length], int32, the mask 1 for tokens and 0 for padding on the right, and
gives `vectors` [rows, hidden size], float32: the mean over each row's tokens, at length 1. The graph holds no
weights: it names their places in the safetensors file, which onnxruntime maps into memory, so that nothing is
converted, copied or kept a second time on disk.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

MICROSOFT = "com.microsoft"
OPSETS = {"": 21, MICROSOFT: 1}


class EncoderGraph:
    """Describes the encoder whose `config` is that of a transformers BertModel."""

    def __init__(self, weights: Path, config: dict[str, Any]) -> None:
        self._file = weights.name
        self._start, self._tensors = _contents(weights)
        self._config = config
        self._nodes: list[Any] = []
        self._initializers: dict[str, Any] = {}

    def serialized(self) -> bytes:
        """The graph as onnxruntime reads it, some ten kilobytes."""
        from onnx import TensorProto, helper

        self._run()
        grid = ["rows", "length"]
        inputs = [helper.make_tensor_value_info(name, TensorProto.INT32, grid) for name in ("tokens", "mask")]
        shape = ["rows", self._config["hidden_size"]]
        output = helper.make_tensor_value_info("vectors", TensorProto.FLOAT, shape)
        graph = helper.make_graph(self._nodes, "encoder", inputs, [output], list(self._initializers.values()))
        opsets = [helper.make_opsetid(domain, version) for domain, version in OPSETS.items()]
        return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString())

    def _run(self) -> None:
        value = self._embed()
        for layer in range(self._config["num_hidden_layers"]):
            value = self._layer(layer, value)
        self._pool(value)

    def _embed(self) -> str:
        """Word, position and segment vectors, added and normalised; and `lengths` [rows], which attention wants."""
        self._add("Sub", ["mask", "mask"], ["segments"])  # all of segment 0: a row is one text
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
        active = self._fused("BiasGelu", [wide, bias], [prefix + "gelu"])
        return self._add_and_norm(prefix + "output", active, middle)

    def _attention(self, prefix: str, value: str) -> str:
        names = [f"{prefix}attention.self.{kind}" for kind in ("query", "key", "value")]
        projected = [self._matmul(name, value) for name in names]
        bias = self._add("Concat", [self._weight(f"{name}.bias") for name in names], [prefix + "qkv_bias"], axis=0)
        heads = self._config["num_attention_heads"]
        inputs = [*projected, bias, "lengths"]
        return self._fused("MultiHeadAttention", inputs, [prefix + "attended"], num_heads=heads)

    def _add_and_norm(self, name: str, value: str, residual: str) -> str:
        """The layer norm of residual + value W + bias."""
        product = self._matmul(f"{name}.dense", value)
        parts = ("LayerNorm.weight", "LayerNorm.bias", "dense.bias")
        inputs = [product, residual, *(self._weight(f"{name}.{part}") for part in parts)]
        return self._fused("SkipLayerNormalization", inputs, [name], epsilon=self._epsilon)

    def _pool(self, value: str) -> None:
        """The sum over a row's tokens: as the result gets length 1, dividing it by their number changes nothing."""
        from onnx import TensorProto, helper

        self._initializers["one"] = helper.make_tensor("one", TensorProto.INT64, [1], [1])
        chosen = self._add("Cast", ["mask"], ["chosen"], to=TensorProto.FLOAT)
        row = self._add("Unsqueeze", [chosen, "one"], ["chosen_row"])
        total = self._add("MatMul", [row, value], ["total_row"])
        self._add("Squeeze", [total, "one"], ["total"])
        self._add("LpNormalization", ["total"], ["vectors"], axis=-1, p=2)

    @property
    def _epsilon(self) -> float:
        return float(self._config["layer_norm_eps"])

    def _matmul(self, name: str, value: str) -> str:
        """value W^T, as the file holds W as [output size, input size]."""
        return self._fused("FusedMatMul", [value, self._weight(f"{name}.weight")], [f"{name}.product"], transB=1)

    def _fused(self, operator: str, inputs: list[str], outputs: list[str], **attributes: Any) -> str:
        return self._add(operator, inputs, outputs, MICROSOFT, **attributes)

    def _add(self, operator: str, inputs: list[str], outputs: list[str], domain: str = "", **attributes: Any) -> str:
        """Adds a node and returns its first output."""
        from onnx import helper

        self._nodes.append(helper.make_node(operator, inputs, outputs, domain=domain, **attributes))
        return outputs[0]

    def _weight(self, name: str) -> str:
        """A tensor of the file, by reference."""
        from onnx import TensorProto

        if name not in self._initializers:
            entry = self._tensors[name]
            first, end = entry["data_offsets"]
            tensor = TensorProto(
                name=name,
                dims=entry["shape"],
                data_type=TensorProto.FLOAT,
                data_location=TensorProto.EXTERNAL,
            )
            for key, value in (("location", self._file), ("offset", self._start + first), ("length", end - first)):
                tensor.external_data.add(key=key, value=str(value))
            self._initializers[name] = tensor
        return name


def _contents(weights: Path) -> tuple[int, dict[str, Any]]:
    """Where the tensors of a safetensors file begin, in bytes, and its table of their shapes and offsets from there."""
    with weights.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        return 8 + size, json.loads(file.read(size))
