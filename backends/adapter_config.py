"""The configuration of an adapter, adapter_config.json: that of a LoRA adapter, and nothing that could do harm."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.errors import AdapterError

CONFIG = "adapter_config.json"

# Ways to begin a LoRA adapter for which PEFT takes something out of the base weights, for all arms.
CHANGES_BASE = ("pissa", "olora", "corda", "loftq", "lora_ga")
# PEFT matches these with the names of modules, as regular expressions.
PATTERNS = ("target_modules", "exclude_modules", "layers_pattern", "alpha_pattern", "rank_pattern")
LONGEST_PATTERN = 500  # characters
MOST_REPEATS = 3
LARGEST = 1e6  # of alpha and rank


def read_config(name: str, folder: Path) -> dict[str, Any]:
    """Raises AdapterError for what is no JSON object."""
    file = folder / CONFIG
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise AdapterError(f"The adapter '{name}' cannot be read: {file} is not a JSON object: {error}.") from error
    if not isinstance(config, dict):
        raise AdapterError(f"The adapter '{name}' cannot be read: {file} is not a JSON object.")
    return config


def check_config(name: str, folder: Path) -> None:
    """Raises AdapterError for what is no LoRA adapter, one that changes the base weights when it is loaded, and one
    whose numbers or patterns cannot be used."""
    config = read_config(name, folder)
    kind, start = config.get("peft_type"), config.get("init_lora_weights")
    if kind != "LORA" or config.get("alora_invocation_tokens"):
        raise AdapterError(f"The adapter '{name}' is of the kind {str(kind)[:40] or 'unknown'}; use a LoRA adapter.")
    if isinstance(start, str) and start.startswith(CHANGES_BASE):
        raise AdapterError(
            f"The adapter '{name}' was begun with {start[:40]}, which changes the base model's weights too; "
            "save it as a plain LoRA adapter (PEFT: save_pretrained with path_initial_model_for_weight_conversion)."
        )
    for field, number in _numbers(config):
        if isinstance(number, bool) or not isinstance(number, int | float) or not 0 < number <= LARGEST:
            raise AdapterError(
                f"The adapter '{name}' says {field} = {str(number)[:40]}, no number above 0; save it again."
            )
    for field, pattern in _patterns(config):
        if not _is_quick(pattern):
            raise AdapterError(
                f"The adapter '{name}' has the {field} {str(pattern)[:80]!r}, which is no regular expression, or one "
                f"that could take for ever (more than {MOST_REPEATS} repeats, or one of a group); name the modules."
            )


def _numbers(config: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for field in ("lora_alpha", "r"):
        if field in config:
            yield field, config[field]
    for field in ("alpha_pattern", "rank_pattern"):
        found = config.get(field) or {}
        yield from ((field, number) for number in (found.values() if isinstance(found, dict) else [found]))


def _patterns(config: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for field in PATTERNS:
        found = config.get(field)
        for pattern in found if isinstance(found, list | dict) else [found] if found is not None else []:
            yield field, pattern


def _is_quick(pattern: Any) -> bool:
    """Whether it can be matched with the name of a module in no time: repeats within repeats can take for ever."""
    if not isinstance(pattern, str) or len(pattern) > LONGEST_PATTERN:
        return False
    if len(re.findall(r"[*+{]", pattern)) > MOST_REPEATS or re.search(r"\)\s*[*+?{]", pattern):
        return False
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError):
        return False
    return True
