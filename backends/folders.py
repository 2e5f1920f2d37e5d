"""Models and adapters as folders: what must be in them, which there are, and the hashes that identify them."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path

from core.errors import AdapterError, AdapterMismatch, ModelNotFound, UnknownAdapter

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


# Ways to begin a LoRA adapter for which PEFT takes something out of the base weights, for all arms.
CHANGES_BASE = ("pissa", "olora", "corda", "loftq", "lora_ga")


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


class AdapterFolder:
    """The LoRA adapters on disk: one folder each, as PEFT saves it, with a `card.json` beside the weights."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self) -> list[str]:
        """All complete adapters, in alphabetical order; read anew each time, so that a fresh one counts at once."""
        return sorted(config.parent.name for config in self.folder.glob("*/adapter_config.json"))

    def path(self, name: str) -> Path:
        """Raises UnknownAdapter."""
        if name not in self.names():
            there = ", ".join(self.names()) or "none yet"
            raise UnknownAdapter(f"There is no adapter '{name}' in {self.folder}; the adapters are: {there}.")
        return self.folder / name

    def card(self, name: str) -> dict[str, object]:
        """What is known about how an adapter was made; empty when it came without a card. Raises UnknownAdapter."""
        card = self.path(name) / "card.json"
        if not card.exists():
            return {}
        try:
            return dict(json.loads(card.read_text(encoding="utf-8")))
        except ValueError as error:
            raise AdapterError(f"The card of adapter '{name}' ({card}) is not valid JSON: {error}.") from error

    def check_kind(self, name: str) -> None:
        """Raises AdapterError for what is no LoRA adapter, or one that changes the base weights when it is loaded."""
        file = self.path(name) / "adapter_config.json"
        try:
            config = json.loads(file.read_text(encoding="utf-8"))
        except ValueError as error:
            raise AdapterError(f"The adapter '{name}' cannot be read: {file} is not valid JSON: {error}.") from error
        kind, start = config.get("peft_type"), config.get("init_lora_weights")
        if kind != "LORA" or config.get("alora_invocation_tokens"):
            raise AdapterError(f"The adapter '{name}' is of the kind {kind or 'unknown'}; use a LoRA adapter.")
        if isinstance(start, str) and start.startswith(CHANGES_BASE):
            raise AdapterError(
                f"The adapter '{name}' was begun with {start}, which changes the base model's weights too; "
                "save it as a plain LoRA adapter (PEFT: save_pretrained with path_initial_model_for_weight_conversion)."
            )

    def check_base(self, name: str, model: str, model_hash: str) -> None:
        """Raises AdapterMismatch when the adapter's card names other base weights."""
        card = self.card(name)
        made_for = card.get("model_hash")
        if made_for and made_for != model_hash:
            raise AdapterMismatch(
                f"The adapter '{name}' was made for the base model {card.get('model', 'unknown')} ({made_for}), but "
                f"{model} ({model_hash}) is in use; choose another adapter or train this one again."
            )
