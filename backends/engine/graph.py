"""The decoder as an ONNX graph: Llama, Mistral, Qwen2 and Qwen3, with LoRA matrices and key-value buffers as inputs.

One run reads `tokens` [rows, length] and writes the logits of one position per row. Keys and values live in the
caller's buffers [rows, key-value heads, capacity, head size], one pair a layer, and are appended in place, each row
at its own length. The fused projections (query-key-value, output, gate-up, down) of each layer take the low-rank
matrices of all adapters in use side by side; `lora_mask_1` [rows, 1, columns] lets each row see its own adapter's
columns alone, so that rows with different weights share one run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from backends.onnx_graph import MICROSOFT, OnnxGraph, WeightFile

if TYPE_CHECKING:
    from transformers import PreTrainedModel

BLOCK = 32  # weights of one 8-bit block share a scale


@dataclass(frozen=True)
class Variant:
    """One graph of the model: its weights in 8 bits or float32, with LoRA inputs or (a quarter faster) without."""

    file: str
    eight_bit: bool
    lora: bool


FP32 = Variant("fp32.onnx", eight_bit=False, lora=True)
FP32_PLAIN = Variant("fp32-plain.onnx", eight_bit=False, lora=False)
INT8 = Variant("int8.onnx", eight_bit=True, lora=True)
INT8_PLAIN = Variant("int8-plain.onnx", eight_bit=True, lora=False)
VARIANTS = (FP32, FP32_PLAIN, INT8, INT8_PLAIN)


@dataclass(frozen=True)
class Shape:
    """What the graph and its caller must know of a model. Sizes in elements, `context` in tokens."""

    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_size: int
    feed_forward: int
    vocabulary: int
    context: int
    epsilon: float
    window: int  # tokens that attention looks back; -1: all
    qkv_bias: bool
    head_norm: bool

    @property
    def modules(self) -> dict[str, tuple[int, list[tuple[str, int]]]]:
        """Each fused projection: its input size and its parts, named as in transformers, with their output sizes."""
        query, key = self.heads * self.head_size, self.kv_heads * self.head_size
        return {
            "qkv": (self.hidden, [("q_proj", query), ("k_proj", key), ("v_proj", key)]),
            "output": (query, [("o_proj", self.hidden)]),
            "gate_up": (self.hidden, [("gate_proj", self.feed_forward), ("up_proj", self.feed_forward)]),
            "down": (self.feed_forward, [("down_proj", self.hidden)]),
        }

    @property
    def weights(self) -> int:
        """How many weights one token needs: every projection and the head, not the rest of the vocabulary."""
        layer = sum(size * sum(width for _, width in parts) for size, parts in self.modules.values())
        return self.layers * layer + self.vocabulary * self.hidden


def shape_of(config: Any) -> Shape:
    """Raises NotImplementedError, with the reason, for a model that this graph does not know."""
    kind = config.model_type
    if kind not in ("llama", "mistral", "qwen2", "qwen3"):
        raise NotImplementedError(f"no graph for the architecture {kind}")
    if config.hidden_act != "silu":
        raise NotImplementedError(f"no graph for the activation {config.hidden_act}")
    if getattr(config, "mlp_bias", False) or (kind in ("llama", "qwen3") and config.attention_bias):
        raise NotImplementedError("no graph for projections with biases other than Qwen2's")
    heads = config.num_attention_heads
    head_size = getattr(config, "head_dim", None) or config.hidden_size // heads
    if head_size % 8:
        raise NotImplementedError("no graph for heads whose size is not a multiple of 8")
    if config.rope_parameters.get("rope_type", "default") in ("dynamic", "longrope"):
        raise NotImplementedError(f"no graph for {config.rope_parameters['rope_type']} positions")
    if len(set(getattr(config, "layer_types", None) or ["full"])) > 1:
        raise NotImplementedError("no graph for layers of different attention")
    window = getattr(config, "sliding_window", None) if getattr(config, "use_sliding_window", True) else None
    return Shape(
        layers=config.num_hidden_layers,
        hidden=config.hidden_size,
        heads=heads,
        kv_heads=config.num_key_value_heads or heads,
        head_size=head_size,
        feed_forward=config.intermediate_size,
        vocabulary=config.vocab_size,
        context=config.max_position_embeddings,
        epsilon=config.rms_norm_eps,
        window=window or -1,
        qkv_bias=kind == "qwen2",
        head_norm=kind == "qwen3",
    )


def write_graphs(model: PreTrainedModel, folder: Path) -> None:
    """Writes VARIANTS and the weights of a transformers model held in float32 into `folder`."""
    shape = shape_of(model.config)
    weights = {name: tensor.detach().numpy() for name, tensor in model.state_dict().items()}
    tables = _rotation(model.model.rotary_emb, shape.context)
    file = WeightFile(folder)
    for variant in VARIANTS:
        _DecoderGraph(shape, weights | tables, file, variant).build().save(folder / variant.file)
    file.close()


def _rotation(rotary: Any, context: int) -> dict[str, np.ndarray]:
    """Cosines and sines of the rotary positions [context, head size / 2], as transformers computes them."""
    angles = np.outer(np.arange(context), rotary.inv_freq.double().numpy())
    tables = {"cosines": np.cos(angles), "sines": np.sin(angles)}
    return {name: (table * rotary.attention_scaling).astype(np.float32) for name, table in tables.items()}


class _DecoderGraph:
    """One variant of the model with these weights. Graphs over the same file share what is written there."""

    def __init__(self, shape: Shape, weights: dict[str, np.ndarray], file: WeightFile, variant: Variant) -> None:
        self.shape = shape
        self.weights = weights
        self.file = file
        self.graph = OnnxGraph(Path(variant.file).stem)
        self.variant = variant

    def build(self) -> OnnxGraph:
        graph, shape = self.graph, self.shape
        graph.input("tokens", "int64", ["rows", "length"])
        graph.input("last", "int64", ["one"])
        graph.input("lengths", "int32", ["rows"])  # of keys and values after this run, minus one
        graph.input("longest", "int32", [])
        if self.variant.lora:
            graph.input("lora_mask_1", "float32", ["rows", 1, "columns"])
            for parts in (2, 3):
                graph.add("Concat", ["lora_mask_1"] * parts, f"lora_mask_{parts}", axis=-1)
        for table in ("cosines", "sines"):
            self._weight(table)
        stream = graph.add("Gather", [self._weight("model.embed_tokens.weight"), "tokens"], "embedded")
        normal = self._norm(stream, "model.layers.0.input_layernorm.weight", "normal_0")
        for layer in range(shape.layers):
            stream, normal = self._layer(layer, stream, normal)
        head = "lm_head.weight" if "lm_head.weight" in self.weights else "model.embed_tokens.weight"
        self._project("head", normal, lambda: self.weights[head], (shape.hidden, shape.vocabulary), "logits")
        graph.output("logits", "float32", ["rows", 1, shape.vocabulary])
        return graph

    def _layer(self, layer: int, stream: str, normal: str) -> tuple[str, str]:
        """Returns the residual stream after the layer and its normalised form, the next layer's input."""
        prefix = f"model.layers.{layer}."
        attended = self._attention(layer, self._fused(layer, "qkv", normal))
        if layer + 1 == self.shape.layers:
            # Only one position's logits are wanted; of the others, nothing is needed beyond their keys and values.
            attended = self.graph.add("Gather", [attended, "last"], "attended_last", axis=1)
            stream = self.graph.add("Gather", [stream, "last"], "stream_last", axis=1)
        projected = self._fused(layer, "output", attended)
        stream, normal = self._add_and_norm(
            stream, projected, prefix + "post_attention_layernorm.weight", f"middle_{layer}"
        )
        down = self._fused(layer, "down", self._gated(layer, self._fused(layer, "gate_up", normal)))
        following = f"model.layers.{layer + 1}.input_layernorm.weight"
        if layer + 1 == self.shape.layers:
            following = "model.norm.weight"
        return self._add_and_norm(stream, down, following, f"after_{layer}")

    def _attention(self, layer: int, qkv: str) -> str:
        graph, shape = self.graph, self.shape
        buffers: list[int | str] = ["rows", shape.kv_heads, "capacity", shape.head_size]
        past = [graph.input(f"{kind}_{layer}", "float32", buffers) for kind in ("keys", "values")]
        present = [graph.output(f"new_{kind}_{layer}", "float32", buffers) for kind in ("keys", "values")]
        query, key, value = self._heads(layer, qkv) if shape.head_norm else (qkv, "", "")
        inputs = [query, key, value, *past, "lengths", "longest", "cosines", "sines"]
        return graph.add(
            "GroupQueryAttention",
            inputs,
            [f"attended_{layer}", *present],
            MICROSOFT,
            num_heads=shape.heads,
            kv_num_heads=shape.kv_heads,
            do_rotary=1,
            local_window_size=shape.window,
            scale=shape.head_size**-0.5,
        )

    def _heads(self, layer: int, qkv: str) -> tuple[str, str, str]:
        """Query, key and value apart, the first two normalised head by head (Qwen3)."""
        graph, shape = self.graph, self.shape
        sizes = [size for _, size in shape.modules["qkv"][1]]
        names = [f"{name}_{layer}" for name in ("query", "key", "value")]
        graph.add("Split", [qkv, graph.constant("qkv_sizes", np.array(sizes))], names, axis=-1)
        for place, (kind, count) in enumerate((("q", shape.heads), ("k", shape.kv_heads))):
            split = graph.constant(f"split_{kind}", np.array([0, 0, count, shape.head_size]))
            merge = graph.constant(f"merge_{kind}", np.array([0, 0, count * shape.head_size]))
            apart = graph.add("Reshape", [names[place], split], f"{kind}_apart_{layer}")
            weight = f"model.layers.{layer}.self_attn.{kind}_norm.weight"
            normal = self._norm(apart, weight, f"{kind}_normal_{layer}")
            names[place] = graph.add("Reshape", [normal, merge], f"{kind}_merged_{layer}")
        return names[0], names[1], names[2]

    def _gated(self, layer: int, gate_up: str) -> str:
        graph = self.graph
        sizes = graph.constant("gate_up_sizes", np.array([self.shape.feed_forward] * 2))
        graph.add("Split", [gate_up, sizes], [f"gate_{layer}", f"up_{layer}"], axis=-1)
        gate = graph.add("QuickGelu", [f"gate_{layer}"], f"opened_{layer}", MICROSOFT, alpha=1.0)  # alpha 1 is SiLU
        return graph.add("Mul", [gate, f"up_{layer}"], f"gated_{layer}")

    def _fused(self, layer: int, module: str, value: str) -> str:
        """x W (+ bias) + ((x A) * mask) B, with A and B given for each run."""
        graph = self.graph
        size, parts = self.shape.modules[module]
        room = "self_attn" if module in ("qkv", "output") else "mlp"
        names = [f"model.layers.{layer}.{room}.{part}" for part, _ in parts]
        width = sum(width for _, width in parts)
        matrix = partial(self._joined, names, "weight")
        base = self._project(f"{module}_{layer}", value, matrix, (size, width), f"{module}_base_{layer}")
        if module == "qkv" and self.shape.qkv_bias:
            bias = self._stored(f"qkv_bias_{layer}", partial(self._joined, names, "bias"))
            base = graph.add("Add", [base, bias], f"qkv_biased_{layer}")
        if not self.variant.lora:
            return base
        down = graph.input(f"lora_a_{module}_{layer}", "float32", [size, f"columns_{module}"])
        up = graph.input(f"lora_b_{module}_{layer}", "float32", [f"columns_{module}", width])
        low = graph.add("MatMul", [value, down], f"{module}_low_{layer}")
        masked = graph.add("Mul", [low, f"lora_mask_{len(parts)}"], f"{module}_masked_{layer}")
        change = graph.add("MatMul", [masked, up], f"{module}_change_{layer}")
        return graph.add("Add", [base, change], f"{module}_{layer}_out")

    def _project(
        self, name: str, value: str, matrix: Callable[[], np.ndarray], sizes: tuple[int, int], output: str
    ) -> str:
        """x W^T for a matrix [output size, input size]; `sizes` are input and output size."""
        if not self.variant.eight_bit or sizes[0] % BLOCK:
            weight = self._stored(f"w_{name}", lambda: matrix().T)
            return self.graph.add("MatMul", [value, weight], output)
        quantised = cache(lambda: quantise(matrix()))
        weight = self._stored(f"w8_{name}", lambda: quantised()[0])
        scales = self._stored(f"s8_{name}", lambda: quantised()[1])
        return self.graph.add(
            "MatMulNBits",
            [value, weight, scales],
            output,
            MICROSOFT,
            K=sizes[0],
            N=sizes[1],
            bits=8,
            block_size=BLOCK,
            accuracy_level=4,  # activations in 8 bits too, by block: the only fast way on most processors
        )

    def _norm(self, value: str, weight: str, output: str) -> str:
        inputs = [value, self._weight(weight)]
        return self.graph.add("SimplifiedLayerNormalization", inputs, output, epsilon=self.shape.epsilon, axis=-1)

    def _add_and_norm(self, stream: str, addition: str, weight: str, name: str) -> tuple[str, str]:
        outputs = [f"{name}_normal", "", "", f"{name}_stream"]
        inputs = [stream, addition, self._weight(weight)]
        kind = "SkipSimplifiedLayerNormalization"
        self.graph.add(kind, inputs, outputs, MICROSOFT, epsilon=self.shape.epsilon)
        return outputs[3], outputs[0]

    def _weight(self, name: str) -> str:
        return self._stored(name, lambda: self.weights[name])

    def _joined(self, modules: list[str], kind: str) -> np.ndarray:
        return np.concatenate([self.weights[f"{module}.{kind}"] for module in modules])

    def _stored(self, name: str, make: Callable[[], np.ndarray]) -> str:
        return self.graph.weight(self.file.tensor(name, make))


def quantise(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A matrix [n, k] in blocks of 8 bits: bytes [n, k / 32, 32] around 128 and float32 scales [n * k / 32]."""
    blocks = matrix.reshape(matrix.shape[0], -1, BLOCK).astype(np.float32)
    scales = np.abs(blocks).max(axis=-1, keepdims=True) / 127
    scales[scales == 0] = 1
    return (np.rint(blocks / scales) + 128).astype(np.uint8), scales.astype(np.float32).reshape(-1)
