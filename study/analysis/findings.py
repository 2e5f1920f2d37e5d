"""All that a study found, in one record: what the verdict page, the terminal and the exports show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.studies import Measure, Rating, Study, StudyAnswer
from study.analysis.alike import Alike, JudgeFindings, judge_findings, scores_alike
from study.analysis.arms import ArmFigures, arm_figures
from study.analysis.comparisons import Comparison, compare, score_effects, scores_by
from study.analysis.costs import CostFindings, cost_findings
from study.analysis.decision import ALPHA, Decision, Known, decide
from study.analysis.graded import GradedAnswer, grade_answers
from study.analysis.ratings import RatingFindings, rating_findings
from study.analysis.remarks import exploration, remarks
from study.analysis.topics import TopicAdvice, topic_advice
from study.analysis.votes import in_order
from study.report.tools import ReportTools
from study.statistics.estimate import Inference
from study.statistics.factorial import Effect

__all__ = ["ALPHA", "Findings", "findings"]


@dataclass(frozen=True)
class Findings:
    """`score_measure` is what automatic scores are by: the plan's measure, or the best there is where votes decide.

    `comparisons` and `effects` are on these scores. `remarks` is what a reader must know before trusting anything,
    `exploration` what was found beyond the planned comparison, corrected for looking at all pairs. `live` is what a
    split of live chats found, '' without one.
    """

    study: Study
    decision: Decision
    remarks: tuple[str, ...]
    exploration: tuple[str, ...]
    score_measure: Measure
    graded: Sequence[GradedAnswer]
    arms: Mapping[str, ArmFigures]
    comparisons: tuple[Comparison, ...]
    effects: Mapping[Effect, Inference]
    ratings: RatingFindings | None
    topics: tuple[TopicAdvice, ...]
    costs: CostFindings
    alike: Alike | None
    judge: JudgeFindings | None
    live: str = ""


def findings(study: Study, answers: Sequence[StudyAnswer], ratings: Sequence[Rating], tools: ReportTools) -> Findings:
    """At any state of the study, also before its first answer."""
    graded = grade_answers(study, answers, tools.embed)
    measure = _score_measure(study, graded)
    scores = scores_by(measure, graded)
    votes = in_order([one for one in ratings if one.choice and one.repeats is None])
    known = Known(
        study=study,
        arms=arm_figures(study, graded),
        comparisons=compare(study, scores),
        score_measure=measure,
        ratings=rating_findings(study, answers, ratings),
        costs=cost_findings(study, graded, tools),
        changed=Counter(one.arm for one in graded if one.answer.arm not in (None, study.arms.get(one.arm))),
    )
    decision = decide(known)
    return Findings(
        study=study,
        decision=decision,
        remarks=remarks(known),
        exploration=exploration(known, decision),
        score_measure=measure,
        graded=graded,
        arms=known.arms,
        comparisons=tuple(known.comparisons),
        effects=score_effects(study, scores),
        ratings=known.ratings,
        topics=topic_advice(study, scores, decision.advised, votes) if decision.advised else (),
        costs=known.costs,
        alike=scores_alike(scores, votes),
        judge=judge_findings(study, votes),
        live=tools.live,
    )


def _score_measure(study: Study, graded: Sequence[GradedAnswer]) -> Measure:
    if study.plan.measure != "ratings":
        return study.plan.measure
    order: tuple[Measure, ...] = ("facts", "similarity", "rouge_l")
    return next((one for one in order if any(answer.score(one) is not None for answer in graded)), "rouge_l")
