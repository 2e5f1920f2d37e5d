"""What a plan can show, before its first answer."""

from __future__ import annotations

from math import comb

from core.studies import Planning, QuestionsLook, StudyPlan
from study.statistics.planning import detectable_difference, questions_needed


def planning(plan: StudyPlan, look: QuestionsLook) -> Planning:
    """The smallest differences that a plan finds with a power of 80%, and how much finds its margin.

    Nothing is known yet, so that this is assumed: the difference of two arms' scores, and a rating (1, 0.5 or 0), have
    a standard deviation of 0.5, the largest that a rating can have; each question is a cluster of its own; ratings are
    spread evenly over the pairs of arms, each of another question. What a second rater repeats, what is asked again and
    how many raters there are is of second order and left out. `look` is that of the plan's questions.
    """
    scored = look.with_facts if plan.measure == "facts" else look.questions
    pairs = 1 if plan.pairs == "deciding" else comb(len(plan.arms), 2)
    rated = min(plan.ratings // max(pairs, 1), look.questions)
    needed = questions_needed(plan.margin)
    by_score = plan.measure != "ratings"
    return Planning(
        detectable_score=detectable_difference(scored) if by_score and scored > 1 else None,
        questions_needed=needed if by_score else None,
        detectable_rating=detectable_difference(rated) if rated > 1 else None,
        ratings_needed=needed * pairs if plan.ratings else None,
    )
