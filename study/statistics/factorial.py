"""The 2 x 2: what retrieval adds, what the adapter adds, and whether both add up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from core.types import ARM_NAMES, ArmName
from study.statistics.clusters import Labels, Values, clustered_mean
from study.statistics.estimate import Inference

Effect = Literal["retrieval", "adapter", "interaction"]

# A main effect is the mean over both states of the other switch; the interaction is what retrieval adds with the
# adapter less what it adds without: below 0, doing both gives less than the sum of its parts.
CONTRASTS: Mapping[Effect, Mapping[ArmName, float]] = {
    "retrieval": {"bare": -0.5, "prompt": 0.5, "lora": -0.5, "lora+prompt": 0.5},
    "adapter": {"bare": -0.5, "prompt": -0.5, "lora": 0.5, "lora+prompt": 0.5},
    "interaction": {"bare": 1.0, "prompt": -1.0, "lora": -1.0, "lora+prompt": 1.0},
}


def factorial_effects(
    scores: Mapping[ArmName, Values], clusters: Labels | None = None, scale: float = 1.0
) -> dict[Effect, Inference]:
    """The effects on scores of the four arms, each [rows] from 0 to `scale`, of the same rows in the same order.

    Each effect is a contrast within a row, so that easy and hard questions cancel; with clusters [rows], such as
    questions asked more than once, its error is cluster-robust. CONTRASTS serve strengths of Bradley-Terry as well.
    Source: Yates, "The Design and Analysis of Factorial Experiments", 1937. Raises ValueError for an arm too few, and
    as `clustered_mean` does.
    """
    if missing := set(ARM_NAMES) - set(scores):
        raise ValueError(f"a 2 x 2 needs all four arms; there are no scores of {', '.join(sorted(missing))}")
    columns = {arm: np.asarray(scores[arm], float) for arm in ARM_NAMES}
    if len({len(column) for column in columns.values()}) > 1:
        raise ValueError("the arms' scores are of the same rows, so there are as many of each")
    return {
        effect: clustered_mean(
            np.sum([weight * columns[arm] for arm, weight in weights.items()], axis=0),
            clusters,
            scale * sum(abs(weight) for weight in weights.values()) / 2,
        )
        for effect, weights in CONTRASTS.items()
    }
