"""What experiments need of the rest of the program, and how they end early."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from core.protocols import Backend, Retriever, Templates
from core.studies import StudyStore
from core.training import Adapters, Training

if TYPE_CHECKING:
    from study.text_scores import Embed

Tell = Callable[[int, int, str], None]  # steps done, steps in all, and what is being done with the time it will take


class Stopped(Exception):
    """The experiment was asked to stop. What was answered until then is kept."""


@dataclass(frozen=True)
class ExperimentParts:
    """The rooms that experiments work with. `at_once` answers are under way at a time.

    `backend_with` and `retriever_over` are those of core.parts.Parts; `documents` is what the index in use was made of.
    """

    store: StudyStore
    backend: Backend
    templates: Templates
    training: Training
    adapters: Adapters
    embed: Embed
    at_once: int
    backend_with: Callable[[Templates | None, Retriever | None], Backend]
    retriever_over: Callable[[Path], Retriever]
    documents: Path | None
    company: str
