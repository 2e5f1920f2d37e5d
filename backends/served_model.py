"""The local engine as the model server offers it: adapters are loaded from their folder and given names by callers."""

from __future__ import annotations

import threading
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

from backends.adapter_config import check_config
from backends.adapter_import import check_fits, check_weights
from backends.endings import ended
from backends.engine.model import LocalModel
from core.errors import AdapterError, UnknownAdapter
from core.serving import ServedCard
from core.types import Decoding, Piece, Queue, Turn


@dataclass(frozen=True)
class Loaded:
    """An adapter under a caller's name: its folder's name, and the hash that the folder had when it was loaded."""

    adapter: str
    hash: str


class LocalServedModel:
    """Implements core.serving.ServedModel. Only what lies directly in the model's folder of adapters can be loaded."""

    def __init__(self, model: LocalModel) -> None:
        self.model = model
        self._adapters: dict[str, Loaded] = {}
        self._changing = threading.Lock()

    @property
    def name(self) -> str:
        return self.model.name

    @property
    def queue(self) -> Queue:
        return self.model.queue

    @property
    def state(self) -> str:
        return self.model.state

    @property
    def context_tokens(self) -> int:
        return self.model.context_tokens

    def load(self) -> None:
        self.model.load()

    def cards(self) -> list[ServedCard]:
        base = ServedCard(self.name, str(self.model.folder), self.model.hash)
        folder = self.model.adapter_folder.folder
        there = sorted(self._adapters.items())
        return [base, *(ServedCard(name, str(folder / one.adapter), one.hash, self.name) for name, one in there)]

    def count(self, messages: Sequence[Turn]) -> int:
        return self.model.count(messages)

    def stream(self, name: str, messages: Sequence[Turn], decoding: Decoding) -> Generator[Piece, None, None]:
        adapter = None if name == self.name else self._loaded(name).adapter
        yield from ended(self.model.stream(messages, decoding, adapter), decoding)

    def load_adapter(self, name: str, path: str) -> None:
        """A name stands for the same weights as long as the server runs, also when it was unloaded in between."""
        adapter = self._inside(path)
        folder = self.model.adapter_folder.path(adapter)
        check_config(adapter, folder)
        check_weights(adapter, folder)
        found = Loaded(adapter, self.model.adapter_hash(adapter))
        check_fits(adapter, folder, self.model.folder)
        with self._changing:
            if name == self.name or name in self._adapters:
                raise AdapterError(f"The lora adapter '{name}' has already been loaded.")
            self._adapters[name] = found

    def unload_adapter(self, name: str) -> None:
        with self._changing:
            if self._adapters.pop(name, None) is None:
                raise self._unknown(name)

    def _loaded(self, name: str) -> Loaded:
        """Raises UnknownAdapter, also when the folder has changed since: a name never stands for other weights."""
        loaded = self._adapters.get(name)
        if loaded is None:
            raise self._unknown(name)
        if self.model.adapter_hash(loaded.adapter) != loaded.hash:
            raise UnknownAdapter(
                f"The folder of the adapter '{name}' has changed since it was loaded; load it under another name."
            )
        return loaded

    def _unknown(self, name: str) -> UnknownAdapter:
        there = ", ".join(card.name for card in self.cards())
        return UnknownAdapter(f"The model `{name[:200]}` does not exist; there are: {there}.")

    def _inside(self, path: str) -> str:
        """The name of the adapter in this folder. Raises AdapterError for any place but the folder of adapters."""
        folder = self.model.adapter_folder.folder.resolve()
        asked = Path(path)
        if not asked.is_absolute() or "\0" in path or asked.resolve().parent != folder or asked.name.startswith("."):
            raise AdapterError(f"No adapter can be loaded from '{path[:200]}': it does not lie directly in {folder}.")
        return asked.resolve().name
