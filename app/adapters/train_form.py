"""What the Adapters page's second tab does: look at data, report on it, and start a run on it.

The form is a Plan in widgets: `plan_of` reads it, `use` writes it.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from app.adapters.report_html import look_html, report_html
from app.adapters.run_html import suggested, title
from app.widgets import say
from core.errors import DuodeskError, TrainingError
from core.parts import Parts
from core.settings import ROOT
from core.training import Columns, DataChoices, Plan, Progress, Recipe, Run, RunKind

DEMO = str(ROOT / "knowledge" / "transcripts")
COLUMNS = ("messages", "question", "answer", "topic", "split")
CHOICES = ("duplicates", "leaks", "redact", "rows", "validation_share")
RECIPE = ("learning_rate", "rank", "epochs", "batch_size", "patience", "passages_share")
REST = ("template", "parent", "replay_share", "adapter")
FIELDS = ("source", "method", *COLUMNS, *CHOICES, *RECIPE, *REST)  # the order of `values`
WHOLE = ("rows", "rank", "batch_size", "patience")

NONE = ("none", "")
PROGRESS: Any = gr.Progress()
NOT_YET = '<p class="note">Look at the data first; the recipe follows from it.</p>'
NO_FILE = "Choose a CSV or JSONL file: one row a message and its answer, or one row a conversation."

Values = Sequence[Any]


class TrainingForm:
    """The tab's handlers. `files` are those of the plan, `base` holds what of a recipe has no widget."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.training = parts.training

    def open(self, template: str | None, parent: str | None) -> tuple[Any, Any]:
        """Templates and parent adapters as they are now."""
        names, adapters = self.parts.templates.names(), self.parts.adapters.names()
        return (
            gr.Dropdown(choices=names, value=template if template in names else self.parts.settings.template),
            gr.Dropdown(choices=[NONE, *adapters], value=parent if parent in adapters else ""),
        )

    def choose(self, source: str, uploaded: str | None) -> tuple[Any, ...]:
        """Other data: what `_data` returns, and an empty report without a recipe."""
        files = {"demo": (DEMO,), "file": (uploaded,) if uploaded else ()}.get(source, ())
        return (*self._data(source, files), *self.stale())

    def stale(self) -> tuple[str, Any]:
        """Report and recipe after a choice that makes them untrue."""
        return NOT_YET, gr.Column(visible=False)

    def look_at(self, files: tuple[str, ...], progress: Any = PROGRESS, *values: Any) -> tuple[Any, ...]:
        """The data report. Returns report, recipe column, base, reason, and the recipe's fields."""
        try:
            report = self.training.report(plan_of("train", files, Recipe(), values), _told(progress))
            recipe, reason = self.training.defaults(report.train)
        except DuodeskError as error:
            say(error)
            return (*self.stale(), *[gr.skip()] * (2 + len(RECIPE)))
        shown = (getattr(recipe, name) for name in RECIPE)
        return report_html(report), gr.Column(visible=True), recipe, _note(reason), *shown

    def start(
        self, kind: RunKind, files: tuple[str, ...], base: Recipe, progress: Any, values: Values
    ) -> tuple[Any, Any, str]:
        """Starts a run. Returns the id of the run to show, the tab to show, and what is said below the buttons."""
        try:
            started = self.training.start(plan_of(kind, files, base, values), _told(progress))
        except DuodeskError as error:
            say(error)
            return gr.skip(), gr.skip(), f'<p class="problem" role="status">{html.escape(str(error))}</p>'
        return started, gr.Tabs(selected="runs"), ""

    def use(self, run_id: str) -> tuple[Any, ...]:
        """A run's plan with what it found. Returns the tab, `choose` without its report, base, reason, all fields."""
        try:
            run = self.training.run(run_id)
        except DuodeskError as error:
            say(error)
            return (gr.skip(),) * USE_SIZE
        plan, recipe = run.plan, found_recipe(run)
        source = "ratings" if plan.method != "sft" else "demo" if plan.files == (DEMO,) else "file"
        parts = {**vars(plan.choices), **vars(recipe), "template": plan.template, "replay_share": plan.replay_share}
        known = {"source": source, "method": plan.method if source == "ratings" else "dpo", "parent": plan.parent or ""}
        fields = parts | known | {"adapter": ""}
        return (
            gr.Tabs(selected="train"),
            *self._data(source, plan.files, plan.columns),
            gr.Column(visible=True),
            recipe,
            _note(f"As in the run '{title(run)}' of {run.started_at[:10]}. Give the new adapter a name."),
            *(fields[name] for name in FIELDS if name not in COLUMNS),
        )

    def _data(self, source: str, files: tuple[str, ...], columns: Columns | None = None) -> tuple[Any, ...]:
        """Files, upload, method, note, columns' fold, first rows, and the columns' dropdowns."""
        note, rows = NO_FILE if source == "file" else "", ""
        names: tuple[str, ...] = ()
        try:
            if source == "ratings":
                _, note = self.training.rated_pairs()
            elif files:
                look = self.training.look(Path(files[0]))
                note, rows, names = f"{look.path.name}: {look.rows:,} rows.", look_html(look), look.fields
                columns = columns or look.columns
        except DuodeskError as error:
            say(error)
            note, files = str(error), ()
        return (
            files,
            gr.File(visible=source == "file"),
            gr.Radio(visible=source == "ratings"),
            _note(note),
            gr.Accordion(visible=bool(names), open=source == "file"),
            rows,
            *(gr.Dropdown([NONE, *names], value=getattr(columns, name, "")) for name in COLUMNS),
        )


USE_SIZE = 4 + 6 + len(FIELDS)  # what `use` returns


def plan_of(kind: RunKind, files: tuple[str, ...], base: Recipe, values: Values) -> Plan:
    """The form as a plan. Raises TrainingError for what is missing."""
    form = dict(zip(FIELDS, values, strict=True))
    for name in ("rows", "validation_share", *RECIPE, "replay_share"):
        if form[name] is None:
            raise TrainingError(f"The field '{name.replace('_', ' ')}' is empty; give it a number.")
    rated = form["source"] == "ratings"
    if not rated and not files:
        raise TrainingError(NO_FILE)
    form |= {name: int(form[name]) for name in WHOLE}
    return Plan(
        adapter=str(form["adapter"] or "").strip() if kind == "train" else "",
        kind=kind,
        method=form["method"] if rated else "sft",
        files=() if rated else files,
        columns=None if rated else Columns(**{name: form[name] or "" for name in COLUMNS}),
        choices=DataChoices(**{name: form[name] for name in CHOICES}),
        recipe=replace(base, **{name: form[name] for name in RECIPE}),
        template=form["template"] or "",
        parent=form["parent"] or None,
        replay_share=form["replay_share"],
    )


def found_recipe(run: Run) -> Recipe:
    """A run's recipe, with the learning rate that it found or the best of its trials."""
    best = next(iter(run.result.get("trials") or ()), None)
    if best:
        return replace(run.plan.recipe, learning_rate=best["learning_rate"], rank=best["rank"])
    rate = suggested(run)
    return replace(run.plan.recipe, learning_rate=rate) if rate else run.plan.recipe


def _told(progress: Any) -> Progress | None:
    """Gradio's progress as a plain function: the object itself counts as false while nothing is under way."""
    return None if progress is None else lambda share, what: progress(share, what)


def _note(text: str) -> str:
    return f'<p class="note" role="status">{html.escape(text)}</p>' if text else ""
