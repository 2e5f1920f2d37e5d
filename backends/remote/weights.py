"""What needs the base model's own weights or tokenizer, while the setting `model` names a server."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from backends.adapter_folder import AdapterFolder
from backends.engine.model import LocalModel
from core.errors import ModelError


class WeightsElsewhere(LocalModel):
    """Says so at the first use. Its folder of adapters is here and can be read."""

    def __init__(self, server: str, adapters: AdapterFolder) -> None:
        super().__init__(server, adapters, Path())

    @cached_property
    def folder(self) -> Path:
        raise ModelError(
            f"This needs the weights of the base model here, but `model` names the server '{self.source}'; run it as a "
            "command on a machine that has them, such as `python3 launch.py train NAME --model models/embedded …`."
        )
