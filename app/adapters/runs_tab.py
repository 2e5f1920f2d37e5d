"""The Adapters page's third tab: the runs, the chosen one as it goes, and what can be done with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from app.adapters.run_html import (
    HEADS,
    comparison_html,
    result_html,
    run_row,
    samples_html,
    state_html,
    suggested,
    title,
)
from app.listing import LISTING_JS, listing
from app.widgets import say
from core.errors import DuodeskError
from core.parts import Parts
from core.training import Run

NONE_YET = '<p class="card">No run yet. Start one under “Train”.</p>'
TWO = '<p class="note">Choose two runs to see their validation losses together and how they differ.</p>'
SURE = "(id) => id && confirm('Forget this run and its checkpoints? An adapter it made stays.') ? id : ''"
LOOK_S = 2


class TrainingRuns:
    """The tab's handlers. `chosen` is the id of the run that is shown."""

    def __init__(self, parts: Parts) -> None:
        self.training = parts.training

    def show(self, chosen: str) -> tuple[Any, ...]:
        """Everything as it is now: chosen, list, state, samples, result, four buttons, and the timer."""
        runs = self.training.runs()
        ids = [run.id for run in runs]
        chosen = chosen if chosen in ids else next(iter(ids), "")
        rows = listing(HEADS, [run_row(run) for run in runs], chosen) if runs else NONE_YET
        working = any(run.status == "running" for run in runs)
        return chosen, rows, *self._one(chosen), gr.Timer(active=working)

    def open(self, chosen: str) -> tuple[Any, ...]:
        """What `show` returns, and the dropdowns for a comparison."""
        choices = [(f"{title(run)}, {run.id}", run.id) for run in self.training.runs()]
        return *self.show(chosen), gr.Dropdown(choices=choices), gr.Dropdown(choices=choices)

    def tick(self, chosen: str) -> tuple[Any, ...]:
        """What `show` returns without the chosen run: a click may have changed that meanwhile."""
        return self.show(chosen)[1:]

    def choose(self, event: gr.EventData) -> tuple[Any, ...]:
        """Another run: chosen, state, samples, result, buttons."""
        chosen = str(event._data["id"])
        return chosen, *self._one(chosen)

    def stop(self, chosen: str) -> tuple[Any, ...]:
        try:
            self.training.stop(chosen)
            gr.Info("The run ends after its present step; the best weights so far become the adapter.")
        except DuodeskError as error:
            say(error)
        return self.show(chosen)

    def resume(self, chosen: str) -> tuple[Any, ...]:
        try:
            self.training.resume(chosen)
        except DuodeskError as error:
            say(error)
        return self.show(chosen)

    def remove(self, chosen: str) -> tuple[Any, ...]:
        """Forgets what the browser asked about; an empty id: the person kept it."""
        if not chosen:
            return (gr.skip(),) * VIEW_SIZE
        try:
            self.training.remove(chosen)
        except DuodeskError as error:
            say(error)
        return self.show(chosen)

    def compare(self, first: str | None, second: str | None) -> str:
        if not first or not second:
            return TWO
        try:
            return comparison_html(self.training.run(first), self.training.run(second))
        except DuodeskError as error:
            say(error)
            return TWO

    def _one(self, chosen: str) -> tuple[Any, ...]:
        """State, samples, result, and the buttons Stop, Resume, Remove and Use."""
        try:
            run = self.training.run(chosen) if chosen else None
        except DuodeskError as error:
            say(error)
            run = None
        if run is None:
            return "", "", "", *(gr.Button(visible=False) for _ in range(4))
        use = _use_label(run)
        return (
            state_html(run),
            samples_html(run),
            result_html(run),
            gr.Button(visible=run.status == "running"),
            gr.Button(visible=_can_resume(run)),
            gr.Button(visible=run.status != "running"),
            gr.Button(use, visible=bool(use), variant="secondary" if run.plan.kind == "train" else "primary"),
        )


VIEW_SIZE = 10  # what `show` returns


def _can_resume(run: Run) -> bool:
    """A training that was stopped is complete: what was best became its adapter."""
    return run.status in ("interrupted", "failed") or (run.status == "stopped" and run.plan.kind != "train")


def _use_label(run: Run) -> str:
    """What the button says that takes a run's findings over into the form; empty: there are none."""
    if run.plan.kind == "range_test":
        return "Use it" if suggested(run) else ""
    if run.plan.kind == "sweep":
        return "Use the best" if run.result.get("trials") else ""
    return "" if run.status == "running" else "Train with the same settings"


@dataclass(frozen=True)
class RunsTab:
    """What the page wires to other tabs."""

    handlers: TrainingRuns
    chosen: Any
    view: list[Any]
    choices: list[Any]
    timer: Any
    use: Any


def build(parts: Parts) -> RunsTab:
    """Lays the tab out and wires it."""
    tab = TrainingRuns(parts)
    rows = gr.HTML(js_on_load=LISTING_JS, apply_default_css=False, elem_id="run-list")
    state = gr.HTML(apply_default_css=False, elem_id="run-state")
    result = gr.HTML(apply_default_css=False, elem_id="run-result")
    with gr.Row():
        narrow: dict[str, Any] = {"size": "md", "visible": False, "min_width": 140}
        use = gr.Button("Use it", variant="primary", elem_id="run-use", **narrow)
        stop = gr.Button("Stop", variant="stop", elem_id="run-stop", **narrow)
        resume = gr.Button("Resume", elem_id="run-resume", **narrow)
        remove = gr.Button("Remove …", elem_id="run-remove", **narrow)
    samples = gr.HTML(apply_default_css=False, elem_id="run-samples")
    with gr.Accordion("Compare two runs", open=False):
        with gr.Row():
            first = gr.Dropdown([], label="First run")
            second = gr.Dropdown([], label="Second run")
        comparison = gr.HTML(TWO, apply_default_css=False, elem_id="run-comparison")
    chosen = gr.State("")
    # Looks again only while something runs and the tab is open; a closed tab switches it off.
    timer = gr.Timer(LOOK_S, active=False)

    one = [chosen, state, samples, result, stop, resume, remove, use]
    view = [chosen, rows, *one[1:], timer]
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    rows.select(tab.choose, None, one, **quiet)
    timer.tick(tab.tick, chosen, view[1:], **quiet)
    stop.click(tab.stop, chosen, view, **quiet)
    resume.click(tab.resume, chosen, view, **quiet)
    # The browser asks; states do not reach it, so that the id goes by way of a hidden box.
    asked = gr.Textbox(visible="hidden", label="To be removed")
    remove.click(lambda run: run, chosen, asked, **quiet).then(tab.remove, asked, view, js=SURE, **quiet)
    gr.on([first.input, second.input], tab.compare, [first, second], comparison, **quiet)
    return RunsTab(tab, chosen, view, [first, second], timer, use)
