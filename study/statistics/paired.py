"""Two arms' automatic scores on the same questions."""

from __future__ import annotations

import numpy as np

from study.statistics.clusters import Labels, Values, bootstrap_mean, clustered_mean, numbered
from study.statistics.estimate import Estimate, Inference

RESAMPLES = 9999


def paired_difference(ours: Values, theirs: Values, clusters: Labels | None = None, scale: float = 1.0) -> Inference:
    """Ours minus theirs, scores [rows] from 0 to `scale` of the same rows, by the paired t test; with clusters [rows],
    such as topics or questions asked more than once, its cluster-robust form, as in `clustered_mean`.

    Source: Student, "The probable error of a mean", 1908. Raises ValueError as `clustered_mean` does, and for scores
    that are not paired.
    """
    return clustered_mean(_differences(ours, theirs), clusters, scale)


def bootstrap_difference(ours: Values, theirs: Values, clusters: Labels | None = None) -> Estimate:
    """The same by the bootstrap, which draws rows, or clusters of them, with both arms' scores."""
    return bootstrap_mean(_differences(ours, theirs), clusters)


def permutation_p_value(ours: Values, theirs: Values, clusters: Labels | None = None) -> float:
    """Two-sided, against arms being interchangeable: those of a row, or of a whole cluster, change places.

    Exact where there are few of them, else from RESAMPLES seeded draws. Source: Fisher, "The Design of Experiments",
    1935. Raises ValueError as `paired_difference` does.
    """
    from scipy.stats import permutation_test

    differences = _differences(ours, theirs)
    groups = np.arange(len(differences)) if clusters is None else numbered(clusters)
    sums = np.bincount(groups, differences)
    if not sums.any():
        return 1.0
    found = permutation_test(
        (sums, np.zeros_like(sums)),
        lambda one, other, axis: (one - other).sum(axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=RESAMPLES,
        batch=1000,
        rng=1,
    )
    return float(found.pvalue)


def _differences(ours: Values, theirs: Values) -> np.ndarray:
    first, second = np.asarray(ours, float), np.asarray(theirs, float)
    if first.shape != second.shape:
        raise ValueError(f"{len(first)} scores cannot be paired with {len(second)}")
    return first - second
