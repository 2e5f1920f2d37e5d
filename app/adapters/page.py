"""The Adapters page: which adapters there are, training new ones, and watching that."""

from __future__ import annotations

from typing import Any

import gradio as gr

from app.adapters import adapters_tab, runs_tab, train_tab
from app.adapters.train_form import PROGRESS
from app.widgets import top_line
from core.parts import Parts
from core.training import RunKind


def build(parts: Parts, blocks: Any) -> None:
    """Lays the three tabs out and wires them to each other."""
    top_line(parts, blocks)
    with gr.Tabs(elem_id="adapters-tabs") as tabs:
        with gr.Tab("Adapters", id="list") as list_open:
            listed = adapters_tab.build(parts)
        with gr.Tab("Train", id="train") as train_open:
            form = train_tab.build(parts, blocks)
        with gr.Tab("Runs", id="runs") as runs_open:
            runs = runs_tab.build(parts)

    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    choices = [form.template, form.parent]
    shown = [*runs.view, *runs.choices]
    blocks.load(listed.handlers.show, listed.chosen, listed.view, **quiet)
    blocks.load(form.handlers.open, choices, choices, **quiet)
    # Every tab shows the state of things when it is opened; only an open list of runs keeps looking.
    list_open.select(listed.handlers.show, listed.chosen, listed.view, **quiet)
    train_open.select(form.handlers.open, choices, choices, **quiet)
    runs_open.select(runs.handlers.open, runs.chosen, shown, **quiet)
    gr.on([list_open.select, train_open.select], lambda: gr.Timer(active=False), None, runs.timer, **quiet)

    for kind, button in form.buttons.items():

        def start(files: tuple[str, ...], base: Any, progress: Any = PROGRESS, *values: Any, kind: RunKind = kind):
            return form.handlers.start(kind, files, base, progress, values)

        begun = button.click(
            start, form.inputs, [runs.chosen, tabs, form.said], show_progress_on=form.said, api_visibility="private"
        )
        begun.then(runs.handlers.open, runs.chosen, shown, **quiet)
    runs.use.click(form.handlers.use, runs.chosen, [tabs, *form.used], **quiet)
