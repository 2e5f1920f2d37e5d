"""The verdict page: the answer in one sentence, then advice by topic, figures, methods and provenance.

A fragment of HTML without scripts and with styles of its own, so that it looks right in the application, light and
dark, and by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from core.studies import Rating, Study, StudyAnswer, StudyPlan
from core.types import ArmSpec
from study.analysis.findings import Findings, findings
from study.analysis.words import MEASURES, count
from study.experiments.html import experiments_html
from study.report.costs_html import costs_section
from study.report.html import items, paragraph, text
from study.report.methods_html import methods_section, provenance_section
from study.report.ratings_html import alike_section, ratings_section
from study.report.scores_html import arms_section, differences_section, topics_section
from study.report.tools import ReportTools

STYLE = Path(__file__).with_name("style.css")


def report_html(study: Study, answers: Sequence[StudyAnswer], ratings: Sequence[Rating], tools: ReportTools) -> str:
    """The page as a fragment, at any state of the study."""
    return page(findings(study, answers, ratings, tools))


def page(found: Findings) -> str:
    """The same from findings that are there already."""
    sections = (
        topics_section(found),
        arms_section(found) if found.graded else "",
        differences_section(found),
        ratings_section(found),
        alike_section(found),
        costs_section(found),
        experiments_html(found.study.experiments),
        methods_section(found),
        provenance_section(found),
    )
    return (
        f'<div id="verdict-page"><style>{STYLE.read_text(encoding="utf-8")}</style>'
        f"{_head(found)}{''.join(sections)}</div>"
    )


def _head(found: Findings) -> str:
    """The verdict, what contradicts it, and what must be known beside it."""
    plan, decision = found.study.plan, found.decision
    about = (
        f"{count(len(found.study.questions), 'question')}, {count(len(plan.arms), 'arm')}; decided by "
        f"{MEASURES[plan.measure]}, where {100 * plan.margin:g} points are the smallest difference that matters"
    )
    opinion = f'<p class="against">{text(decision.second_opinion)}</p>' if decision.contradicted else ""
    return (
        f"<header><h1>{text(plan.name)}</h1>{paragraph(about, 'soft')}</header>"
        f'<div class="answer {decision.kind}">{paragraph(decision.sentence)}{opinion}'
        f"{'' if decision.contradicted else paragraph(decision.second_opinion)}"
        f"{paragraph(found.live)}{paragraph(BRACKETS, 'soft') if decision.lead else ''}</div>"
        f"{items(found.remarks, 'warnings')}{items(found.exploration)}{_arms(plan)}"
    )


def _arms(plan: StudyPlan) -> str:
    """What each arm is, in words."""
    rows = "".join(f"<dt>{text(arm.name)}</dt><dd>{text(arm_words(arm.spec))}</dd>" for arm in plan.arms)
    return f"<dl>{rows}</dl>"


def arm_words(spec: ArmSpec) -> str:
    model = f"the model {spec.model}" if spec.model else "the base model"
    adapter = f", fine-tuned as {spec.adapter}" if spec.uses_adapter else ""
    passages = ", prompted with passages found in the documents" if spec.uses_retrieval else ", without any documents"
    return f"{model}{adapter}{passages}; template {spec.template}"


BRACKETS = "Brackets hold the range in which the true value lies with 95% certainty."
