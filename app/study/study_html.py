"""A study as HTML: a row of the list, and where the chosen one stands."""

from __future__ import annotations

import html
from collections.abc import Mapping

from app.listing import Row, facts, table
from app.widgets import duration, moment, progress_bar
from core.studies import Measure, Study, StudyPlan, StudyView

HEADS = ("Study", "Status", "Questions", "Arms", "Answers", "Ratings", "Made (UTC)")
MEASURES: Mapping[Measure, str] = {
    "facts": "required facts given",
    "similarity": "nearness in meaning to the reference",
    "rouge_l": "words shared with the reference (ROUGE-L)",
    "chrf": "characters shared with the reference (chrF)",
    "ratings": "people's ratings: how often one is preferred",
}


def study_row(view: StudyView) -> Row:
    """A study in the list."""
    plan = view.study.plan
    cells = (
        plan.name,
        view.study.status,
        f"{view.questions:,}",
        f"{len(plan.arms)}",
        f"{answered(view):,} of {expected(view):,}",
        f"{view.ratings.done:,} of {view.ratings.planned:,}" if view.ratings.planned else "none planned",
        moment(view.study.created_at).removesuffix(" UTC"),
    )
    return Row(view.study.id, cells)


def answered(view: StudyView) -> int:
    """Answers that are there, of all arms of the plan."""
    return sum(view.answered.get(arm.name, 0) for arm in view.study.plan.arms)


def expected(view: StudyView) -> int:
    return view.questions * len(view.study.plan.arms)


def state_html(view: StudyView) -> str:
    """Where a study is: progress, what was fixed, its arms, and what every reader must know."""
    study, plan = view.study, view.study.plan
    kind = "problem" if study.status == "failed" else "note"
    said = f'<p class="{kind}" role="status">{html.escape(study.message)}</p>' if study.message else ""
    running = study.status == "running"
    bar = progress_bar(answered(view) / expected(view) if expected(view) else 0.0) if running else ""
    notes = "".join(f'<p class="warning">{html.escape(note)}</p>' for note in study.notes)
    return (
        f'<section class="report" aria-label="The chosen study"><div class="card"><h3>{html.escape(plan.name)}'
        f' <span class="mark">{study.status}</span></h3>'
        f"{said}{bar}{notes}{facts(_figures(view))}</div>"
        f'<div class="card"><h3>Arms</h3>{_arms(view)}</div></section>'
    )


def _figures(view: StudyView) -> list[tuple[str, str]]:
    plan, ratings = view.study.plan, view.ratings
    left = view.seconds_left if view.study.status == "running" else None
    return [
        ("answers", f"{answered(view):,} of {expected(view):,}"),
        ("time left", f"about {duration(left)}" if left is not None else ""),
        ("ratings", f"{ratings.done:,} of {ratings.planned:,}{_raters(ratings.raters)}" if ratings.planned else "none"),
        ("enough?", ratings.enough),
        ("asks", question(plan)),
        ("measured by", MEASURES[plan.measure]),
        ("matters from", f"{points(plan.margin)} points"),
        ("questions", f"{view.questions:,} from '{plan.questions.rstrip('/').rsplit('/', 1)[-1]}'"),
        ("pairs to rate", {"deciding": "the deciding two arms", "all": "all arms in turn"}[plan.pairs]),
    ]


def question(plan: StudyPlan) -> str:
    """What the study decides, as a question."""
    first, second = plan.decides
    return f"Is {first} better than {second}?"


def points(share: float) -> str:
    """A share in points of 100, without a needless decimal."""
    return f"{round(100 * share, 1):g}"


def _raters(number: int) -> str:
    return f" by {number} {'person' if number == 1 else 'people'}" if number else ""


def _arms(view: StudyView) -> str:
    rows = []
    for arm in view.study.plan.arms:
        made = view.study.arms.get(arm.name)
        spec = arm.spec
        template = f"{made.template} v{made.template_version}" if made else spec.template
        rows.append([arm.name, spec.name, template, spec.adapter or "", _model(view.study, arm.name, spec.model)])
        rows[-1].append(f"{view.answered.get(arm.name, 0):,}")
    return table(("Name", "Cell", "Template", "Adapter", "Model", "Answers"), rows, "Arms of the study")


def _model(study: Study, name: str, wanted: str) -> str:
    made = study.arms.get(name)
    return made.model if made else wanted or "in use"
