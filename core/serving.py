"""What the model server asks of the engine: the raw base model, and adapters that callers load while it runs."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Protocol

from core.types import Decoding, Piece, Queue, Turn


@dataclass(frozen=True)
class ServedCard:
    """A model that can be asked: the base model, or an adapter (then `parent` is the base model's name).

    `root` is the folder that its weights come from, `hash` the hash of that folder.
    """

    name: str
    root: str
    hash: str
    parent: str | None = None


class ServedModel(Protocol):
    """One base model with its adapters, under the names that callers use. Safe for threads."""

    @property
    def name(self) -> str: ...

    @property
    def queue(self) -> Queue: ...

    @property
    def state(self) -> str:
        """'not loaded', 'loading', 'ready' or 'failed: …', for people to read."""
        ...

    @property
    def context_tokens(self) -> int:
        """How many tokens prompt and answer may have together."""
        ...

    def load(self) -> None:
        """Loads the weights. Raises ModelError."""
        ...

    def cards(self) -> list[ServedCard]:
        """The base model first."""
        ...

    def count(self, messages: Sequence[Turn]) -> int:
        """The tokens of a prompt. Raises ModelError."""
        ...

    def stream(self, name: str, messages: Sequence[Turn], decoding: Decoding) -> Generator[Piece, None, None]:
        """Closing it stops the generation. Raises UnknownAdapter for a name that is not there, ModelError."""
        ...

    def load_adapter(self, name: str, path: str) -> None:
        """Makes the adapter in the folder `path` a model of this name. Raises AdapterError."""
        ...

    def unload_adapter(self, name: str) -> None:
        """Raises UnknownAdapter."""
        ...
