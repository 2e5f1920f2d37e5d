"""The Chat page: one conversation with one arm at a time, streamed, with sources, thumbs and several chats."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import gradio as gr

from app.drawn_arm import DrawnArm
from app.widgets import (
    arm_picker,
    figures,
    in_line,
    owner,
    paced,
    refreshed_choices,
    say,
    sources_markdown,
    top_line,
)
from core.errors import DuodeskError, UnknownChat
from core.parts import Parts
from core.types import SPLIT, Answer, Exchange

EMPTY = """### Ask like a customer would
Answers come with the passages that were used. Every exchange is kept under Transcripts.
"""
EXAMPLES: list[Any] = [
    {"text": "How long do I have to send a bike back?"},
    {"text": "My display shows E-417, what now??"},
    {"text": "What does theft cover cost per month?"},
]

Row = tuple[Exchange, dict[str, Any]]


def rows(exchanges: Sequence[Exchange]) -> list[Row]:
    """The chatbot's messages, each with the exchange it belongs to."""
    shown: list[Row] = []
    for exchange in exchanges:
        shown.append((exchange, {"role": "user", "content": exchange.question.text}))
        answer = exchange.latest()
        if answer:
            shown.append((exchange, {"role": "assistant", "content": answer_text(answer)}))
            shown.append((exchange, details(answer, hidden=bool(exchange.chat.split))))
    return shown


def answer_text(answer: Answer) -> str:
    """What stands in an answer's bubble: its text, and how it ended when it did not end well."""
    endings = {"complete": "", "stopped": "*Stopped.*", "failed": f"**No answer.** {answer.error}"}
    return "\n\n".join(part for part in (answer.text, endings[answer.outcome]) if part) or "*Empty answer.*"


def details(answer: Answer, hidden: bool = False) -> dict[str, Any]:
    """The fold under an answer: figures in its title, sources inside. `hidden`: nothing of the arm that was drawn."""
    if hidden:
        title, without = figures(replace(answer, arm=None, prompt_tokens=0)), "No passages."
    else:
        title, without = figures(answer), "No passages: this arm answers without retrieval."
    sources = sources_markdown(answer.passages) or without
    return {"role": "assistant", "content": sources, "metadata": {"title": title, "status": "done"}}


def thumbs(exchanges: Sequence[Exchange], rater: str) -> list[str | None]:
    """This rater's thumbs, one entry an assistant message, as gradio wants them."""
    values: list[str | None] = []
    for exchange, message in rows(exchanges):
        if message["role"] == "assistant":
            answer = exchange.latest()
            given = [t.value for t in exchange.thumbs if answer and t.answer_id == answer.id and t.rater == rater]
            values.append(None if not given or "metadata" in message else "Like" if given[-1] > 0 else "Dislike")
    return values


class ChatPage:
    """The page's handlers. A chat is named by its id in the address; only its owner can open it."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.desk = parts.desk
        self.store = parts.store
        self.arms = DrawnArm(parts)

    def open(self, request: gr.Request) -> tuple[Any, ...]:
        """What the page shows at first: the chat of the address, or an empty one; arms, templates and adapters as
        now."""
        shown = self.show(request.query_params.get("chat", ""), request)
        return (*shown, self.arms.choices(), *refreshed_choices(self.parts))

    def fresh(self, request: gr.Request) -> tuple[Any, ...]:
        """A new chat: nothing is stored before its first question."""
        return self.show("", request)

    def show(self, chat_id: str, request: gr.Request) -> tuple[Any, ...]:
        """Chat list, conversation, chat id, link, an empty comment row, the question box, and the arms."""
        exchanges: list[Exchange] = []
        if chat_id:
            try:
                self._own(chat_id, request)
                self.desk.settle(chat_id)
                exchanges = self.store.exchanges(chat_id)
            except DuodeskError as error:
                say(error)
                chat_id = ""
        mine = owner(request)
        chats = [(chat.title, chat.id) for chat in self.store.chats(mine)]
        messages: list[Any] = [message for _, message in rows(exchanges)]
        return (
            gr.Radio(choices=chats, value=chat_id or None, visible=bool(chats)),
            gr.Chatbot(value=messages, feedback_value=thumbs(exchanges, mine)),
            chat_id,
            _link(chat_id if exchanges else ""),
            gr.Row(visible=False),
            gr.Textbox(submit_btn=True, stop_btn=False),
            gr.Row(visible=self.arms.may_choose(exchanges, request)),
        )

    def send(
        self, text: str, chat_id: str, name: str, template: str, adapter: str, request: gr.Request
    ) -> Iterator[tuple[Any, ...]]:
        """Asks; yields conversation, input box and chat id. Bad input leaves the box as it was."""
        try:
            text = self.desk.check_text(text)
            if chat_id:
                self._own(chat_id, request)
            drawn = self.arms.drawn(chat_id, name, request)
            arm = self.arms.answers(drawn, name, template, adapter)
            chat_id = chat_id or self.desk.open_chat(owner(request), drawn).id
            before = [message for _, message in rows(self.store.exchanges(chat_id))]
            asked = {"role": "user", "content": text}
            busy = gr.Textbox(value="", submit_btn=False, stop_btn=True)
            yield [*before, asked, _pending()], busy, chat_id
            for answer in paced(self.desk.ask(chat_id, text, arm)):
                yield [*before, asked, _growing(answer)], gr.skip(), chat_id
        except DuodeskError as error:
            say(error)
            yield gr.skip(), gr.Textbox(value=text, submit_btn=True, stop_btn=False), chat_id

    def retry(
        self, chat_id: str, name: str, template: str, adapter: str, request: gr.Request
    ) -> Iterator[tuple[Any, Any]]:
        """Answers the last question again, with the arm that is chosen now, or that was drawn for the chat."""
        before = [message for _, message in rows(self.store.exchanges(chat_id)[:-1])]
        asked = self.store.exchanges(chat_id)[-1].question.text
        arm = self.arms.answers(self.arms.drawn(chat_id, name, request), name, template, adapter)
        answers = self.desk.regenerate(chat_id, arm)
        yield from self._again(chat_id, before, asked, answers, request)

    def edit(
        self, chat_id: str, name: str, template: str, adapter: str, event: gr.EditData, request: gr.Request
    ) -> Iterator[tuple[Any, Any]]:
        """Asks a changed question; what followed it is withdrawn but stays on record."""
        shown = rows(self.store.exchanges(chat_id))
        at = int(event.index)  # type: ignore[arg-type]
        exchange, _ = shown[at]
        before = [message for _, message in shown[:at]]
        arm = self.arms.answers(self.arms.drawn(chat_id, name, request), name, template, adapter)
        answers = self.desk.edit(exchange.question.id, chat_id, event.value, arm)
        yield from self._again(chat_id, before, event.value, answers, request, typed=event.value)

    def _again(
        self,
        chat_id: str,
        before: list[dict[str, Any]],
        asked: str,
        answers: Iterator[Answer],
        request: gr.Request,
        typed: str = "",
    ) -> Iterator[tuple[Any, Any]]:
        """What was typed goes into the box if it cannot be asked."""
        question = {"role": "user", "content": asked}
        try:
            self._own(chat_id, request)
            yield [*before, question, _pending()], gr.Textbox(submit_btn=False, stop_btn=True)
            for answer in paced(answers):
                yield [*before, question, _growing(answer)], gr.skip()
        except DuodeskError as error:
            say(error)
            kept: dict[str, Any] = {"value": typed} if typed else {}
            yield gr.skip(), gr.Textbox(submit_btn=True, stop_btn=False, **kept)

    def undo(self, chat_id: str, request: gr.Request) -> str:
        """Takes the last exchange back and puts its question into the box."""
        try:
            self._own(chat_id, request)
            return self.desk.undo(chat_id)
        except DuodeskError as error:
            say(error)
            return ""

    def like(self, chat_id: str, event: gr.LikeData, request: gr.Request) -> tuple[Any, ...]:
        """Stores a thumb and offers a comment on it. Returns answer id, thumb and the comment row."""
        self._own(chat_id, request)
        exchange, _ = rows(self.store.exchanges(chat_id))[int(event.index)]  # type: ignore[arg-type]
        answer = exchange.latest()
        if answer is None:
            return "", 0, gr.Row(visible=False)
        value = 1 if event.liked is True or event.liked == "Like" else -1
        self.desk.rate(answer.id, owner(request), value)
        return answer.id, value, gr.Row(visible=True)

    def comment(self, answer_id: str, value: int, text: str, request: gr.Request) -> tuple[Any, ...]:
        """Adds a comment to the thumb just given."""
        self.desk.rate(answer_id, owner(request), value, text)
        gr.Info("Your comment is kept with the answer.")
        return gr.Row(visible=False), ""

    def _own(self, chat_id: str, request: gr.Request) -> None:
        chat = self.store.chat(chat_id)
        # A comparison shown as a chat would tell its arms.
        if chat.kind != "chat":
            raise UnknownChat("This is a comparison; open it on the Compare page.")
        if chat.owner != owner(request):
            raise UnknownChat("This chat belongs to another visitor; its record is on the Transcripts page.")


def _example(event: gr.SelectData) -> str:
    return str(event.value["text"])


def _pending() -> dict[str, Any]:
    return {"role": "assistant", "content": in_line(0)}


def _growing(answer: Answer) -> dict[str, Any]:
    """An answer that is still being written; its outcome is only meaningful at the end."""
    return {"role": "assistant", "content": answer.text or answer.error or in_line(answer.place)}


def _link(chat_id: str) -> str:
    if not chat_id:
        return ""
    return f'<p class="note"><a href="/transcripts?chat={chat_id}">Transcript of this chat</a></p>'


def build(parts: Parts, blocks: Any) -> None:
    """Lays the page out and wires it."""
    page = ChatPage(parts)
    top_line(parts, blocks)
    with gr.Row():
        with gr.Column(scale=1, min_width=230):
            new = gr.Button("New chat")
            chats = gr.Radio([], label="Your chats", elem_classes="chat-list", visible=False)
        with gr.Column(scale=4, min_width=340):
            with gr.Row() as arms:
                arm = arm_picker(parts)
            conversation = gr.Chatbot(
                show_label=False,
                height="55vh",
                placeholder=EMPTY,
                examples=EXAMPLES,
                editable="user",
                buttons=["copy"],
                latex_delimiters=[],
                feedback_options=("Like", "Dislike"),
                elem_id="conversation",
            )
            with gr.Row(visible=False) as remark:
                comment = gr.Textbox(label="What was good or bad about it?", scale=4, max_lines=3)
                save = gr.Button("Save comment", size="sm", scale=1)
            question = gr.Textbox(
                label="Question",
                show_label=False,
                placeholder="Type a customer's question; Enter sends it",
                submit_btn=True,
                max_lines=8,
                autofocus=True,
                elem_id="question",
            )
            link = gr.HTML()
    chat_id = gr.Textbox(visible="hidden", label="Chat")
    rated, thumb = gr.State(""), gr.State(0)

    view = [chats, conversation, chat_id, link, remark, question, arms]
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    many: dict[str, Any] = {**quiet, "concurrency_limit": None}
    address = "(id) => history.replaceState(null, '', location.pathname + (id ? `?chat=${id}` : ''))"

    asking = question.submit(page.send, [question, chat_id, *arm.inputs], [conversation, question, chat_id], **many)
    trying = conversation.example_select(_example, None, question, **quiet).then(
        page.send, [question, chat_id, *arm.inputs], [conversation, question, chat_id], **many
    )
    retrying = conversation.retry(page.retry, [chat_id, *arm.inputs], [conversation, question], **many)
    editing = conversation.edit(page.edit, [chat_id, *arm.inputs], [conversation, question], **many)
    answering = [asking, trying, retrying, editing]
    for event in answering:
        event.then(page.show, chat_id, view, **quiet).then(None, chat_id, js=address, **quiet)
    question.stop(None, cancels=answering, **quiet).then(page.show, chat_id, view, **quiet)
    conversation.undo(page.undo, chat_id, question, **quiet).then(page.show, chat_id, view, **quiet)
    conversation.like(page.like, chat_id, [rated, thumb, remark], **quiet)
    gr.on([save.click, comment.submit], page.comment, [rated, thumb, comment], [remark, comment], **quiet)
    chats.input(page.show, chats, view, **quiet).then(None, chat_id, js=address, **quiet)
    new.click(page.fresh, None, view, **quiet).then(None, chat_id, js=address, **quiet)
    arm.name.change(lambda name: gr.Dropdown(visible=name != SPLIT), arm.name, arm.template, **quiet)
    blocks.load(page.open, None, [*view, arm.name, arm.template, arm.adapter], **quiet)
