"""Everything that runs, as one record: built by launch.py's `compose`, handed to whoever needs it."""

from __future__ import annotations

from dataclasses import dataclass

from core.comparison import Comparisons
from core.desk import Desk
from core.protocols import Model, Retriever, Store, Templates
from core.settings import Settings
from core.studies import RatingQueue, Studies
from core.training import Adapters, Training


@dataclass(frozen=True)
class Parts:
    """The rooms behind their protocols."""

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
