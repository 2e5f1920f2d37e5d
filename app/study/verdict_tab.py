"""The Study page's fourth tab: a study's verdict as it stands, and its files."""

from __future__ import annotations

import html
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from app.study.plan_html import problem_html
from app.study.study_html import answered, expected
from app.widgets import DOWNLOAD, say
from core.errors import DuodeskError
from core.parts import Parts
from core.studies import ExportKind, StudyView

NO_STUDY = '<p class="card">No study yet. Plan one under “New study”.</p>'
DOWNLOADS: tuple[tuple[ExportKind, str], ...] = (
    ("html", "This page (HTML)"),
    ("csv", "Data (CSV, zipped)"),
    ("jsonl", "Data (JSONL)"),
    ("preferences", "Preference pairs for DPO"),
)
AT_ONCE = 2  # verdicts that are computed side by side: raters and chats need the processor too


class VerdictPage:
    """The tab's handlers."""

    def __init__(self, parts: Parts) -> None:
        self.studies = parts.studies

    def open(self, chosen: str) -> Any:
        """The dropdown with the studies as they are now."""
        try:
            choices = [(view.study.plan.name, view.study.id) for view in self.studies.views()]
        except DuodeskError as error:
            say(error)
            return gr.skip()
        known = [identifier for _, identifier in choices]
        return gr.Dropdown(choices=choices, value=chosen if chosen in known else next(iter(known), None))

    def progress(self, study_id: str | None) -> str:
        """How far the study is, while it is not complete."""
        if not study_id:
            return ""
        try:
            return _progress(self.studies.view(study_id))
        except DuodeskError:
            return ""  # the verdict says it

    def report(self, study_id: str | None) -> str:
        """The verdict, which may take seconds to compute."""
        if not study_id:
            return NO_STUDY
        try:
            return self.studies.report_html(study_id)
        except DuodeskError as error:
            return problem_html(str(error))

    def export(self, kind: ExportKind, study_id: str | None, folder: str) -> str | None:
        """One of the study's files, in a folder of its own; None when there is none."""
        if not study_id:
            return None
        Path(folder).mkdir(parents=True, exist_ok=True)
        try:
            return str(self.studies.export(study_id, kind, Path(tempfile.mkdtemp(dir=folder))))
        except DuodeskError as error:
            say(error)
            return None


def _progress(view: StudyView) -> str:
    ratings = view.ratings
    missing = ratings.planned - ratings.done
    told = []
    if answered(view) < expected(view):
        told.append(f"<p>{answered(view):,} of {expected(view):,} answers are there.</p>")
    if missing > 0:
        told.append(f"<p>{ratings.done:,} of {ratings.planned:,} ratings are cast.</p>")
    if ratings.enough:
        told.append(f"<p>{html.escape(ratings.enough)}</p>")
    return f'<div class="card" role="status">{"".join(told)}</div>' if told else ""


@dataclass(frozen=True)
class VerdictTab:
    """What the page wires to other tabs."""

    handlers: VerdictPage
    study: Any
    show: Any  # shows the study's progress and then its verdict after an event


def build(parts: Parts, chosen: Any) -> VerdictTab:
    """Lays the tab out and wires it; `chosen` holds the id of the page's study."""
    tab = VerdictPage(parts)
    study = gr.Dropdown([], label="Study", elem_id="verdict-study")
    with gr.Row():
        refresh = gr.Button("Compute anew", size="sm", variant="primary", min_width=140, elem_id="verdict-refresh")
        buttons = {kind: gr.Button(label, size="sm", min_width=140) for kind, label in DOWNLOADS}
    progress = gr.HTML(apply_default_css=False, elem_id="verdict-progress")
    report = gr.HTML(apply_default_css=False, min_height=160, elem_id="verdict-report")

    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}

    def show(event: Any) -> None:
        computed = event(tab.progress, study, progress, **quiet)
        computed.then(
            tab.report,
            study,
            report,
            show_progress="full",
            api_visibility="private",
            concurrency_id="verdict",
            concurrency_limit=AT_ONCE,
        )

    show(study.input)
    study.input(lambda study_id: study_id, study, chosen, **quiet)
    show(refresh.click)
    for kind, button in buttons.items():
        file = gr.DownloadButton(elem_id=f"study-{kind}", visible="hidden")

        def export(study_id: str, kind: ExportKind = kind, file: Any = file):
            return tab.export(kind, study_id, file.GRADIO_CACHE)

        written = button.click(export, study, file, show_progress="minimal", api_visibility="private")
        written.then(None, None, js=DOWNLOAD.format(id=f"study-{kind}"), **quiet)
    return VerdictTab(tab, study, show)
