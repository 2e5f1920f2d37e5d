"""Whether people came to the arms of a split in the planned shares."""

from __future__ import annotations

from collections.abc import Sequence

SUSPICIOUS = 0.001  # below it, something else than chance decided who is counted
FEWEST_EXPECTED = 5  # visitors of an arm, below which the chi-square distribution does not hold


def sample_ratio_p_value(visitors: Sequence[int], shares: Sequence[float]) -> float | None:
    """Of the chi-square test of visitors [arms] against planned shares [arms], which need not add up to 1; None where
    too few are expected in some arm to tell.

    Visitors are drawn independently, so that no clusters need respecting. A mismatch means that results are not to be
    trusted, whatever they say: an arm that crashes, or a page that loads it later, loses the visitors who would have
    judged it. Source: Fabijan and others, "Diagnosing sample ratio mismatch in online controlled experiments", 2019,
    also for the threshold SUSPICIOUS.
    """
    from scipy.stats import chisquare

    total, whole = sum(visitors), sum(shares)
    expected = [total * share / whole for share in shares]
    if min(expected) < FEWEST_EXPECTED:
        return None
    return float(chisquare(visitors, expected).pvalue)
