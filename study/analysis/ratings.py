"""What people's votes say: who wins, how sure that is, and how strong each arm is.

Second opinions count as votes; those on one question, and those of one rater, belong together. A pair that a rater sees
again counts for consistency alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core.comparison import normalise
from core.studies import Rating, Study, StudyAnswer
from study.analysis.comparisons import cells, pairs_of
from study.analysis.raters import Agreement, Blinding, agreement_of, blinding_of, criteria_of
from study.analysis.votes import in_order, verdict_of, votes_on
from study.statistics.bradley_terry import BradleyTerry, bradley_terry
from study.statistics.estimate import Estimate, Inference
from study.statistics.factorial import CONTRASTS, Effect
from study.statistics.multiple import holm
from study.statistics.sequential import confidence_sequence, question_means
from study.statistics.win_rate import POINTS, WinRate, win_rate

MARKDOWN = re.compile(r"\*\*|__|`|^\s*(?:[-*+]|\d+[.)]|#+)\s|\[[^\]]+\]\(", re.MULTILINE)
CONTROLS = ("length", "formatting")


@dataclass(frozen=True)
class RatedPair:
    """Votes on two arms, told of the first. `p_value` is against an even match: of the deciding pair as it is, of the
    others corrected for their number (Holm)."""

    first: str
    second: str
    decides: bool
    votes: WinRate
    p_value: float


@dataclass(frozen=True)
class Looks:
    """The confidence sequence of the deciding pair's win rate, in the order of votes: an interval after each question
    whose planned votes are in [questions]."""

    means: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    @property
    def now(self) -> Estimate:
        """As it stands: the whole range before the first question."""
        return Estimate(self.means[-1], self.low[-1], self.high[-1]) if self.means else Estimate(0.5, 0.0, 1.0)


@dataclass(frozen=True)
class Strengths:
    """Bradley-Terry's strengths in log-odds against the mean arm; `controls` are what was held equal, `effects` those
    of the 2 x 2, `leads` the log-odds of each pair's first arm."""

    model: BradleyTerry
    controls: tuple[str, ...]
    arms: Mapping[str, Inference]
    leads: Mapping[tuple[str, str], Inference]
    coefficients: Mapping[str, Inference]
    effects: Mapping[Effect, Inference]


@dataclass(frozen=True)
class RatingFindings:
    """`planned` votes on all pairs without repetitions, `done` those that are in; `impossible` ones wait for an answer
    that failed or will not come.

    `early` says that votes on the deciding pair are still missing, `extended` that more were planned than at first: in
    both cases only `looks` decides, else the interval of the deciding pair's win rate.
    """

    planned: int
    done: int
    impossible: int
    raters: int
    deciding_planned: int
    deciding_done: int
    early: bool
    extended: bool
    pairs: tuple[RatedPair, ...]
    looks: Looks
    strengths: Strengths | None
    controlled: Strengths | None
    agreement: Agreement
    blinding: Blinding | None
    criteria: Mapping[str, Mapping[str, Estimate]]

    @property
    def deciding(self) -> RatedPair | None:
        return next((pair for pair in self.pairs if pair.decides), None)

    @property
    def sequential(self) -> bool:
        """Whether decisions rest on the confidence sequence alone."""
        return self.early or self.extended


def rating_findings(study: Study, answers: Sequence[StudyAnswer], ratings: Sequence[Rating]) -> RatingFindings | None:
    """None where no ratings were planned."""
    if not ratings:
        return None
    texts = {(one.answer.question_id, one.arm): one.answer.text for one in answers if one.answer.outcome != "failed"}
    counted = [one for one in ratings if one.repeats is None]
    possible = [one for one in counted if one.choice or _rateable(one, texts, study)]
    votes = in_order([one for one in counted if one.choice])
    deciding = [one for one in possible if {one.left, one.right} == set(study.plan.decides)]
    done = [one for one in deciding if one.choice]
    return RatingFindings(
        planned=len(counted),
        done=len(votes),
        impossible=len(counted) - len(possible),
        raters=len({one.rater for one in votes}),
        deciding_planned=len(deciding),
        deciding_done=len(done),
        early=len(done) < len(deciding),
        extended=sum(one.second_to is None for one in counted) > study.plan.ratings,
        pairs=_pairs(study, votes),
        looks=_looks(study, deciding),
        strengths=_strengths(study, votes, texts, ()),
        controlled=_strengths(study, votes, texts, CONTROLS),
        agreement=agreement_of(in_order([one for one in ratings if one.choice])),
        blinding=blinding_of(study, votes),
        criteria=criteria_of(study, votes),
    )


def _rateable(rating: Rating, texts: Mapping[tuple[str, str], str], study: Study) -> bool:
    """Whether the answers are there, or may still come."""
    there = all((rating.question_id, arm) in texts for arm in (rating.left, rating.right))
    return there or study.status in ("planned", "running", "interrupted", "stopped")


def _pairs(study: Study, votes: Sequence[Rating]) -> tuple[RatedPair, ...]:
    rates = {}
    for pair in pairs_of(study):
        if mine := votes_on(pair, votes):
            verdicts = [verdict_of(one, pair[0]) for one in mine]
            rates[pair] = win_rate(verdicts, [one.question_id for one in mine], [one.rater for one in mine])
    corrected = holm({pair: rate.lead.p_value() for pair, rate in rates.items() if pair != study.plan.decides})
    return tuple(
        RatedPair(*pair, pair == study.plan.decides, rate, corrected.get(pair, rate.lead.p_value()))
        for pair, rate in rates.items()
    )


def _looks(study: Study, deciding: Sequence[Rating]) -> Looks:
    votes = in_order([one for one in deciding if one.choice])
    planned: dict[str, int] = {}
    for one in deciding:
        planned[one.question_id] = planned.get(one.question_id, 0) + 1
    points = [POINTS[verdict_of(one, study.plan.decides[0])] for one in votes]
    seen = question_means(points, [one.question_id for one in votes], planned)
    if not len(seen):
        return Looks((), (), ())
    found = confidence_sequence(seen)
    means = seen.cumsum() / np.arange(1, len(seen) + 1)
    return Looks(tuple(means.tolist()), tuple(found.low.tolist()), tuple(found.high.tolist()))


def _strengths(
    study: Study, votes: Sequence[Rating], texts: Mapping[tuple[str, str], str], controls: Sequence[str]
) -> Strengths | None:
    if not votes:
        return None
    covariates = _covariates(votes, texts)
    used = [name for name in controls if name in covariates]
    if controls and not used:
        return None
    model = bradley_terry(
        [one.left for one in votes],
        [one.right for one in votes],
        [POINTS[verdict_of(one, one.left)] for one in votes],
        [one.question_id for one in votes],
        np.stack([covariates[name] for name in used], axis=1) if used else None,
        [one.rater for one in votes],
    )
    square = cells(study.plan.arms)
    whole = bool(square) and set(square.values()) <= set(model.arms)
    return Strengths(
        model=model,
        controls=tuple(used),
        arms={
            arm: model.contrast({one: float(one == arm) - 1 / len(model.arms) for one in model.arms})
            for arm in model.arms
        },
        leads={pair: model.difference(*pair) for pair in pairs_of(study) if set(pair) <= set(model.arms)},
        coefficients={name: model.coefficient(place) for place, name in enumerate(used)},
        effects={
            effect: model.contrast({square[cell]: weight for cell, weight in weights.items()})
            for effect, weights in CONTRASTS.items()
        }
        if whole
        else {},
    )


def _covariates(votes: Sequence[Rating], texts: Mapping[tuple[str, str], str]) -> dict[str, np.ndarray]:
    """Left less right as the rater saw it, in standard deviations: characters, and marks of Markdown; what never
    differs is left out."""

    def difference(measured: dict[tuple[str, str], int]) -> np.ndarray:
        keys = [((one.question_id, one.left), (one.question_id, one.right)) for one in votes]
        return np.array([measured.get(left, 0) - measured.get(right, 0) for left, right in keys], float)

    shown = {key: normalise(text) for key, text in texts.items()}
    found = {
        "length": difference({key: len(text) for key, text in shown.items()}),
        "formatting": difference({key: len(MARKDOWN.findall(text)) for key, text in shown.items()}),
    }
    return {name: values / values.std() for name, values in found.items() if values.std() > 0}
