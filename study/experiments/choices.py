"""What each experiment can be told. Imports nothing that has to be installed: the command line's help reads it."""

from __future__ import annotations

from dataclasses import dataclass

from core.training import Columns
from core.types import ArmName
from study.experiments.article_edits import Edit

SIZES = (0, 10, 25, 50, 100, 200)
COUNTS = (0, 1, 2, 4, 8)
SEEDS = (1, 2, 3)
FEWEST = 8  # rounds that a training takes


@dataclass(frozen=True)
class CurveChoices:
    """Adapters are trained on `sizes` rounds of `files`, and on all there are, once a seed.

    A seed draws the order of the rounds, in which the smaller sizes are among the larger ones, and seeds the training;
    the rounds for validation are always the same. `arms` answer with each adapter, `lora` or `lora+prompt`, and are
    compared with the study's arm `against`, by default its first prompt arm. Adapters are removed when their answers
    are kept, unless `keep_adapters`.

    The recipe is the one that a person gets by default for so many rounds: up to 12 epochs for few and 5 for many,
    ended early by the loss on the validation rounds, whose best checkpoint counts. As many optimizer steps for all
    sizes, 300, gain nothing: on the demo company the best validation loss was 4.36 after 12 epochs and 4.38 after as
    many as wanted with 10 rounds, 3.88 after both with 50; early stopping ended all four within 13 epochs.
    """

    files: tuple[str, ...]
    columns: Columns | None = None
    sizes: tuple[int, ...] = SIZES
    seeds: tuple[int, ...] = SEEDS
    arms: tuple[ArmName, ...] = ("lora",)
    against: str = ""
    keep_adapters: bool = False


@dataclass(frozen=True)
class FewShotChoices:
    """`counts` of examples are drawn from the training rounds of `files`, once a seed; the smaller counts are the first
    of the larger ones. They go into the template of the study's arm `arm`, by default its first prompt arm."""

    files: tuple[str, ...]
    columns: Columns | None = None
    counts: tuple[int, ...] = COUNTS
    seeds: tuple[int, ...] = SEEDS
    arm: str = ""


@dataclass(frozen=True)
class ShiftChoices:
    """The study's `arms` (none named: all) answer the questions whose facts the edits change, and `controls` questions
    on other articles, drawn by `seed`, with an index of the edited articles."""

    edits: tuple[Edit, ...]
    arms: tuple[str, ...] = ()
    controls: int = 40
    seed: int = 1
