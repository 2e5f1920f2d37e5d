"""The Study page's last tab: live chats shared out between arms, and what their customers made of them."""

from __future__ import annotations

import html
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from app.listing import LISTING_JS, Row, listing
from app.study import split_form
from app.study.plan_html import problem_html
from app.widgets import DOWNLOAD, account_of, moment, say
from core.accounts import may
from core.errors import DuodeskError
from core.parts import Parts
from core.splits import FROM_SPLIT, SPLIT_EXPORTS, Split, SplitExport
from core.types import now

HEADS = ("Split", "State", "Shares", "Visitors", "Chats", "Began (UTC)")
NONE_YET = """<p class="card">No split yet. A split shares new chats out between arms by chance, so that customers' own
thumbs say which arm serves them better.</p>"""
OWNERS = "Only an owner may begin or end a split; ask one to do it."
SURE = "(id) => id && confirm('End this split before its time? Its intervals stay wider than planned.') ? id : ''"
IN_TURN: dict[str, Any] = {"concurrency_id": "verdict", "concurrency_limit": 1, "api_visibility": "private"}


class SplitTab:
    """The tab's handlers. `chosen` is the id of the split that is shown."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.splits = parts.splits

    def show(self, chosen: str, request: gr.Request) -> tuple[Any, ...]:
        """Chosen, list, and what can be done: End, the questions, the exports, and the form."""
        try:
            splits = self.splits.all()
            rows = [self._row(split) for split in splits]
        except DuodeskError as error:
            say(error)
            splits, rows = [], []
        one = next((split for split in splits if split.id == chosen), next(iter(splits), None))
        chosen = one.id if one else ""
        running = any(split.runs(now()) for split in splits)
        return (
            chosen,
            listing(HEADS, rows, chosen) if rows else NONE_YET,
            *_buttons(one, _is_owner(request)),
            gr.Accordion(visible=_is_owner(request), open=not splits, label=_form_label(running)),
        )

    def choose(self, event: gr.EventData, request: gr.Request) -> tuple[Any, ...]:
        """Another split: chosen, and the buttons."""
        chosen = str(event._data["id"])
        one = next((split for split in self.splits.all() if split.id == chosen), None)
        return chosen, *_buttons(one, _is_owner(request))

    def report(self, chosen: str) -> str:
        """What the split found so far, which may take seconds to compute."""
        if not chosen:
            return ""
        try:
            return self.splits.report_html(chosen)
        except DuodeskError as error:
            return problem_html(str(error))

    def start(self, chosen: str, request: gr.Request, *values: Any) -> tuple[str, str]:
        """Begins what the form says. Returns the split to show, and what is said below the form."""
        if not _is_owner(request):
            gr.Warning(OWNERS)
            return chosen, problem_html(OWNERS)
        try:
            split = self.splits.start(split_form.plan_of(values))
        except DuodeskError as error:
            say(error)
            return chosen, problem_html(str(error))
        return split.id, f'<p class="note" role="status">{html.escape(_begun(split))}</p>'

    def end(self, chosen: str, request: gr.Request) -> None:
        """Ends the split that the browser asked about; an empty id: the person let it run."""
        if not chosen:
            return
        if not _is_owner(request):
            gr.Warning(OWNERS)
            return
        try:
            self.splits.end(chosen)
        except DuodeskError as error:
            say(error)

    def questions(self, chosen: str) -> Any:
        """The split's questions as a plan names them."""
        split = next((one for one in self.splits.all() if one.id == chosen), None)
        return f"{FROM_SPLIT}{split.plan.name}" if split else gr.skip()

    def export(self, kind: SplitExport, chosen: str, folder: str) -> str | None:
        """The split's chats as a file, in a folder of its own; None when there is none."""
        if not chosen:
            return None
        Path(folder).mkdir(parents=True, exist_ok=True)
        try:
            return str(self.splits.export(chosen, kind, Path(tempfile.mkdtemp(dir=folder))))
        except DuodeskError as error:
            say(error)
            return None

    def _row(self, split: Split) -> Row:
        counts = self.splits.counts(split.id).values()
        state = f"runs until {moment(split.end)}" if split.runs(now()) else f"ended {moment(split.end)}"
        cells = (
            split.plan.name,
            state.removesuffix(" UTC"),
            ", ".join(f"{arm.name} {arm.share:g}%" for arm in split.plan.arms),
            f"{sum(one.visitors for one in counts):,}",
            f"{sum(one.chats for one in counts):,}",
            moment(split.started_at).removesuffix(" UTC"),
        )
        return Row(split.id, cells)


def _is_owner(request: gr.Request) -> bool:
    """Anybody where nobody signs in."""
    account = account_of(request)
    return account is None or may(account.role, "owner")


def _buttons(one: Split | None, owner: bool) -> tuple[Any, ...]:
    """End, compute anew, the questions, and the exports."""
    there = gr.Button(visible=one is not None)
    return gr.Button(visible=bool(one and one.runs(now()) and owner)), *[there] * (2 + len(SPLIT_EXPORTS))


def _form_label(running: bool) -> str:
    return "Begin another split (the one that runs must end first)" if running else "Begin a split"


def _begun(split: Split) -> str:
    return (
        f"The split '{split.plan.name}' runs until {moment(split.end)}; new chats get the arm that is drawn for them."
    )


@dataclass(frozen=True)
class SplitTabParts:
    """What the page wires to other tabs: `opened` shows all when an event opens the tab; `taken` is the button that
    takes the questions over, and `questions` gives them from `chosen`."""

    opened: Callable[[Any], None]
    taken: Any
    questions: Callable[[str], Any]
    chosen: Any


def build(parts: Parts) -> SplitTabParts:
    """Lays the tab out and wires it."""
    tab = SplitTab(parts)
    chosen = gr.State("")
    rows = gr.HTML(js_on_load=LISTING_JS, apply_default_css=False, elem_id="split-list")
    with gr.Row():
        narrow: dict[str, Any] = {"size": "sm", "visible": False, "min_width": 140}
        end = gr.Button("End now …", variant="stop", elem_id="split-end", **narrow)
        refresh = gr.Button("Compute anew", elem_id="split-refresh", **narrow)
        taken = gr.Button("Its questions in a study", elem_id="split-questions", **narrow)
        exports = {
            kind: gr.Button(f"Chats ({kind.upper()})", elem_id=f"split-export-{kind}", **narrow)
            for kind in SPLIT_EXPORTS
        }
    report = gr.HTML(apply_default_css=False, min_height=60, elem_id="split-report")
    with gr.Accordion("Begin a split", open=False, visible=False, elem_id="split-form") as fold:
        form = split_form.build(parts)
        said = gr.HTML(min_height=40, elem_id="split-said")

    buttons = [end, refresh, taken, *exports.values()]
    view = [chosen, rows, *buttons, fold]
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}

    def computed(event: Any) -> None:
        event.then(tab.report, chosen, report, show_progress="minimal", **IN_TURN)

    def show(event: Any) -> None:
        computed(event(tab.show, chosen, view, **quiet))

    def opened(event: Any) -> None:
        event(lambda: split_form.choices_now(parts), None, form.choices, **quiet)
        show(event)

    computed(rows.select(tab.choose, None, [chosen, *buttons], **quiet))
    show(refresh.click)
    begun = form.start.click(
        tab.start, [chosen, *form.inputs], [chosen, said], show_progress_on=said, api_visibility="private"
    )
    show(begun.then)
    # The browser asks; states do not reach it, so that the id goes by way of a hidden box.
    asked = gr.Textbox(visible="hidden", label="To be ended")
    confirmed = end.click(lambda split: split, chosen, asked, **quiet)
    show(confirmed.then(tab.end, asked, None, js=SURE, **quiet).then)
    for kind, button in exports.items():
        file = gr.DownloadButton(elem_id=f"split-{kind}", visible="hidden")

        def export(split_id: str, kind: SplitExport = kind, file: Any = file):
            return tab.export(kind, split_id, file.GRADIO_CACHE)

        written = button.click(export, chosen, file, show_progress="minimal", **IN_TURN)
        written.then(None, None, js=DOWNLOAD.format(id=f"split-{kind}"), **quiet)
    return SplitTabParts(opened, taken, tab.questions, chosen)
