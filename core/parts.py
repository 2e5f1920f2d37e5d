"""Everything that runs, as one record: built by composition.py's `compose`, handed to whoever needs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.accounts import Accounts
from core.comparison import Comparisons
from core.desk import Desk
from core.forgetting import Forgetting
from core.protocols import Backend, Model, Retriever, Store, Templates
from core.settings import Settings
from core.splits import Splits
from core.studies import RatingQueue, Studies
from core.training import Adapters, Training


@dataclass(frozen=True)
class Parts:
    """The rooms behind their protocols.

    `embed` gives unit vectors [texts, size]. `backend_with` makes a backend over other templates or another retriever
    than those in use (None: the same), `retriever_over` a retriever with an index of its own in a folder.
    """

    settings: Settings
    store: Store
    templates: Templates
    retriever: Retriever
    model: Model
    desk: Desk
    comparisons: Comparisons
    adapters: Adapters
    training: Training
    studies: Studies
    ratings: RatingQueue
    embed: Callable[[list[str]], Any]
    backend_with: Callable[[Templates | None, Retriever | None], Backend]
    retriever_over: Callable[[Path], Retriever]
    forgetting: Forgetting
    accounts: Accounts
    splits: Splits
