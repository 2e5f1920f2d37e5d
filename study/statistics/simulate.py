"""Tries the statistics of this package on made-up studies whose truth is known.

    python -m study.statistics.simulate --pandalm votes.csv.gz

Prints one line a check: what it is, its figure, the bounds, and whether it is within them. Intervals of nominal 95%
are to hold the truth in 93 to 97% of the studies; other bounds stand for what is known to be too wide or too narrow.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from study.statistics import simulated
from study.statistics import simulated_claims as claims
from study.statistics.agreement import cohen_kappas
from study.statistics.bradley_terry import bradley_terry
from study.statistics.davidson import davidson_directly

COVERAGE = (0.93, 0.97)
TOO_NARROW = (0.8, 0.93)  # as is known and said, where an interval respects one of two clusterings
SAFE = (0.93, 1.0)  # few raters who may differ, or do not: an interval that asks how far errs on the safe side
PUBLISHED_KAPPAS = (0.85, 0.86, 0.88)  # Wang and others, "PandaLM", 2024

Study = Callable[[np.random.Generator], Mapping[str, bool]]  # makes one study -> whether each claim on it holds


@dataclass(frozen=True)
class Check:
    """A figure and the bounds that it is to keep."""

    name: str
    figure: float
    low: float
    high: float

    @property
    def passed(self) -> bool:
        return self.low <= self.figure <= self.high


def held(study: Study, runs: int, low: float = COVERAGE[0], high: float = COVERAGE[1]) -> Iterator[Check]:
    """The share of studies in which each claim holds."""
    found = [study(np.random.default_rng(seed)) for seed in range(runs)]
    for name in found[0]:
        yield Check(name, float(np.mean([one[name] for one in found])), low, high)


def bradley_terry_gap() -> float:
    """The largest difference from the independent implementation, over strengths, tie and covariate."""
    made = simulated.pair_votes(np.random.default_rng(3), claims.STRENGTHS, 100)
    found = bradley_terry(made.left, made.right, made.points, made.questions, made.longer).parameters
    ours = np.concatenate([found[:4] - found[0], found[4:]])
    return float(abs(ours - davidson_directly(made.left, made.right, made.points, made.longer)).max())


def published_kappas(file: Path) -> Iterator[Check]:
    """Of PandaLM's three raters; the paper gives two digits."""
    with gzip.open(file, "rt", encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    kappas = cohen_kappas(
        [one["rater"] for one in rows], [one["item"] for one in rows], [one["winner"] for one in rows]
    )
    for (pair, kappa), published in zip(sorted(kappas.items(), key=lambda one: one[1]), PUBLISHED_KAPPAS, strict=True):
        yield Check(f"PandaLM, kappa of {' and '.join(pair)}", kappa, published - 0.005, published + 0.005)


def checks(runs: int, pandalm: Path | None) -> Iterator[Check]:
    yield Check("Bradley-Terry, gap to independent code", bradley_terry_gap(), 0, 1e-6)
    for study in (
        claims.one_rater,
        claims.raters_who_differ,
        claims.automatic_scores,
        claims.topics,
        claims.judge,
        claims.learning,
        claims.live_split,
    ):
        yield from held(study, runs)
    yield from held(claims.questions_alone, runs, *TOO_NARROW)
    for study in (claims.raters_alike, claims.few_raters, claims.judge_of_few_raters):
        yield from held(study, runs, *SAFE)
    yield from held(partial(claims.strengths, truth=claims.true_strengths()), runs)
    leaning = claims.true_strengths(rater_spread=0.3)
    for raters in (2, 3, 5):
        yield from held(partial(claims.strengths_by_raters, truth=leaning, raters=raters), runs, *SAFE)
    many = claims.alpha_of_three(np.random.default_rng(0), 200_000, 1)
    yield from held(partial(claims.agreement, truth=many.mean if many else 0.0), runs)
    yield from held(claims.false_alarms, runs, 0.0, 0.05)
    of_these, of_people = held(claims.alarms_of_raters_who_differ, runs, 0.0, 0.05)
    yield from (of_these, replace(of_people, high=1.0))
    yield from held(claims.wrong_claims, runs, 0.03, 0.07)
    at_end, at_any_look, by_ratio, suspicious = held(claims.split_alarms, runs, 0.0, 0.07)
    yield from (replace(at_end, low=0.03), replace(at_any_look, high=0.05))
    yield from (replace(by_ratio, low=0.03), replace(suspicious, high=0.005))
    yield from held(claims.power, runs, 0.77, 0.83)
    if pandalm:
        yield from published_kappas(pandalm)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000, help="studies that each interval is tried on")
    parser.add_argument("--pandalm", type=Path, metavar="FILE", help="PandaLM's votes, whose kappas are published")
    options = parser.parse_args()
    failed = 0
    for check in checks(options.runs, options.pandalm):
        failed += not check.passed
        bounds = f"{check.low:g} to {check.high:g}"
        print(f"{'ok' if check.passed else 'NO':<4}{check.figure:>9.3g}  {bounds:<16}{check.name}", flush=True)
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
