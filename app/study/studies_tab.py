"""The Study page's first tab: which studies there are, where the chosen one stands, and what can be done with it."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import Any

import gradio as gr

from app.listing import LISTING_JS, listing
from app.study.study_html import HEADS, state_html, study_row
from app.widgets import say
from core.errors import DuodeskError
from core.parts import Parts
from core.studies import StudyView

NONE_YET = '<p class="card">No study yet. Plan one under “New study”.</p>'
SURE = "(id) => id && confirm('Remove this study with its answers and all its ratings for good?') ? id : ''"
LOOK_S = 2


class StudyList:
    """The tab's handlers. `chosen` is the id of the study that is shown."""

    def __init__(self, parts: Parts) -> None:
        self.studies = parts.studies

    def show(self, chosen: str) -> tuple[Any, ...]:
        """Everything as it is now: chosen, list, state, link for raters, buttons, and the timer."""
        views = self._views()
        ids = [view.study.id for view in views]
        chosen = chosen if chosen in ids else next(iter(ids), "")
        rows = listing(HEADS, [study_row(view) for view in views], chosen) if views else NONE_YET
        working = any(view.study.status == "running" for view in views)
        one = next((view for view in views if view.study.id == chosen), None)
        return chosen, rows, *_one(one), gr.Timer(active=working)

    def tick(self, chosen: str) -> tuple[Any, ...]:
        """What `show` returns without the chosen study: a click may have changed that meanwhile."""
        return self.show(chosen)[1:]

    def choose(self, event: gr.EventData) -> tuple[Any, ...]:
        """Another study: chosen, state, link for raters, buttons."""
        chosen = str(event._data["id"])
        try:
            return chosen, *_one(self.studies.view(chosen))
        except DuodeskError as error:
            say(error)
            return chosen, *_one(None)

    def start(self, chosen: str) -> tuple[Any, ...]:
        return self._do(self.studies.start, chosen)

    def stop(self, chosen: str) -> tuple[Any, ...]:
        return self._do(self.studies.stop, chosen)

    def remove(self, chosen: str) -> tuple[Any, ...]:
        """Removes what the browser asked about; an empty id: the person kept it."""
        return self._do(self.studies.remove, chosen) if chosen else (gr.skip(),) * VIEW_SIZE

    def _do(self, act: Any, chosen: str) -> tuple[Any, ...]:
        try:
            act(chosen)
        except DuodeskError as error:
            say(error)
        return self.show(chosen)

    def _views(self) -> list[StudyView]:
        try:
            return self.studies.views()
        except DuodeskError as error:
            say(error)
            return []


VIEW_SIZE = 11  # what `show` returns


def _one(view: StudyView | None) -> tuple[Any, ...]:
    """State, link for raters, and the buttons Start, Stop, Rate, Verdict, Copy and Remove."""
    if view is None:
        return "", "", *(gr.Button(visible=False) for _ in range(6))
    status = view.study.status
    can_start = status in ("planned", "stopped", "interrupted", "failed")
    return (
        state_html(view),
        _link(view),
        gr.Button("Start" if status == "planned" else "Resume", visible=can_start),
        gr.Button(visible=status == "running"),
        gr.Button(visible=view.ratings.planned > 0, link=_address(view)),
        gr.Button(visible=True),
        gr.Button(visible=True),
        gr.Button(visible=status != "running"),
    )


def _link(view: StudyView) -> str:
    """Where raters are sent: that page shows them pairs and nothing of the study."""
    if not view.ratings.planned:
        return ""
    address = html.escape(_address(view))
    return f'<p class="note">For raters, who see the pairs alone: <a href="{address}" target="_blank">{address}</a></p>'


def _address(view: StudyView) -> str:
    return f"/rate?study={view.study.id}"


@dataclass(frozen=True)
class StudiesTab:
    """What the page wires to other tabs."""

    handlers: StudyList
    view: list[Any]
    timer: Any
    verdict: Any
    copy: Any


def build(parts: Parts, chosen: Any) -> StudiesTab:
    """Lays the tab out and wires it; `chosen` holds the id of the page's study."""
    tab = StudyList(parts)
    rows = gr.HTML(js_on_load=LISTING_JS, apply_default_css=False, elem_id="study-list")
    state = gr.HTML(apply_default_css=False, elem_id="study-state")
    link = gr.HTML(elem_id="study-link")
    with gr.Row():
        narrow: dict[str, Any] = {"size": "md", "visible": False, "min_width": 120}
        start = gr.Button("Start", variant="primary", elem_id="study-start", **narrow)
        stop = gr.Button("Stop", variant="stop", elem_id="study-stop", **narrow)
        rate = gr.Button("Rate", elem_id="study-rate", **narrow)
        verdict = gr.Button("Verdict", elem_id="study-verdict", **narrow)
        copy = gr.Button("Copy as new", elem_id="study-copy", **narrow)
        remove = gr.Button("Remove …", elem_id="study-remove", **narrow)
    # Looks again only while something runs and the tab is open; a closed tab switches it off.
    timer = gr.Timer(LOOK_S, active=False)

    one = [chosen, state, link, start, stop, rate, verdict, copy, remove]
    view = [chosen, rows, *one[1:], timer]
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    rows.select(tab.choose, None, one, **quiet)
    timer.tick(tab.tick, chosen, view[1:], **quiet)
    start.click(tab.start, chosen, view, **quiet)
    stop.click(tab.stop, chosen, view, **quiet)
    # The browser asks; states do not reach it, so that the id goes by way of a hidden box.
    asked = gr.Textbox(visible="hidden", label="To be removed")
    remove.click(lambda study: study, chosen, asked, **quiet).then(tab.remove, asked, view, js=SURE, **quiet)
    return StudiesTab(tab, view, timer, verdict, copy)
