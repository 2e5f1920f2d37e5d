"""Base models beside the one in use, for arms that name another."""

from __future__ import annotations

import threading
from collections.abc import Callable

from backends.chat_model import ChatModels


class OtherModels:
    """Makes the chat models over a base model at its first use and keeps them, its weights included.

    `make` takes what names it, a folder or a hub id. Safe for threads.
    """

    def __init__(self, make: Callable[[str], ChatModels]) -> None:
        self._make = make
        self._made: dict[str, ChatModels] = {}
        self._making = threading.Lock()

    def get(self, source: str) -> ChatModels:
        with self._making:
            if source not in self._made:
                self._made[source] = self._make(source)
            return self._made[source]
