"""How often one arm wins against another, from votes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from study.statistics.clusters import Labels, bootstrap_mean, two_way_mean
from study.statistics.estimate import Estimate, Inference
from study.statistics.shares import share

Verdict = Literal["win", "tie", "both_bad", "loss"]  # of the arm in question, in one vote

VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
POINTS: Mapping[Verdict, float] = {"win": 1.0, "tie": 0.5, "both_bad": 0.5, "loss": 0.0}


@dataclass(frozen=True)
class WinRate:
    """`rate` counts ties half, and both bad as the tie it is; above 0.5 the arm is preferred.

    `bootstrap` is the same rate with the other interval, `lead` is the rate less 0.5 with its error, for tests and
    plans. `shares` tells the verdicts apart and sums to 1.
    """

    votes: int
    questions: int
    raters: int
    rate: Estimate
    bootstrap: Estimate
    lead: Inference
    shares: Mapping[Verdict, Estimate]


def win_rate(verdicts: Sequence[Verdict], questions: Labels, raters: Labels) -> WinRate:
    """The win rate of an arm from its verdicts [votes], with the question and the rater of each [votes].

    Intervals respect both clusterings, as `two_way_mean` does; the bootstrap's respects the questions. Raises
    ValueError for no votes and for a word that is not in VERDICTS.
    """
    if unknown := set(verdicts) - set(VERDICTS):
        raise ValueError(f"a vote is one of {', '.join(VERDICTS)}, not {', '.join(map(repr, sorted(unknown)))}")
    points = [POINTS[one] for one in verdicts]
    return WinRate(
        votes=len(points),
        questions=len(set(questions)),
        raters=len(set(raters)),
        rate=share(points, questions, raters),
        bootstrap=bootstrap_mean(points, questions),
        lead=two_way_mean([one - 0.5 for one in points], questions, raters, scale=1.0),
        shares={verdict: share([float(one == verdict) for one in verdicts], questions, raters) for verdict in VERDICTS},
    )
