"""The Transcripts page: find what was asked and answered, see how each answer was made, take it elsewhere."""

from __future__ import annotations

import html
import tempfile
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import gradio as gr

from app.transcript_html import details, table
from app.widgets import ARM_LABELS, DOWNLOAD, account_of, owner, say, top_line
from core.accounts import may
from core.comparison import veil
from core.errors import DuodeskError
from core.export import to_csv, to_jsonl
from core.parts import Parts
from core.types import Exchange, Outcome, TranscriptFilter

PAGE_ROWS = 50
ANY = ("any", "")
NOTHING_YET = "No conversation yet. Ask something on the <a href='/'>Chat page</a>."
NOTHING_FOUND = "Nothing matches. Use fewer filters, or clear them all."
CHOOSE = '<p class="note">Choose a question to see how its answers were made.</p>'
EXPORT_NOTE = """<p class="note">Export what the filters show: <b>JSONL</b> for programs (fine-tuning, grading, all
fields of every answer), <b>CSV</b> for a spreadsheet (one row an answer).</p>"""
KIND_LABELS: dict[str, str] = {
    "email": "e-mail addresses",
    "iban": "IBANs",
    "card": "card numbers",
    "phone": "phone numbers",
    "ip": "IP addresses",
    "address": "postal addresses",
}
OUTCOMES: list[Outcome] = ["complete", "stopped", "failed"]

# A click anywhere in a row chooses it; the question is a button, so that the keyboard can do the same.
TABLE_JS = """
element.addEventListener("click", (event) => {
  const button = event.target.closest("tr")?.querySelector("button[data-question]");
  if (!button) return;
  element.querySelectorAll("[aria-current]").forEach((other) => other.removeAttribute("aria-current"));
  button.closest("tr").setAttribute("aria-current", "true");
  trigger("select", { chat: button.dataset.chat, question: button.dataset.question });
});
"""
DETAILS_JS = """
element.addEventListener("click", async (event) => {
  const leaving = event.target.closest("button[data-forget]");
  if (leaving && confirm(leaving.dataset.confirm)) trigger("select", { chat: leaving.dataset.forget });
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  const address = new URL(button.dataset.copy, location.href).href;
  try { await navigator.clipboard.writeText(address); button.textContent = "Copied"; }
  catch { prompt("Copy this link:", address); }
});
"""
TO_DETAILS = """() => setTimeout(() => {
  const details = document.querySelector("#details .details");
  details?.focus({ preventScroll: true });
  details?.scrollIntoView({ block: "start" });
}, 50)"""


def wanted(
    text: str, arm: str, template: str, adapter: str, outcome: str, rated: str, since: str, until: str, chat: str
) -> TranscriptFilter:
    """The filter that the controls describe; `since` and `until` are days in UTC, both included."""
    return TranscriptFilter(
        text=(text or "").strip(),
        arm=next((name for name in ARM_LABELS if name == arm), None),
        template=template or "",
        adapter=adapter or "",
        outcome=next((name for name in OUTCOMES if name == outcome), None),
        rated={"yes": True, "no": False}.get(rated),
        since=_day(since),
        until=_day(until, days_later=1),
        chat_id=(chat or "").strip(),
    )


def _day(text: str | None, days_later: int = 0) -> datetime | None:
    if not (text or "").strip():
        return None
    try:
        day = datetime.strptime(str(text).strip(), "%Y-%m-%d").replace(tzinfo=UTC)
        return day + timedelta(days=days_later)
    except (ValueError, OverflowError) as error:
        raise DuodeskError(f"The date '{text}' cannot be read; write it as 2026-01-31.") from error


class TranscriptsPage:
    """The page's handlers. `filters` are the controls' values, in the order of `wanted`."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.store = parts.store

    def open(self, request: gr.Request) -> tuple[Any, ...]:
        """The chat of the address alone, or everything; templates and adapters as they are now."""
        chat = request.query_params.get("chat", "")
        shown = self.show(0, "", "", "", "", "", "", "", "", chat)
        named = (self.parts.templates.names(), self.parts.model.adapters())
        choices = (gr.Dropdown(choices=[ANY, *names], value="") for names in named)
        return (*choices, chat, gr.Accordion(open=bool(chat)), self.personal_data(), *shown)

    def personal_data(self) -> str:
        """What happens to it here, in one line."""
        settings, counts = self.parts.settings, self.store.privacy.counts()
        replaced = ", ".join(f"{KIND_LABELS.get(kind, kind)} {count:,}" for kind, count in counts.items())
        told = [f"Replaced before it was stored: {replaced or 'nothing so far'}."]
        if settings.redaction != "on":
            told = ["Personal data is stored as it was written."]
        if settings.keep_days:
            told.append(f"Chats are removed {settings.keep_days:,} days after their last message.")
        return f'<p class="note">Personal data: {html.escape(" ".join(told))}</p>'

    def show(self, page: int, *filters: str) -> tuple[Any, ...]:
        """One page of rows. Returns page number, table, summary, and the buttons to the pages beside it."""
        try:
            asked = wanted(*filters)
            total = self.store.count(asked)
            page = max(0, min(page, (total - 1) // PAGE_ROWS))
            found = [veil(exchange) for exchange in self.store.search(asked, page * PAGE_ROWS, PAGE_ROWS)]
        except DuodeskError as error:
            say(error)
            return (page, *[gr.skip()] * 4)
        start = page * PAGE_ROWS
        return (
            page,
            table(found) if found else _empty(asked),
            f'<p class="note" role="status">{start + 1} to {start + len(found)} of {total:,}, newest first</p>'
            if found
            else "",
            gr.Button(visible=page > 0),
            gr.Button(visible=start + PAGE_ROWS < total),
        )

    def choose(self, event: gr.EventData) -> str:
        """The details of the row that was chosen."""
        chosen = event._data
        try:
            of_chat = self.store.search(TranscriptFilter(chat_id=chosen["chat"]))
        except DuodeskError as error:
            say(error)
            return CHOOSE
        found = next((exchange for exchange in of_chat if exchange.question.id == chosen["question"]), None)
        return details(veil(found)) + self._way_out(chosen["chat"]) if found else CHOOSE

    def _way_out(self, chat_id: str) -> str:
        """The button that removes what this visitor has said. The visitor is looked up again when it is pressed."""
        _, chats = self.parts.forgetting.visitor_of(chat_id)
        ask = f"Delete all {chats:,} chats of this visitor for good, also from training rounds and exports?"
        return (
            f'<p class="details"><button type="button" data-forget="{html.escape(chat_id)}" '
            f'data-confirm="{html.escape(ask)}">Delete this visitor\'s data…</button></p>'
        )

    def forget(self, event: gr.EventData, request: gr.Request) -> str:
        """Removes the data of the visitor whose chat is shown, and says what is left to do. Owners alone may."""
        account = account_of(request)
        if account and not may(account.role, "owner"):
            gr.Warning("Only an owner may remove a visitor's data; ask one to do it.")
            return gr.skip()
        try:
            visitor, _ = self.parts.forgetting.visitor_of(event._data["chat"])
            done = self.parts.forgetting.forget(visitor, owner(request))
        except DuodeskError as error:
            say(error)
            return CHOOSE
        return "".join(f'<p class="card" role="status">{html.escape(told)}</p>' for told in done.sentences())

    def export(
        self, write: Callable[[Iterable[Exchange]], Iterator[str]], name: str, encoding: str, folder: str, *filters: str
    ) -> str | None:
        """Writes all that the filters find to a file of its own in `folder`; None when they find nothing."""
        try:
            found = self.store.search(wanted(*filters))
        except DuodeskError as error:
            say(error)
            return None
        if not found:
            gr.Info("There is nothing to export: the filters find no conversation.")
            return None
        Path(folder).mkdir(parents=True, exist_ok=True)
        file = Path(tempfile.mkdtemp(dir=folder)) / name
        with file.open("w", encoding=encoding, newline="") as out:
            out.writelines(write(map(veil, found)))
        return str(file)


def _empty(asked: TranscriptFilter) -> str:
    return f'<p class="card">{NOTHING_YET if asked == TranscriptFilter() else NOTHING_FOUND}</p>'


def build(parts: Parts, blocks: Any) -> None:
    """Lays the page out and wires it."""
    page = TranscriptsPage(parts)
    top_line(parts, blocks)
    narrow: dict[str, Any] = {"min_width": 150}
    search = gr.Textbox(
        label="Search in questions and answers", placeholder="Enter searches", submit_btn="Search", max_lines=1
    )
    with gr.Accordion("Filters", open=False) as fold:
        with gr.Row():
            arm = gr.Dropdown([ANY, *((name, name) for name in ARM_LABELS)], value="", label="Arm", **narrow)
            template = gr.Dropdown([ANY], value="", label="Template", allow_custom_value=True, **narrow)
            adapter = gr.Dropdown([ANY], value="", label="Adapter", allow_custom_value=True, **narrow)
            outcome = gr.Dropdown([ANY, *((name, name) for name in OUTCOMES)], value="", label="Outcome", **narrow)
            rated = gr.Dropdown([ANY, "yes", "no"], value="", label="Rated", **narrow)
        with gr.Row():
            since = gr.Textbox(label="From day (UTC)", placeholder="2026-01-31", max_lines=1, **narrow)
            until = gr.Textbox(label="To day (UTC)", placeholder="2026-01-31", max_lines=1, **narrow)
            chat = gr.Textbox(label="Only the chat with this identifier", max_lines=1, scale=2, min_width=200)
            clear = gr.Button("Clear all filters", size="md", min_width=120)
    summary = gr.HTML()
    rows = gr.HTML(js_on_load=TABLE_JS, apply_default_css=False, elem_id="rows")
    with gr.Row():
        newer = gr.Button("Newer", size="sm", visible=False)
        older = gr.Button("Older", size="sm", visible=False)
    personal_data = gr.HTML()
    chosen = gr.HTML(CHOOSE, js_on_load=DETAILS_JS, apply_default_css=False, elem_id="details")
    gr.HTML(EXPORT_NOTE)
    with gr.Row():
        buttons = {name: gr.Button(f"Export {name}", size="sm", min_width=120) for name in ("JSONL", "CSV")}
    number = gr.State(0)

    filters = [search, arm, template, adapter, outcome, rated, since, until, chat]
    view = [number, rows, summary, newer, older]
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}

    def first(*values: str):
        return page.show(0, *values)

    blocks.load(page.open, None, [template, adapter, chat, fold, personal_data, *view], **quiet)
    changes = [search.submit, *(typed.submit for typed in (since, until, chat))]
    changes += [typed.blur for typed in (since, until, chat)]
    changes += [picked.input for picked in (arm, template, adapter, outcome, rated)]
    gr.on(changes, first, filters, view, **quiet, trigger_mode="always_last")
    emptied = clear.click(lambda: [""] * len(filters), None, filters, **quiet)
    emptied.then(first, filters, view, **quiet)
    newer.click(lambda at, *values: page.show(at - 1, *values), [number, *filters], view, **quiet)
    older.click(lambda at, *values: page.show(at + 1, *values), [number, *filters], view, **quiet)
    rows.select(page.choose, None, chosen, **quiet).then(None, None, js=TO_DETAILS, **quiet)
    chosen.select(page.forget, None, chosen, **quiet).then(first, filters, view, **quiet)
    for name, write, encoding in (("JSONL", to_jsonl, "utf-8"), ("CSV", to_csv, "utf-8-sig")):
        file = gr.DownloadButton(elem_id=f"export-{name.lower()}", visible="hidden")

        def export(*values: str, write: Any = write, name: str = name, encoding: str = encoding, file: Any = file):
            return page.export(write, f"transcripts.{name.lower()}", encoding, file.GRADIO_CACHE, *values)

        written = buttons[name].click(export, filters, file, **quiet)
        written.then(None, None, js=DOWNLOAD.format(id=f"export-{name.lower()}"), **quiet)
