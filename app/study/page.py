"""The Study page: studies, planning a new one, its verdict, and live chats. Pairs are rated on a page of their own."""

from __future__ import annotations

from typing import Any

import gradio as gr

from app.study import plan_tab, split_tab, studies_tab, verdict_tab
from app.widgets import top_line
from core.parts import Parts


def build(parts: Parts, blocks: Any) -> None:
    """Lays the tabs out and wires them to each other."""
    top_line(parts, blocks)
    chosen = gr.State("")  # the id of the study that all tabs are about
    with gr.Tabs(elem_id="study-page-tabs") as tabs:
        with gr.Tab("Studies", id="list") as list_open:
            listed = studies_tab.build(parts, chosen)
        with gr.Tab("New study", id="new") as new_open:
            form = plan_tab.build(parts)
        with gr.Tab("Verdict", id="verdict") as verdict_open:
            told = verdict_tab.build(parts, chosen)
        with gr.Tab("Live split", id="split") as split_open:
            live = split_tab.build(parts)

    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}

    blocks.load(form.handlers.open, form.opened, form.opened, **quiet)
    # Every tab shows the state of things when it is opened, also by a button of another tab, and the first one when
    # the page is opened. Only an open list of studies keeps looking.
    list_open.select(listed.handlers.show, chosen, listed.view, **quiet)
    opened = new_open.select(form.handlers.open, form.opened, form.opened, **quiet)
    opened.then(**form.look_again).then(**form.plan_again)
    told.show(verdict_open.select(told.handlers.open, chosen, told.study, **quiet).then)
    live.opened(split_open.select)
    left = [new_open.select, verdict_open.select, split_open.select]
    gr.on(left, lambda: gr.Timer(active=False), None, listed.timer, **quiet)

    listed.verdict.click(lambda: gr.Tabs(selected="verdict"), None, tabs, **quiet)
    taken = live.taken.click(live.questions, live.chosen, form.questions, **quiet)
    taken.then(lambda: gr.Tabs(selected="new"), None, tabs, **quiet)
    listed.copy.click(form.handlers.use, chosen, [tabs, *form.used], **quiet)
    form.start.click(
        form.handlers.start,
        form.inputs,
        [chosen, tabs, form.said],
        show_progress_on=form.said,
        api_visibility="private",
    )
