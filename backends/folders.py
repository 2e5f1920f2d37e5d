"""Base models as folders: what must be in them, where they come from, and the hashes that identify weights."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from core.errors import ModelNotFound

# What decides a model's or adapter's behaviour; cards and training state do not.
IDENTITY = (
    "config.json",
    "generation_config.json",
    "adapter_config.json",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "chat_template.jinja",
    "*.safetensors",
)


def folder_hash(folder: Path) -> str:
    """The first 12 hexadecimal digits of a SHA-256 over the files that decide what the folder's weights say."""
    files = sorted({file for pattern in IDENTITY for file in folder.glob(pattern)})
    return _hash_files(tuple((file, file.stat().st_mtime_ns, file.stat().st_size) for file in files))


@lru_cache(maxsize=64)
def _hash_files(files: tuple[tuple[Path, int, int], ...]) -> str:
    digest = hashlib.sha256()
    for path, _, size in files:
        digest.update(f"{path.name}:{size}:".encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:12]


def model_folder(source: str) -> Path:
    """The folder of a base model: `source` itself, or the local copy of a hub id. Raises ModelNotFound."""
    folder = Path(source).expanduser()
    if folder.is_dir():
        _check_model_folder(folder)
        return folder
    if source.count("/") != 1 or source.startswith((".", "/", "~")) or folder.parent.is_dir():
        raise ModelNotFound(
            f"The model folder '{source}' does not exist; set `model` to a folder with config.json, "
            "a tokenizer and *.safetensors, or to a hub id such as Qwen/Qwen3-0.6B."
        )
    return _from_hub(source)


def _from_hub(hub_id: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(hub_id, allow_patterns=["*.json", "*.jinja", "*.model", "*.safetensors"]))
    except Exception as error:  # the hub client raises a dozen unrelated types, network errors among them
        raise ModelNotFound(
            f"The model '{hub_id}' could not be fetched from the hub ({type(error).__name__}); check the id "
            "and the network, or set `model` to a local folder."
        ) from error


def _check_model_folder(folder: Path) -> None:
    wanted = {"config.json": ["config.json"], "weights": ["*.safetensors"], "a tokenizer": ["tokenizer*"]}
    missing = [what for what, patterns in wanted.items() if not any(any(folder.glob(p)) for p in patterns)]
    if missing:
        found = ", ".join(sorted(file.name for file in folder.iterdir())[:8]) or "nothing"
        raise ModelNotFound(
            f"The model folder '{folder}' lacks {', '.join(missing)} (found: {found}); "
            "copy a complete transformers model there or set `model` to another one."
        )
