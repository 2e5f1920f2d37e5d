"""Davidson's model as his paper writes it, slow and without a derivative of ours: the check of bradley_terry.py."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def davidson_directly(
    left: Sequence[str], right: Sequence[str], points: np.ndarray, covariates: np.ndarray
) -> np.ndarray:
    """The parameters [arms + 1 + covariates] from votes [votes] and covariates [votes, covariates] as `bradley_terry`
    takes them, but with the first arm's strength at 0; there is a tie among the votes.

    Source: Davidson, "On extending the Bradley-Terry model to accommodate ties in paired comparison experiments", 1970.
    """
    from scipy.optimize import minimize

    arms = sorted({*left, *right})
    first, second = ([arms.index(arm) for arm in side] for side in (left, right))

    def loss(parameters: np.ndarray) -> float:
        worth = np.exp(np.append(0, parameters[: len(arms) - 1]))
        ours, theirs = worth[first] * np.exp(covariates @ parameters[len(arms) :]), worth[second]
        tied = np.exp(parameters[len(arms) - 1]) * np.sqrt(ours * theirs)
        chance = np.select([points == 1, points == 0], [ours, theirs], tied) / (ours + theirs + tied)
        return -float(np.log(chance).sum())

    near = minimize(loss, np.zeros(len(arms) + covariates.shape[1]), method="BFGS").x
    found = minimize(loss, near, method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-13, "maxiter": 10_000})
    return np.append(0, found.x)
