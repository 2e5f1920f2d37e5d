"""A plan in words and figures: what is known of its questions, its arms, and what it can show."""

from __future__ import annotations

import html
from collections.abc import Sequence

from app.listing import Row, facts, listing, table
from app.study.study_html import MEASURES, points
from core.studies import Planning, QuestionsLook, StudyArm, StudyPlan

ARM_HEADS = ("Arm", "Cell", "Template", "Adapter", "Model")
MOST_TOPICS = 12


def look_html(look: QuestionsLook) -> str:
    """A question set at first sight."""
    found = facts(
        [
            ("questions", f"{look.questions:,}"),
            ("can be answered", f"{look.answerable:,}"),
            ("have required facts", f"{look.with_facts:,}"),
            ("can be measured by", "; ".join(MEASURES[measure] for measure in look.measures)),
        ]
    )
    most = sorted(look.topics.items(), key=lambda topic: -topic[1])
    rows = [[name or "none", f"{number:,}"] for name, number in most[:MOST_TOPICS]]
    more = f'<p class="note">and {len(most) - MOST_TOPICS} more</p>' if len(most) > MOST_TOPICS else ""
    topics = f"<details><summary>{len(most)} topics</summary>{table(('Topic', 'Questions'), rows, 'Topics')}{more}"
    return f'<section class="report"><div class="card">{found}{topics}</details></div></section>'


def arms_html(arms: Sequence[StudyArm], chosen: str) -> str:
    """The arms of a plan, of which one can be chosen."""
    rows = [
        Row(arm.name, (arm.name, arm.spec.name, arm.spec.template, arm.spec.adapter or "", arm.spec.model or "in use"))
        for arm in arms
    ]
    return listing(ARM_HEADS, rows, chosen) if rows else '<p class="card">No arm yet. Add two at least.</p>'


def planning_html(found: Planning, plan: StudyPlan, look: QuestionsLook) -> str:
    """What the plan can show, by its measure and by its ratings, and what it would take to find the margin."""
    said = []
    if found.detectable_score is not None:
        said.append(_found(_scored(plan, look), found.detectable_score, found.questions_needed, "questions", plan))
    if found.detectable_rating is not None:
        have = f"{plan.ratings:,} ratings"
        said.append(_found(have, found.detectable_rating, found.ratings_needed, "ratings", plan))
    if not plan.ratings:
        said.append("<p>No ratings are planned: people's opinion will not be known.</p>")
    return f'<div role="status">{"".join(said)}</div>'


def _scored(plan: StudyPlan, look: QuestionsLook) -> str:
    """How many questions the measure scores; of those that a limit chooses the facts are not known yet."""
    scored, which = (look.with_facts, " with facts") if plan.measure == "facts" else (look.questions, "")
    if not plan.limit or plan.limit >= look.questions:
        return f"{scored:,} questions{which}"
    return f"about {scored * plan.limit / look.questions:,.0f} questions{which}"


def _found(have: str, detectable: float, needed: int | None, unit: str, plan: StudyPlan) -> str:
    """One sentence; a warning where the measure that decides would probably miss what matters."""
    told = f"With <b>{have}</b>, a difference of <b>{points(detectable)} points</b> is found 4 times of 5"
    if detectable >= 1:
        told = f"With <b>{have}</b>, not even the largest difference is found 4 times of 5"
    if needed is None or detectable <= plan.margin:
        return f"<p>{told}.</p>"
    told += f"; {points(plan.margin)} points would take <b>{needed:,} {unit}</b>."
    if (plan.measure == "ratings") != (unit == "ratings"):
        return f"<p>{told}</p>"
    return f'<p class="warning">{told} A smaller difference may well end as “not decisive”.</p>'


def problem_html(sentence: str) -> str:
    return f'<p class="problem" role="status">{html.escape(sentence)}</p>'
