"""How far raters agree with each other, and with themselves."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from study.statistics.clusters import Labels, numbered
from study.statistics.estimate import LEVEL, Estimate
from study.statistics.shares import share

RESAMPLES = 1000


def krippendorff_alpha(
    raters: Sequence[str], items: Labels, choices: Sequence[str], level: float = LEVEL, resamples: int = RESAMPLES
) -> Estimate | None:
    """Krippendorff's alpha of nominal choices [votes]: 1 full agreement, 0 chance; raters may leave items out.

    The interval is the bootstrap's over items, seeded. A second vote of the same rater on an item counts not. None
    where no item has two raters, or all choices are the same.
    Source: Krippendorff, "Content Analysis", 4th edition, 2018, chapter 12; Hayes and Krippendorff, "Answering the
    call for a standard reliability measure for coding data", 2007.
    """
    votes = [(item, choice) for (_, item), choice in _first(raters, items, choices).items()]
    counts = np.zeros((len({item for item, _ in votes}), len(set(choices))), int)
    np.add.at(counts, (numbered([item for item, _ in votes]), numbered([choice for _, choice in votes])), 1)
    counts = counts[counts.sum(axis=1) > 1]
    found = _alpha(counts)
    if found is None:
        return None
    generator = np.random.default_rng(1)
    drawn = [_alpha(counts[generator.integers(len(counts), size=len(counts))]) for _ in range(resamples)]
    low, high = np.quantile([one for one in drawn if one is not None], [(1 - level) / 2, (1 + level) / 2])
    return Estimate(found, float(low), float(high))


def cohen_kappas(raters: Sequence[str], items: Labels, choices: Sequence[str]) -> dict[tuple[str, str], float]:
    """Cohen's kappa of each two raters, over the items that both have voted on; pairs without such items, and
    those who always chose one and the same, are absent. Source: Cohen, "A coefficient of agreement for nominal
    scales", 1960.
    """
    from sklearn.metrics import cohen_kappa_score

    votes = _first(raters, items, choices)
    found = {}
    for one, other in combinations(sorted(set(raters)), 2):
        both = sorted(
            {item for rater, item in votes if rater == one} & {item for rater, item in votes if rater == other}
        )
        sides = [[votes[rater, item] for item in both] for rater in (one, other)]
        if len({*sides[0], *sides[1]}) > 1:
            found[one, other] = float(cohen_kappa_score(*sides))
    return found


def self_consistency(raters: Sequence[str], items: Labels, choices: Sequence[str]) -> Estimate | None:
    """The share of repeated items on which a rater's second choice is the first one; None without repeats.

    Choices name arms, not sides, since a repeated pair may be shown the other way round. The interval is Wilson's.
    """
    first = _first(raters, items, choices)
    seen: set[tuple[str, str]] = set()
    same = []
    for rater, item, choice in zip(raters, map(str, items), choices, strict=True):
        if (rater, item) in seen:
            same.append(float(first[rater, item] == choice))
        seen.add((rater, item))
    return share(same) if same else None


def _first(raters: Sequence[str], items: Labels, choices: Sequence[str]) -> dict[tuple[str, str], str]:
    votes: dict[tuple[str, str], str] = {}
    for rater, item, choice in zip(raters, map(str, items), choices, strict=True):
        votes.setdefault((rater, item), choice)
    return votes


def _alpha(counts: np.ndarray) -> float | None:
    """From the votes of each choice on each item [items, choices]."""
    from krippendorff import alpha

    if (counts.sum(axis=0) > 0).sum() < 2:
        return None
    return float(alpha(value_counts=counts, level_of_measurement="nominal"))
