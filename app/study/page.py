"""The Study page: studies, planning a new one, rating its pairs blind, and its verdict."""

from __future__ import annotations

from typing import Any

import gradio as gr

from app.study import plan_tab, rate_tab, studies_tab, verdict_tab
from app.widgets import top_line
from core.parts import Parts


def build(parts: Parts, blocks: Any) -> None:
    """Lays the four tabs out and wires them to each other."""
    top_line(parts)
    with gr.Tabs(elem_id="study-page-tabs") as tabs:
        with gr.Tab("Studies", id="list") as list_open:
            listed = studies_tab.build(parts)
        with gr.Tab("New study", id="new") as new_open:
            form = plan_tab.build(parts)
        with gr.Tab("Rate", id="rate") as rate_open:
            rating = rate_tab.build(parts)
        with gr.Tab("Verdict", id="verdict") as verdict_open:
            told = verdict_tab.build(parts)

    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    choices = [rating.study, *rating.view]

    def opened(request: gr.Request) -> tuple[Any, ...]:
        """The list of studies; at the address of raters the pairs alone, since the rest would bias them."""
        rated = request.query_params.get("rate")
        if rated:
            shown = (gr.skip(),) * len(listed.view)
            return *shown, gr.Tabs(selected="rate"), *rating.handlers.open_link(rated, request)
        return *listed.handlers.show(""), *[gr.skip()] * (1 + len(choices))

    blocks.load(opened, None, [*listed.view, tabs, *choices], **quiet)

    def show_list(event: Any) -> Any:
        return event(listed.handlers.show, listed.chosen, listed.view, **quiet)

    def show_form(event: Any) -> None:
        opened = event(form.handlers.open, form.opened, form.opened, **quiet)
        opened.then(**form.look_again).then(**form.plan_again)

    def show_pair(event: Any, study: Any) -> None:
        event(rating.handlers.open, [study, listed.chosen], choices, **quiet)

    def show_verdict(event: Any, study: Any) -> None:
        told.show(event(told.handlers.open, [study, listed.chosen], told.study, **quiet).then)

    # Every tab shows the state of things when it is opened; only an open list of studies keeps looking.
    show_list(list_open.select)
    show_form(new_open.select)
    show_pair(rate_open.select, rating.study)
    show_verdict(verdict_open.select, told.study)
    left = [new_open.select, rate_open.select, verdict_open.select]
    gr.on(left, lambda: gr.Timer(active=False), None, listed.timer, **quiet)

    # The list's buttons are about the study that is chosen there.
    show_pair(listed.rate.click(lambda: gr.Tabs(selected="rate"), None, tabs, **quiet).then, listed.chosen)
    show_verdict(listed.verdict.click(lambda: gr.Tabs(selected="verdict"), None, tabs, **quiet).then, listed.chosen)
    copied = listed.copy.click(form.handlers.use, listed.chosen, [tabs, *form.used], **quiet)
    copied.then(**form.look_again).then(**form.plan_again)
    begun = form.start.click(
        form.handlers.start,
        form.inputs,
        [listed.chosen, tabs, form.said],
        show_progress_on=form.said,
        api_visibility="private",
    )
    show_list(begun.then)
