"""The Compare page: one question, two arms side by side, open or blind.

Before a blind vote the browser gets two plain texts and nothing else: no arm, no figures, no sources.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import gradio as gr

from app.voting import choice_of, opinions, read_opinions, vote_buttons
from app.widgets import answer_card, arm_picker, in_line, owner, paced, refreshed_choices, say, spec, top_line
from core.comparison import Sides
from core.errors import DuodeskError, UnknownChat
from core.parts import Parts

EMPTY = "### {side}\nAsk a question below; both arms answer it."


def side(turns: Sequence[Sides], left: bool, pending: bool = False) -> list[dict[str, Any]]:
    """One side's conversation as chatbot messages."""
    shown: list[dict[str, Any]] = []
    for turn in turns:
        nothing = in_line(turn.place) if pending and turn is turns[-1] else "*No answer.*"
        shown.append({"role": "user", "content": turn.question})
        shown.append({"role": "assistant", "content": (turn.left if left else turn.right) or nothing})
    return shown


class ComparePage:
    """The page's handlers. A comparison is named by its id in the address, which says nothing of its sides."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.comparisons = parts.comparisons

    def open(self, request: gr.Request) -> tuple[Any, ...]:
        """The comparison of the address, or an empty page; templates and adapters as they are now."""
        choices = refreshed_choices(self.parts)
        return (*self.show(request.query_params.get("chat", ""), request), *choices, *choices)

    def fresh(self, request: gr.Request) -> tuple[Any, ...]:
        """An empty page: the next question opens a new comparison."""
        return self.show("", request)

    def pick(self, chat_id: str, request: gr.Request, mode: str, *picked: str) -> Sequence[Any]:
        """An empty page when another arm or mode was picked; a dropdown that is only passed by Tab changes nothing."""
        chat = self.parts.store.chat(chat_id) if chat_id else None
        specs = (spec(*picked[:3]), spec(*picked[3:]))
        same = chat is None or (chat.kind == mode and chat.specs == specs)
        return [gr.skip()] * 6 if same else self.fresh(request)

    def show(self, chat_id: str, request: gr.Request) -> tuple[Any, ...]:
        """Left, right, chat id, vote row, result, question box: whatever may be shown of a comparison now."""
        turns: list[Sides] = []
        locked = False
        result = ""
        if chat_id:
            try:
                self._own(chat_id, request)
                self.parts.desk.settle(chat_id)
                turns = self.comparisons.turns(chat_id)
                chat = self.parts.store.chat(chat_id)
                locked = chat.locked
                if turns and turns[-1].rateable and (locked or chat.kind == "open"):
                    result = self._cards(chat_id, voted=locked)
            except DuodeskError as error:
                say(error)
                chat_id = ""
        ready = bool(turns) and turns[-1].rateable and not locked
        return (
            side(turns, left=True),
            side(turns, left=False),
            chat_id,
            gr.Column(visible=ready),
            result,
            gr.Textbox(interactive=not locked, placeholder=_placeholder(locked), submit_btn=True, stop_btn=False),
        )

    def ask(
        self,
        text: str,
        chat_id: str,
        mode: str,
        first_name: str,
        first_template: str,
        first_adapter: str,
        second_name: str,
        second_template: str,
        second_adapter: str,
        request: gr.Request,
    ) -> Iterator[tuple[Any, ...]]:
        """Asks both arms; yields left, right, chat id, question box, which gets the question back if it failed."""
        try:
            text = self.parts.desk.check_text(text)
            if chat_id:
                self._own(chat_id, request)
            else:
                first = spec(first_name, first_template, first_adapter)
                second = spec(second_name, second_template, second_adapter)
                chat_id = self.comparisons.open(owner(request), first, second, blind=mode == "blind").id
            before = self.comparisons.turns(chat_id)
            asked = [*before, Sides(text, "", "")]
            busy = gr.Textbox(value="", submit_btn=False, stop_btn=True)
            yield side(asked, True, pending=True), side(asked, False, pending=True), chat_id, busy
            for sides in paced(self.comparisons.ask(chat_id, text)):
                now = [*before, sides]
                yield side(now, True, pending=True), side(now, False, pending=True), chat_id, gr.skip()
            if sides.problem:
                gr.Warning(sides.problem)
                yield gr.skip(), gr.skip(), chat_id, gr.Textbox(value=text)
        except DuodeskError as error:
            say(error)
            yield gr.skip(), gr.skip(), chat_id, gr.Textbox(value=text, submit_btn=True, stop_btn=False)

    def vote(self, label: str, request: gr.Request, chat_id: str, *opinions: Any) -> None:
        """Records the vote of the button with this label."""
        try:
            self._own(chat_id, request)
            self.comparisons.vote(chat_id, owner(request), choice_of(label), *read_opinions(*opinions))
        except DuodeskError as error:
            say(error)

    def _cards(self, chat_id: str, voted: bool) -> str:
        left, right = self.comparisons.reveal(chat_id)
        head = "<p class='note'>Your vote is locked. This is who was who:</p>" if voted else ""
        return f'{head}<div class="cards">{answer_card(left, "Left")}{answer_card(right, "Right")}</div>'

    def _own(self, chat_id: str, request: gr.Request) -> None:
        chat = self.parts.store.chat(chat_id)
        if chat.kind == "chat":
            raise UnknownChat("This is a chat, not a comparison; open it on the Chat page.")
        if chat.owner != owner(request):
            raise UnknownChat("This comparison belongs to another visitor; its record is on the Transcripts page.")


def _placeholder(locked: bool) -> str:
    return "Closed by your vote; start a new comparison" if locked else "Type a customer's question; Enter sends it"


def build(parts: Parts, blocks: Any) -> None:
    """Lays the page out and wires it."""
    page = ComparePage(parts)
    top_line(parts, blocks)
    with gr.Row():
        mode = gr.Radio(
            [("Blind: who is who after the vote", "blind"), ("Open: names shown", "open")],
            value="blind",
            label="Mode",
            scale=3,
        )
        new = gr.Button("New comparison", size="sm", scale=1)
    with gr.Row():
        first = arm_picker(parts, "prompt", "One arm")
    with gr.Row():
        second = arm_picker(parts, "lora", "The other arm")
    with gr.Row():
        left = gr.Chatbot(label="Left", height="42vh", placeholder=EMPTY.format(side="Left"), **_bare())
        right = gr.Chatbot(label="Right", height="42vh", placeholder=EMPTY.format(side="Right"), **_bare())
    with gr.Column(visible=False) as voting:
        buttons = vote_buttons()
        said = opinions()
    result = gr.HTML()
    question = gr.Textbox(
        label="Question",
        show_label=False,
        submit_btn=True,
        max_lines=8,
        autofocus=True,
        placeholder=_placeholder(False),
    )
    chat_id = gr.Textbox(visible="hidden", label="Chat")

    view = [left, right, chat_id, voting, result, question]
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    address = "(id) => history.replaceState(null, '', location.pathname + (id ? `?chat=${id}` : ''))"

    asking = question.submit(
        page.ask,
        [question, chat_id, mode, *first.inputs, *second.inputs],
        [left, right, chat_id, question],
        concurrency_limit=None,
        **quiet,
    )
    asking.then(page.show, chat_id, view, **quiet).then(None, chat_id, js=address, **quiet)
    question.stop(None, cancels=[asking], **quiet).then(page.show, chat_id, view, **quiet)
    for button in buttons:
        voted = button.click(page.vote, [button, chat_id, *said.inputs], None, **quiet)
        voted.then(page.show, chat_id, view, **quiet).then(lambda: said.blank, None, said.inputs, **quiet)
    # Another arm or mode means another comparison: the one on the page keeps the arms it was opened with.
    picked = [mode, *first.inputs, *second.inputs]
    for control in picked:
        control.input(page.pick, [chat_id, *picked], view, **quiet).then(None, chat_id, js=address, **quiet)
    new.click(page.fresh, None, view, **quiet).then(None, chat_id, js=address, **quiet)
    blocks.load(page.open, None, [*view, first.template, first.adapter, second.template, second.adapter], **quiet)


def _bare() -> dict[str, Any]:
    """Both sides alike, without anything that could tell them apart."""
    return {"buttons": [], "latex_delimiters": []}
