"""The Adapters page's first tab: which adapters there are, how each was made, and what can be done with them."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from app.adapters.card_html import Card, best_loss, card_html, comparison_html, loss, method, parent, rounds, when
from app.listing import LISTING_JS, Row, listing
from app.widgets import DOWNLOAD, say
from core.adapter_card import known_card
from core.errors import AdapterError, DuodeskError, ModelError
from core.parts import Parts

HEADS = ("Adapter", "Made (UTC)", "Base model", "Rounds", "Validation loss", "Method", "Parent")
NONE_YET = '<p class="card">No adapter yet. Train one under “Train”, or import one below.</p>'
TWO = '<p class="note">Choose two adapters to see how they differ.</p>'
SURE = "(name) => name && confirm(`Delete the adapter '${name}' for good?`) ? name : ''"


class AdapterList:
    """The tab's handlers. `chosen` is the name of the adapter whose card is open."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.adapters = parts.adapters

    def show(self, chosen: str) -> tuple[Any, ...]:
        """Everything as it is now: chosen, list, card, name box, actions, the dropdowns and what they compare."""
        names = self.adapters.names()
        preferred = self.parts.settings.adapter
        chosen = chosen if chosen in names else preferred if preferred in names else next(iter(names), "")
        rows = [self._row(name) for name in names]
        return (
            chosen,
            listing(HEADS, rows, chosen) if rows else NONE_YET,
            card_html(chosen, *self._known(chosen)) if chosen else "",
            chosen,
            gr.Column(visible=bool(chosen)),
            gr.Dropdown(choices=names, value=None),
            gr.Dropdown(choices=names, value=None),
            TWO,
        )

    def choose(self, event: gr.EventData) -> tuple[str, str, str]:
        """Another adapter: chosen, card, name box."""
        name = str(event._data["id"])
        return name, card_html(name, *self._known(name)), name

    def rename(self, chosen: str, new_name: str) -> tuple[Any, ...]:
        try:
            self.adapters.rename(chosen, new_name.strip())
        except DuodeskError as error:
            say(error)
            return (gr.skip(),) * VIEW_SIZE
        gr.Info(f"The adapter '{chosen}' is now called '{new_name.strip()}'.")
        return self.show(new_name.strip())

    def delete(self, chosen: str) -> tuple[Any, ...]:
        """Deletes what the browser asked about; an empty name: the person kept it."""
        if not chosen:
            return (gr.skip(),) * VIEW_SIZE
        try:
            self.adapters.delete(chosen)
        except DuodeskError as error:
            say(error)
            return (gr.skip(),) * VIEW_SIZE
        gr.Info(f"The adapter '{chosen}' is deleted.")
        return self.show("")

    def export(self, chosen: str, folder: str) -> str | None:
        """The adapter as a zip file in a folder of its own."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        try:
            return str(self.adapters.export(chosen, Path(tempfile.mkdtemp(dir=folder))))
        except DuodeskError as error:
            say(error)
            return None

    def import_(self, file: str | None, name: str) -> tuple[Any, ...]:
        """Takes an uploaded zip file. Returns file, name box, show."""
        try:
            if not file:
                raise AdapterError("There is no file yet; choose a zip file of a PEFT folder first.")
            taken = self.adapters.import_(Path(file), name.strip() or Path(file).stem)
        except DuodeskError as error:
            say(error)
            return (gr.skip(),) * (VIEW_SIZE + 2)
        gr.Info(f"The adapter '{taken}' is there; Chat and Compare can choose it.")
        return None, "", *self.show(taken)

    def compare(self, first: str | None, second: str | None) -> str:
        if not first or not second:
            return TWO
        return comparison_html(first, second, (self._known(first)[0], self._known(second)[0]))

    def _known(self, name: str) -> tuple[Card, str]:
        """What can be shown of an adapter's card, and why it cannot be used, if so."""
        card: Card = {}
        try:
            card = known_card(self.adapters.card(name))
            self.parts.model.adapter_hash(name)
        except ModelError:
            pass  # without a base model nothing fits; the top line says so
        except DuodeskError as error:
            return card, str(error)
        return card, ""

    def _row(self, name: str) -> Row:
        card, problem = self._known(name)
        cells = (
            name,
            when(card.get("made_at")).removesuffix(" UTC"),
            str(card.get("model") or "unknown"),
            rounds(card),
            loss(best_loss(card)),
            method(card),
            parent(card),
        )
        return Row(name, cells, "trained on leaks" if card.get("leaks_kept") else "", problem)


VIEW_SIZE = 8  # what `show` returns


@dataclass(frozen=True)
class AdapterListTab:
    """What the page wires to other tabs."""

    handlers: AdapterList
    chosen: Any
    view: list[Any]


def build(parts: Parts) -> AdapterListTab:
    """Lays the tab out and wires it."""
    tab = AdapterList(parts)
    rows = gr.HTML(js_on_load=LISTING_JS, apply_default_css=False, elem_id="adapter-list")
    with gr.Row():
        with gr.Column(scale=3, min_width=320):
            card = gr.HTML(apply_default_css=False, elem_id="adapter-card")
        with gr.Column(scale=1, min_width=240, visible=False) as actions:
            new_name = gr.Textbox(label="Name of the adapter", max_lines=1, elem_id="adapter-name")
            rename = gr.Button("Rename", size="md")
            export = gr.Button("Export as zip", size="md")
            delete = gr.Button("Delete …", size="md", variant="stop")
    with gr.Accordion("Compare two adapters", open=False):
        with gr.Row():
            first = gr.Dropdown([], label="First adapter")
            second = gr.Dropdown([], label="Second adapter")
        comparison = gr.HTML(apply_default_css=False, elem_id="adapter-comparison")
    with gr.Accordion("Import an adapter", open=False):
        gr.HTML('<p class="note">A zip file of a LoRA adapter as PEFT saves it, made for the base model in use.</p>')
        file = gr.File(label="Zip file", file_types=[".zip"], height=130, elem_id="adapter-file")
        with gr.Row():
            import_name = gr.Textbox(
                label="Its name here", placeholder="empty: the file's name", max_lines=1, scale=3, min_width=200
            )
            take = gr.Button("Import", size="md", scale=1, min_width=140)
    chosen = gr.State("")

    view = [chosen, rows, card, new_name, actions, first, second, comparison]
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    rows.select(tab.choose, None, [chosen, card, new_name], **quiet)
    gr.on([rename.click, new_name.submit], tab.rename, [chosen, new_name], view, **quiet)
    # The browser asks; states do not reach it, so that the name goes by way of a hidden box.
    asked = gr.Textbox(visible="hidden", label="To be deleted")
    delete.click(lambda name: name, chosen, asked, **quiet).then(tab.delete, asked, view, js=SURE, **quiet)
    take.click(tab.import_, [file, import_name], [file, import_name, *view], **quiet)
    gr.on([first.input, second.input], tab.compare, [first, second], comparison, **quiet)
    download = gr.DownloadButton(elem_id="export-adapter", visible="hidden")
    written = export.click(lambda name: tab.export(name, download.GRADIO_CACHE), chosen, download, **quiet)
    written.then(None, None, js=DOWNLOAD.format(id="export-adapter"), **quiet)
    return AdapterListTab(tab, chosen, view)
