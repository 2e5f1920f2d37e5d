"""Whether automatic scores, and an LLM judge, choose as people do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.studies import Rating, Study
from core.types import Choice
from study.analysis.comparisons import Scores
from study.analysis.votes import verdict_of, votes_on
from study.grading.judge import agreement
from study.statistics.clusters import two_way_mean
from study.statistics.estimate import Estimate, Inference
from study.statistics.prediction_powered import prediction_powered_mean
from study.statistics.shares import share
from study.statistics.win_rate import POINTS


@dataclass(frozen=True)
class Alike:
    """The share of `votes` on which both chose the same (both bad is a tie), with Cohen's kappa (None: undefined).

    `decided` is the share among the `decided_votes` in which both prefer an arm: chance alone gives about half.
    """

    votes: int
    share: Estimate
    kappa: float | None
    decided_votes: int
    decided: Estimate | None


@dataclass(frozen=True)
class JudgeFindings:
    """An LLM judge's labels on the deciding pair, one of each of `questions`. `consistent` is the share of pairs whose
    order made no difference; `rate` the first arm's win rate by the judge alone, which may lean.

    `people` is the win rate by votes alone, `narrowed` the same with the judge's help; None where too few questions
    have votes to measure how it leans, or it has judged nothing else.
    """

    model: str
    questions: int
    consistent: Estimate
    rate: Estimate
    alike: Alike | None
    people: Inference | None
    narrowed: Inference | None


def scores_alike(scores: Scores, votes: Sequence[Rating]) -> Alike | None:
    """Of the automatic scores with the votes on pairs that both have a score; None without any."""
    known = [
        one
        for one in votes
        if one.question_id in scores.get(one.left, {}) and one.question_id in scores.get(one.right, {})
    ]
    judged = [_higher(scores[one.left][one.question_id], scores[one.right][one.question_id]) for one in known]
    return _alike(judged, known)


def judge_findings(study: Study, votes: Sequence[Rating]) -> JudgeFindings | None:
    """None without the judge's labels of this study's deciding pair."""
    kept: Mapping[str, Any] = study.experiments.get("judge") or {}
    labels: Mapping[str, Mapping[str, Any]] = kept.get("labels") or {}
    if not labels or tuple(kept.get("pair", ())) != study.plan.decides:
        return None
    first = study.plan.decides[0]
    judged = {question: POINTS[_verdict(str(label["winner"]), first)] for question, label in labels.items()}
    mine = [one for one in votes_on(study.plan.decides, votes) if one.question_id in judged]
    people, (questions, raters) = [POINTS[verdict_of(one, first)] for one in mine], _columns(mine)
    rest = [points for question, points in judged.items() if question not in questions]
    enough = len(set(questions)) > 2
    return JudgeFindings(
        model=str(kept.get("model", "")),
        questions=len(judged),
        consistent=share([float(bool(label["consistent"])) for label in labels.values()]),
        rate=share(list(judged.values())),
        alike=_alike([_as_shown(str(labels[one.question_id]["winner"]), one) for one in mine], mine),
        people=two_way_mean(people, questions, raters, scale=1.0) if enough else None,
        narrowed=prediction_powered_mean(people, [judged[one] for one in questions], rest, questions, raters)
        if enough and rest
        else None,
    )


def _alike(judged: Sequence[Choice], votes: Sequence[Rating]) -> Alike | None:
    if not votes:
        return None
    voted: list[Choice] = [one.choice or "tie" for one in votes]
    found = agreement(judged, voted)
    same = [float(one == ("tie" if other == "both_bad" else other)) for one, other in zip(judged, voted, strict=True)]
    sided = [place for place, one in enumerate(judged) if one != "tie" and voted[place] in ("left", "right")]
    return Alike(
        votes=len(votes),
        share=share(same, *_columns(votes)),
        kappa=found.kappa,
        decided_votes=len(sided),
        decided=share([same[place] for place in sided], *_columns([votes[place] for place in sided]))
        if sided
        else None,
    )


def _columns(votes: Sequence[Rating]) -> tuple[list[str], list[str]]:
    return [one.question_id for one in votes], [one.rater for one in votes]


def _higher(left: float, right: float) -> Choice:
    return "tie" if abs(left - right) < 1e-9 else "left" if left > right else "right"


def _verdict(arm: str, first: str) -> Any:
    return "tie" if arm == "tie" else "win" if arm == first else "loss"


def _as_shown(arm: str, vote: Rating) -> Choice:
    return "tie" if arm == "tie" else "left" if arm == vote.left else "right"
