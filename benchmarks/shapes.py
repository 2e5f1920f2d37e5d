"""Models that the benchmarks run: folders with random weights in known shapes, and random adapters for them.

Speed depends on a model's shape, not on what it has learnt, so random weights do, and nobody has to download anything.
They are drawn from a fixed seed, which makes the answers of two engines comparable token for token.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

EMBEDDED = Path(__file__).resolve().parent.parent / "models" / "embedded"
TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "tokenizer_config.json", "chat_template.jinja")
SEED = 20261122
# Layers whose outputs are as large as their inputs (gain 1) outweigh a small embedding. With larger layer or smaller
# embedding weights answers wander more, but errors of 8-bit weights grow from layer to layer as in no trained model
# (logit cosine 0.86 at gain 2 in the large shape); with a large embedding, which is tied, every token predicts itself.
# Queries and keys are a little smaller, since a sharp attention makes errors grow too.
EMBEDDING_STD = 0.02
LAYER_GAIN = 1.0
QUERY_KEY_GAIN = 0.8
LORA_B_STD = 0.02
# Special tokens and bytes come first in the vocabulary; prompts of the benchmark are drawn from behind them.
FIRST_WORD_ID = 300

SPECIAL_IDS: dict[str, Any] = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 3}
LLAMA_28M: dict[str, Any] = {
    "vocab_size": 8192,
    "hidden_size": 512,
    "num_hidden_layers": 8,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "intermediate_size": 1408,
    "max_position_embeddings": 2048,
    "tie_word_embeddings": True,
}
QWEN_05B: dict[str, Any] = {
    "vocab_size": 151936,
    "hidden_size": 896,
    "num_hidden_layers": 24,
    "num_attention_heads": 14,
    "num_key_value_heads": 2,
    "head_dim": 64,
    "intermediate_size": 4864,
    "max_position_embeddings": 2048,
    "tie_word_embeddings": True,
    "rope_parameters": {"rope_type": "default", "rope_theta": 1_000_000.0},
    "rms_norm_eps": 1e-6,
}


def llama_28m(parent: Path) -> Path:
    """The Llama shape of 28 million parameters of the first measurements, in `parent`; made once."""
    from transformers import LlamaConfig

    return _make(parent / "llama_28m", LlamaConfig(**LLAMA_28M, **SPECIAL_IDS))


def qwen_05b(parent: Path) -> Path:
    """The sizes of Qwen2.5-0.5B with the blocks of Qwen3 (2 GB on disk), in `parent`; made once.

    Qwen3 since transformers gives every Qwen2 model Qwen2's own way of splitting text, whatever its tokenizer says.
    """
    from transformers import Qwen3Config

    return _make(parent / "qwen_05b", Qwen3Config(**QWEN_05B, **SPECIAL_IDS))


def all_shapes(parent: Path) -> dict[str, Path]:
    """Every model of the benchmark by name, the small ones first; those missing in `parent` are made."""
    return {"embedded": EMBEDDED, "llama_28m": llama_28m(parent), "qwen_05b": qwen_05b(parent)}


def prompt_ids(length: int, seed: int, vocabulary: int = 8192) -> list[int]:
    """`length` random token ids, none of them special; another seed gives a fresh prompt that no cache knows."""
    import numpy as np

    return np.random.default_rng(seed).integers(FIRST_WORD_ID, vocabulary, length).tolist()


def make_adapter(model_folder: Path, out: Path, rank: int) -> Path:
    """Write a PEFT LoRA adapter with random A and B on all linear layers of the model to `out`; return it."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(model_folder, dtype=torch.float32)
    torch.manual_seed(SEED)
    lora = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear", task_type="CAUSAL_LM")
    adapted = get_peft_model(model, lora)
    with torch.no_grad():
        for name, weights in adapted.named_parameters():
            # PEFT starts B at zero, and the adapter would change nothing; this changes the logits, yet not beyond all
            # likeness to the base model's.
            if ".lora_B." in name:
                weights.normal_(std=LORA_B_STD)
    adapted.save_pretrained(str(out))
    return out


def _make(folder: Path, config: Any) -> Path:
    """Save a model of this configuration with random weights, and the embedded model's tokenizer, unless it is there.

    It is written beside its place and moved when complete, so that a folder that exists is whole.
    """
    import torch
    from transformers import AutoModelForCausalLM

    if folder.exists():
        return folder
    unfinished = folder.with_name(folder.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    _draw_weights(model)
    model.save_pretrained(unfinished)
    for name in TOKENIZER_FILES:
        shutil.copy(EMBEDDED / name, unfinished / name)
    unfinished.rename(folder)
    return folder


def _draw_weights(model: Any) -> None:
    """Normal weights: layers scaled by their width, so that every shape behaves alike; biases small, norms one."""
    import torch

    generator = torch.Generator().manual_seed(SEED)
    with torch.no_grad():
        for name, weights in model.named_parameters():
            if ".q_norm." in name or ".k_norm." in name:
                weights.fill_(QUERY_KEY_GAIN)
            elif "norm" in name:
                weights.fill_(1.0)
            elif "embed" in name or name.endswith("bias"):
                weights.normal_(std=EMBEDDING_STD, generator=generator)
            else:
                gain = QUERY_KEY_GAIN if ".q_proj." in name or ".k_proj." in name else LAYER_GAIN
                weights.normal_(std=gain / weights.shape[1] ** 0.5, generator=generator)
