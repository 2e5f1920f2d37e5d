"""Whether two arms are as good as the same: a difference within the margin that matters."""

from __future__ import annotations

from study.statistics.estimate import Inference


def equivalence_p_value(difference: Inference, margin: float) -> float:
    """Small where the difference lies between -margin and margin, by two one-sided tests (TOST).

    Below 0.05 says the same as a 90% interval within the margin. Source: Schuirmann, "A comparison of the two one-sided
    tests procedure and the power approach", 1987. Raises ValueError for a margin that is not above 0.
    """
    if not margin > 0:
        raise ValueError("the margin, the smallest difference that matters, is above 0")
    return max(difference.p_above(-margin), difference.p_below(margin))
