"""Many looks at once, such as one at each topic."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)


def holm(p_values: Mapping[Key, float]) -> dict[Key, float]:
    """P values corrected for their number: the chance of even one false alarm among those below 0.05 is at most 5%.

    Source: Holm, "A simple sequentially rejective multiple test procedure", 1979.
    """
    from statsmodels.stats.multitest import multipletests

    if not p_values:
        return {}
    corrected = multipletests(list(p_values.values()), method="holm")[1]
    return dict(zip(p_values, map(float, corrected), strict=True))
