"""How strong each of several arms is, from votes on pairs of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from study.statistics.clusters import Labels, crossed, numbered, two_way
from study.statistics.estimate import Inference

PRIOR_SPREAD = 2.5  # log-odds; Gelman and others, "A weakly informative default prior for logistic models", 2008
Covariance: TypeAlias = tuple[np.ndarray, float]  # [parameters, parameters] with its degrees of freedom

FLAT = 1e-6  # curvature a vote below which the data do not settle a parameter, such as that of an arm that always wins


@dataclass(frozen=True)
class BradleyTerry:
    """Strengths in log-odds; their differences mean something, their level does not.

    `parameters` [arms + 1 + covariates]: the strengths with mean 0, the log of Davidson's tie parameter (0, and unused,
    without ties), the covariates' coefficients. `covariances` are theirs with degrees of freedom: by question and, with
    several raters, by rater and by both. `settled` is false where the data alone do not settle the parameters, and a
    prior stands in.
    """

    arms: tuple[str, ...]
    parameters: np.ndarray
    covariances: tuple[Covariance, ...]
    settled: bool

    def difference(self, arm: str, other: str) -> Inference:
        """The log-odds that `arm` beats `other` where one of them wins. Raises ValueError for an unknown arm."""
        return self.contrast({arm: 1.0, other: -1.0} if arm != other else {arm: 0.0})

    def contrast(self, weights: Mapping[str, float]) -> Inference:
        """The weighted sum of strengths, such as an interaction; weights sum to 0, arms not named weigh nothing.

        Raises ValueError for an unknown arm and for weights that do not sum to 0.
        """
        if unknown := set(weights) - set(self.arms):
            raise ValueError(f"no votes on {', '.join(sorted(unknown))}; there are {', '.join(self.arms)}")
        if abs(sum(weights.values())) > 1e-9:
            raise ValueError("weights of a contrast sum to 0, since only differences of strengths mean something")
        row = np.zeros(len(self.parameters))
        row[: len(self.arms)] = [weights.get(arm, 0.0) for arm in self.arms]
        return self._along(row)

    def coefficient(self, covariate: int) -> Inference:
        """The change of log-odds with one more of a covariate, by its place among them."""
        return self._along(np.eye(len(self.parameters))[len(self.arms) + 1 + covariate])

    def _along(self, row: np.ndarray) -> Inference:
        along = [(float(row @ covariance @ row), degrees) for covariance, degrees in self.covariances]
        variance, degrees = two_way(*along) if len(along) > 1 else along[0]
        return Inference(float(row @ self.parameters), variance**0.5, degrees)


def bradley_terry(
    left: Sequence[str],
    right: Sequence[str],
    points: Sequence[float] | np.ndarray,
    questions: Labels,
    covariates: np.ndarray | None = None,
    raters: Labels | None = None,
) -> BradleyTerry:
    """Strengths by maximum likelihood from votes: the arms shown, points [votes] of the left one (1 win, 0.5 tie, 0
    loss), the question of each [votes], covariates [votes, covariates], left less right, such as the difference in
    length in standard deviations (a column of ones is the advantage of the left side), and the rater of each [votes].

    The covariance is the sandwich clustered by question in its jackknife form (CR3), with t of questions less one; with
    two raters or more also by rater and by both (CR1), put together for each contrast as `two_way` does.
    Where the data do not settle the strengths (an arm wins everything, or was never compared with the rest) all
    parameters get a normal prior of spread PRIOR_SPREAD, a question counts as one vote however many it has, and the
    error is that of the posterior, normal around its top; raters count not.
    Source: Bradley and Terry, "Rank analysis of incomplete block designs", 1952; Davidson, "On extending the
    Bradley-Terry model to accommodate ties in paired comparison experiments", 1970; MacKinnon, Nielsen and Webb,
    "Cluster-robust inference: a guide to empirical practice", 2023. Raises ValueError for no votes, other points, and
    an arm against itself.
    """
    arms = tuple(sorted({*left, *right}))
    design = _design(arms, left, right, covariates)
    outcome = _outcomes(left, right, points)
    groups = numbered(questions)
    people = np.zeros_like(groups) if raters is None else numbered(raters)
    if not len(outcome) == len(groups) == len(people) == len(design):
        raise ValueError("arms, points, questions and raters have one entry a vote")
    ties, strengths = bool((outcome == 1).any()), np.zeros(design.shape[2])
    strengths[: len(arms)] = 1
    penalty = np.outer(strengths, strengths)  # the likelihood does not know the level, so this sets it to 0 and no more
    if not ties:
        penalty[len(arms), len(arms)] = 1
    equal = np.full(len(outcome), 1 / len(outcome))
    parameters = _maximise(design, outcome, equal, penalty, ties)
    scores, curvature = _derivatives(parameters, design, outcome, ties)
    by_question = _summed(curvature, groups)
    without = (by_question.sum(0) - by_question) / len(outcome) + penalty
    if np.linalg.eigvalsh(without).min() > FLAT:
        moves = np.linalg.solve(without, _summed(scores, groups)[..., None])[..., 0] / len(outcome)
        covariances = [(moves.T @ moves * (len(moves) - 1) / len(moves), len(moves) - 1.0)]
        if people.any():
            pulls = np.linalg.solve(by_question.sum(0) + len(outcome) * penalty, scores.T).T
            covariances += [_clustered(pulls, people), _clustered(pulls, crossed(groups, people))]
        return BradleyTerry(arms, parameters, tuple(covariances), settled=True)
    once = 1 / np.bincount(groups)[groups]
    prior = penalty + np.eye(len(penalty)) / PRIOR_SPREAD**2
    parameters = _maximise(design, outcome, once, prior, ties)
    _, curvature = _derivatives(parameters, design, outcome, ties)
    information = np.tensordot(once, curvature, 1) + prior
    return BradleyTerry(arms, parameters, ((np.linalg.inv(information), float("inf")),), settled=False)


def _design(
    arms: tuple[str, ...], left: Sequence[str], right: Sequence[str], covariates: np.ndarray | None
) -> np.ndarray:
    """Log of each outcome's chance, but for a constant, from the parameters: [votes, left tie right, parameters]."""
    votes, place = np.arange(len(left)), {arm: number for number, arm in enumerate(arms)}
    extra = np.zeros((len(votes), 0)) if covariates is None else np.asarray(covariates, float).reshape(len(votes), -1)
    odds = np.hstack([np.zeros((len(votes), len(arms) + 1)), extra])
    odds[votes, [place[arm] for arm in left]] = 1
    odds[votes, [place[arm] for arm in right]] = -1
    tie = np.zeros_like(odds)
    tie[:, len(arms)] = 1
    return np.stack([odds / 2, tie, -odds / 2], axis=1)


def _outcomes(left: Sequence[str], right: Sequence[str], points: Sequence[float] | np.ndarray) -> np.ndarray:
    """0 where the left arm won, 1 for a tie, 2 where the right one won [votes]."""
    found = np.asarray(points, float)
    if not len(found):
        raise ValueError("there are no votes")
    if not np.isin(found, (0, 0.5, 1)).all():
        raise ValueError("points are 1 for the left arm, 0.5 for a tie, 0 for the right arm")
    if any(one == other for one, other in zip(left, right, strict=True)):
        raise ValueError("an arm cannot be compared with itself")
    return (2 - 2 * found).astype(int)


def _chances(parameters: np.ndarray, design: np.ndarray, ties: bool) -> np.ndarray:
    """Log chances of the outcomes [votes, 3]; a tie has none where there are no ties at all."""
    logs = design @ parameters
    if not ties:
        logs[:, 1] = -np.inf
    top = logs.max(axis=1, keepdims=True)
    return logs - top - np.log(np.exp(logs - top).sum(axis=1, keepdims=True))


def _derivatives(
    parameters: np.ndarray, design: np.ndarray, outcome: np.ndarray, ties: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Of each vote's log-likelihood: the gradient [votes, parameters], and less the Hessian [votes, same, same]."""
    chances = np.exp(_chances(parameters, design, ties))
    expected = np.einsum("vo,vop->vp", chances, design)
    around = design - expected[:, None]
    return around[np.arange(len(outcome)), outcome], np.einsum("vo,vop,voq->vpq", chances, around, around)


def _maximise(
    design: np.ndarray, outcome: np.ndarray, weights: np.ndarray, penalty: np.ndarray, ties: bool
) -> np.ndarray:
    from scipy.optimize import minimize

    def loss(parameters: np.ndarray) -> float:
        told = _chances(parameters, design, ties)[np.arange(len(outcome)), outcome]
        return float(parameters @ penalty @ parameters / 2 - weights @ told)

    def gradient(parameters: np.ndarray) -> np.ndarray:
        return penalty @ parameters - weights @ _derivatives(parameters, design, outcome, ties)[0]

    def hessian(parameters: np.ndarray) -> np.ndarray:
        return penalty + np.tensordot(weights, _derivatives(parameters, design, outcome, ties)[1], 1)

    start = np.zeros(design.shape[2])
    return minimize(loss, start, jac=gradient, hess=hessian, method="trust-exact", options={"gtol": 1e-9}).x


def _clustered(pulls: np.ndarray, groups: np.ndarray) -> Covariance:
    """The sandwich (CR1) from votes' pulls on the parameters [votes, parameters], of two clusters [votes] or more."""
    moves = _summed(pulls, groups)
    return moves.T @ moves * len(moves) / (len(moves) - 1), len(moves) - 1.0


def _summed(rows: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Sums of rows [votes, ...] by group [groups, ...]."""
    total = np.zeros((groups.max() + 1, *rows.shape[1:]))
    np.add.at(total, groups, rows)
    return total
