"""Tiny models for tests, made on the spot from the embedded model's tokenizer: random weights, real files.

And what a model says, by our engine and by plain transformers and PEFT.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.types import Decoding, Turn

if TYPE_CHECKING:
    from backends.engine.model import LocalModel

ROOT = Path(__file__).resolve().parents[2]
EMBEDDED = ROOT / "models/embedded"
ASK = (Turn("system", "You are an agent."), Turn("user", "How long do I have to return it, and where?"))
SHORT = Decoding(max_new_tokens=24)


def make_model(folder: Path, seed: int = 1, hidden: int = 64, context: int = 512, kind: str = "llama") -> Path:
    """A model of about half a million random weights with the embedded model's tokenizer and chat template."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GenerationConfig

    tokenizer = AutoTokenizer.from_pretrained(EMBEDDED)
    torch.manual_seed(seed)
    ends = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    config = AutoConfig.for_model(
        kind,
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=context,
        pad_token_id=tokenizer.pad_token_id,
        tie_word_embeddings=True,
        initializer_range=0.5,
        **ends,
    )
    model = AutoModelForCausalLM.from_config(config)
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):  # initialised to zero, they would not show whether they are used
            torch.nn.init.normal_(parameter)
    model.generation_config = GenerationConfig(pad_token_id=tokenizer.pad_token_id, **ends)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def make_adapter(folder: Path, model: Path, model_hash: str = "", seed: int = 1, **changes: Any) -> Path:
    """A LoRA adapter with random matrices strong enough to change what the model says; `changes` to its config."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(seed)
    options = {"r": 4, "lora_alpha": 32, "target_modules": "all-linear", "init_lora_weights": False} | changes
    config = LoraConfig(task_type="CAUSAL_LM", **options)
    get_peft_model(AutoModelForCausalLM.from_pretrained(model), config).save_pretrained(folder)
    card = {"model": model.name, "model_hash": model_hash} if model_hash else {}
    (folder / "card.json").write_text(json.dumps(card))
    return folder


def merge(model: Path, adapter: Path, target: Path) -> Path:
    """The model with the adapter in its weights, as fp32: how a server has an adapter that cannot load any."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    base = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    PeftModel.from_pretrained(base, adapter).merge_and_unload().save_pretrained(target)
    AutoTokenizer.from_pretrained(model).save_pretrained(target)
    return target


def copy_model(source: Path, target: Path) -> Path:
    return Path(shutil.copytree(source, target))


def say(
    model: LocalModel, adapter: str | None = None, decoding: Decoding = SHORT, messages: Sequence[Turn] = ASK
) -> str:
    """The whole answer of our engine."""
    return "".join(piece.text for piece in model.stream(messages, decoding, adapter))


def by_transformers(base: Path, messages: Sequence[Turn] = ASK, adapter: Path | None = None) -> str:
    """What transformers, and PEFT with an adapter's folder, answer greedily in as many tokens as SHORT allows."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer, plain = AutoTokenizer.from_pretrained(base), AutoModelForCausalLM.from_pretrained(base)
    plain = PeftModel.from_pretrained(plain, adapter) if adapter else plain
    rows = [{"role": turn.role, "content": turn.text} for turn in messages]
    ids = tokenizer.apply_chat_template(rows, add_generation_prompt=True, return_tensors="pt", return_dict=False)
    with torch.inference_mode():
        out = plain.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=SHORT.max_new_tokens,
            do_sample=False,
        )
    return str(tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True))
