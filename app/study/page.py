"""The Study page: studies, planning a new one, rating its pairs blind, and its verdict."""

from __future__ import annotations

from typing import Any

import gradio as gr

from app.study import plan_tab, rate_tab, studies_tab, verdict_tab
from app.widgets import top_line
from core.parts import Parts


def build(parts: Parts, blocks: Any) -> None:
    """Lays the four tabs out and wires them to each other."""
    top_line(parts, blocks)
    chosen = gr.State("")  # the id of the study that all tabs are about
    with gr.Tabs(elem_id="study-page-tabs") as tabs:
        with gr.Tab("Studies", id="list") as list_open:
            listed = studies_tab.build(parts, chosen)
        with gr.Tab("New study", id="new") as new_open:
            form = plan_tab.build(parts)
        with gr.Tab("Rate", id="rate") as rate_open:
            rating = rate_tab.build(parts, chosen)
        with gr.Tab("Verdict", id="verdict") as verdict_open:
            told = verdict_tab.build(parts, chosen)

    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}

    def open_page(request: gr.Request) -> tuple[Any, ...]:
        """The address of raters opens the pairs alone: the rest would tell them what is compared."""
        if _sent_to_rate(request):
            return gr.Tabs(selected="rate"), gr.skip(), gr.skip()
        return gr.skip(), *form.handlers.open(None, None)

    def show_list(study_id: str, request: gr.Request) -> tuple[Any, ...]:
        if _sent_to_rate(request):
            return (gr.skip(),) * len(listed.view)
        return listed.handlers.show(study_id)

    def show_pair(study_id: str, request: gr.Request) -> tuple[Any, ...]:
        sent = _sent_to_rate(request)
        return rating.handlers.open_link(sent, request) if sent else rating.handlers.open(study_id, request)

    blocks.load(open_page, None, [tabs, *form.opened], **quiet)
    # Every tab shows the state of things when it is opened, also by a button of another tab, and the first one when
    # the page is opened. Only an open list of studies keeps looking.
    list_open.select(show_list, chosen, listed.view, **quiet)
    opened = new_open.select(form.handlers.open, form.opened, form.opened, **quiet)
    opened.then(**form.look_again).then(**form.plan_again)
    rate_open.select(show_pair, chosen, [rating.study, *rating.view], **quiet)
    told.show(verdict_open.select(told.handlers.open, chosen, told.study, **quiet).then)
    left = [new_open.select, rate_open.select, verdict_open.select]
    gr.on(left, lambda: gr.Timer(active=False), None, listed.timer, **quiet)

    listed.rate.click(lambda: gr.Tabs(selected="rate"), None, tabs, **quiet)
    listed.verdict.click(lambda: gr.Tabs(selected="verdict"), None, tabs, **quiet)
    listed.copy.click(form.handlers.use, chosen, [tabs, *form.used], **quiet)
    form.start.click(
        form.handlers.start,
        form.inputs,
        [chosen, tabs, form.said],
        show_progress_on=form.said,
        api_visibility="private",
    )


def _sent_to_rate(request: gr.Request) -> str:
    """The study in the address that raters are sent, '' for everybody else."""
    return str(request.query_params.get("rate", ""))
