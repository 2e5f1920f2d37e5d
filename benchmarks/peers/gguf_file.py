"""Writes a model folder as a GGUF file, so that llama.cpp runs the very weights the other contestants run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter, LlamaFileType, TokenType
from gguf.quants import quantize

Precision = Literal["f16", "q8_0"]
QUANTIZATION: dict[Precision, GGMLQuantizationType] = {
    "f16": GGMLQuantizationType.F16,
    "q8_0": GGMLQuantizationType.Q8_0,
}
FILE_TYPE: dict[Precision, LlamaFileType] = {"f16": LlamaFileType.MOSTLY_F16, "q8_0": LlamaFileType.MOSTLY_Q8_0}
ARCHITECTURES = ("llama", "qwen2", "qwen3")
OUTER_NAMES = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
}
LAYER_NAMES = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def make_gguf(model_folder: Path, out_folder: Path, name: str, precision: Precision) -> Path:
    """The model's GGUF file in `out_folder`, written unless one is there that is younger than the weights."""
    path = out_folder / f"{name}-{precision}.gguf"
    youngest = max(file.stat().st_mtime for file in model_folder.iterdir())
    if not path.exists() or path.stat().st_mtime < youngest:
        write_gguf(model_folder, path, precision)
    return path


def write_gguf(model_folder: Path, out_path: Path, precision: Precision) -> None:
    """Write the folder's weights to `out_path`: matrices in the precision, vectors in fp32, as llama.cpp does.

    A file already there is replaced only when the new one is complete: llama.cpp may still have it mapped.
    """
    config = json.loads((model_folder / "config.json").read_text(encoding="utf-8"))
    if config["model_type"] not in ARCHITECTURES:
        raise ValueError(f"{model_folder} is a {config['model_type']} model; known are {', '.join(ARCHITECTURES)}")
    unfinished = out_path.with_name(out_path.name + ".unfinished")
    writer = GGUFWriter(unfinished, config["model_type"])
    _add_shape(writer, config, precision)
    _add_tokens(writer, model_folder, config)
    _add_weights(writer, model_folder, config, precision)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    unfinished.replace(out_path)


def _head_dim(config: dict[str, Any]) -> int:
    return int(config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"])


def _add_shape(writer: GGUFWriter, config: dict[str, Any], precision: Precision) -> None:
    rope = config.get("rope_parameters") or {"rope_theta": config.get("rope_theta", 10000.0)}
    if rope.get("rope_type", "default") != "default":
        raise ValueError(f"rotary embedding of type {rope['rope_type']} is not written")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_key_length(_head_dim(config))
    writer.add_value_length(_head_dim(config))
    writer.add_rope_dimension_count(_head_dim(config))
    writer.add_rope_freq_base(rope["rope_theta"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_vocab_size(config["vocab_size"])
    writer.add_file_type(FILE_TYPE[precision])


def _add_tokens(writer: GGUFWriter, model_folder: Path, config: dict[str, Any]) -> None:
    """The words of the tokenizer, enough to turn ids into text; prompts come as ids and are never split by it."""
    tokenizer = json.loads((model_folder / "tokenizer.json").read_text(encoding="utf-8"))
    words = {index: word for word, index in tokenizer["model"]["vocab"].items()}
    special = {token["id"]: token["content"] for token in tokenizer["added_tokens"]}
    names: list[str] = []
    kinds: list[TokenType] = []
    for index in range(config["vocab_size"]):
        names.append(special.get(index) or words.get(index) or f"<unused {index}>")
        kinds.append(_kind(names[-1], index in special, index in words))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(names)
    writer.add_token_scores([-float(index) for index in range(len(names))])
    writer.add_token_types(kinds)
    writer.add_bos_token_id(config["bos_token_id"])
    writer.add_eos_token_id(config["eos_token_id"])


def _kind(name: str, is_special: bool, is_word: bool) -> TokenType:
    if name == "<unk>":
        return TokenType.UNKNOWN
    if is_special:
        return TokenType.CONTROL
    if name.startswith("<0x") and name.endswith(">"):
        return TokenType.BYTE
    return TokenType.NORMAL if is_word else TokenType.UNUSED


def _add_weights(writer: GGUFWriter, model_folder: Path, config: dict[str, Any], precision: Precision) -> None:
    from safetensors import safe_open

    for file in sorted(model_folder.glob("*.safetensors")):
        # numpy knows no bfloat16, hence torch reads the file.
        with safe_open(file, framework="pt") as weights:
            for name in weights.keys():  # noqa: SIM118 (safe_open cannot be iterated)
                if name == "lm_head.weight" and config["tie_word_embeddings"]:
                    continue
                values = _for_llama_cpp(name, weights.get_tensor(name).float().numpy(), config)
                kind = QUANTIZATION[precision] if values.ndim == 2 else GGMLQuantizationType.F32
                writer.add_tensor(_gguf_name(name), quantize(values, kind), raw_dtype=kind)


def _gguf_name(name: str) -> str:
    """model.layers.3.mlp.up_proj.weight -> blk.3.ffn_up.weight"""
    if name in OUTER_NAMES:
        return OUTER_NAMES[name]
    _, _, layer, rest = name.split(".", 3)
    part, kind = rest.rsplit(".", 1)
    return f"blk.{layer}.{LAYER_NAMES[part]}.{kind}"


def _for_llama_cpp(name: str, values: np.ndarray, config: dict[str, Any]) -> np.ndarray:
    """For Llama, llama.cpp rotates neighbouring pairs of a head where transformers rotates its two halves: reorder."""
    if config["model_type"] != "llama" or not (".q_proj." in name or ".k_proj." in name):
        return values
    halves = values.reshape(-1, 2, _head_dim(config) // 2, *values.shape[1:])
    return np.ascontiguousarray(halves.swapaxes(1, 2)).reshape(values.shape)
