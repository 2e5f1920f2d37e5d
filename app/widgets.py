"""What several pages share: the top line, the arm picker, the visitor's identity, and answers as HTML."""

from __future__ import annotations

import hashlib
import html
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import quote

import gradio as gr

from app.access.gate import ACCOUNT
from app.access.rules import PAGES
from app.access.visitor import OWNER_COOKIE
from core.accounts import Account, may
from core.errors import DuodeskError
from core.parts import Parts
from core.types import ARM_NAMES, Answer, Arm, ArmName, ArmSpec, Passage, Turn

PAINT_S = 0.1
# A download button hands out the file it has when it is clicked: a hidden one is clicked once it has it.
DOWNLOAD = "() => setTimeout(() => document.getElementById('{id}').click(), 100)"

Growing = TypeVar("Growing")

ARM_LABELS: dict[ArmName, str] = {
    "prompt": "prompt: template + passages",
    "lora": "lora: fine-tuned adapter",
    "lora+prompt": "lora+prompt: both",
    "bare": "bare: base model alone",
}


def owner(request: Any) -> str:
    """Who is asking: the account, or else a digest of this browser's cookie, so that records and exports do not hold
    the cookie itself. Of a browser that keeps no cookies each opened page is somebody else."""
    account = account_of(request)
    if account:
        return str(account.name)
    own = str(request.cookies.get(OWNER_COOKIE) or request.session_hash)
    return hashlib.sha256(own.encode()).hexdigest()[:16]


def account_of(request: gr.Request) -> Account | None:
    """The account that is signed in, None where nobody needs to be."""
    return request.request.scope.get(ACCOUNT) if request.request else None


def top_line(parts: Parts, blocks: Any) -> None:
    """The line on top of every page: name, company, state of the model, who is signed in, theme switch."""

    def shown(request: gr.Request) -> tuple[str, gr.Timer]:
        return _top_line(parts, account_of(request)), gr.Timer(_look_again_s(parts))

    gr.Navbar(main_page_name="Chat")
    line = gr.HTML(_top_line(parts), padding=False)
    timer = gr.Timer(_look_again_s(parts))
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    gr.on([blocks.load, timer.tick], shown, None, [line, timer], **quiet)


def _look_again_s(parts: Parts) -> int:
    """The model loads and documents are indexed behind the first page; once both are there little changes, and each
    look of each open page costs."""
    return 30 if parts.model.state == parts.retriever.state == "ready" else 3


def _top_line(parts: Parts, account: Account | None = None) -> str:
    state = parts.model.state
    index = parts.retriever.state
    failed = state.startswith("failed")
    kind = "failed" if failed else "ready" if state == index == "ready" else "waiting"
    shown = f"model {state}" if index == "ready" else f"model {state}, {index}"
    return (
        '<div class="topline"><span class="brand">Duodesk '
        f'<span class="company">for {html.escape(parts.settings.company)}</span></span>'
        f'<span class="state"><span><span class="dot {kind}"></span>{html.escape(shown)}</span>{_signed_in(account)}'
        '<button id="theme-switch" type="button" aria-label="Switch between light and dark">◐</button></span></div>'
    )


def _signed_in(account: Account | None) -> str:
    """Who is signed in with the way out, and no links to pages that the account may not open."""
    if account is None:
        return ""
    closed = [f'nav a[href$="/{page}"]' for page, role in PAGES.items() if page and not may(account.role, role)]
    hidden = f"<style>{', '.join(closed)} {{ display: none; }}</style>" if closed else ""
    return (
        f'{hidden}<form method="post" action="/logout">{html.escape(account.name)} '
        '<button class="sign-out">Sign out</button></form>'
    )


@dataclass(frozen=True)
class ArmPicker:
    """Three dropdowns that choose an arm. `inputs` go to a handler, `spec` makes an ArmSpec of their values."""

    name: Any
    template: Any
    adapter: Any

    @property
    def inputs(self) -> list[Any]:
        return [self.name, self.template, self.adapter]


def arm_picker(parts: Parts, arm: ArmName = "prompt", label: str = "Arm") -> ArmPicker:
    """The dropdowns, with choices as they are when the page opens; the adapter hides when the arm takes none."""
    name = gr.Dropdown(
        [(text, key) for key, text in ARM_LABELS.items()], value=arm, label=label, scale=2, min_width=280
    )
    template = gr.Dropdown(parts.templates.names(), value=parts.settings.template, label="Template")
    adapters, usual = parts.model.adapters(), parts.settings.adapter
    adapter = gr.Dropdown(
        adapters,
        value=usual if usual in adapters else next(iter(adapters), usual),
        label="Adapter",
        allow_custom_value=True,
        visible=arm.startswith("lora"),
    )
    hide_unless_lora(name, adapter)
    return ArmPicker(name, template, adapter)


def hide_unless_lora(cell: gr.Dropdown, adapter: gr.Dropdown) -> None:
    """Shows the adapter only while the chosen cell of the 2x2 takes one."""
    cell.change(
        lambda chosen: gr.Dropdown(visible=chosen.startswith("lora")),
        cell,
        adapter,
        show_progress="hidden",
        api_visibility="private",
    )


def refreshed_choices(parts: Parts) -> tuple[Any, Any]:
    """Templates and adapters as they are now, for a page that opens."""
    return gr.Dropdown(choices=parts.templates.names()), gr.Dropdown(choices=parts.model.adapters())


def spec(name: str, template: str, adapter: str | None) -> ArmSpec:
    """The picked arm."""
    known = next((arm for arm in ARM_NAMES if arm == name), ARM_NAMES[0])
    picked = ArmSpec(known, template, adapter)
    return picked if picked.uses_adapter else ArmSpec(known, template)


def say(error: DuodeskError) -> None:
    """Shows a person what went wrong, without losing what they typed."""
    gr.Warning(str(error))


def paced(growing: Iterable[Growing]) -> Iterator[Growing]:
    """What a page paints of something that grows: at most one state in PAINT_S seconds, and always the last.

    A browser that gets every token of a fast model falls behind, and a click on Stop comes too late.
    """
    painted, shown = float("-inf"), True
    for state in growing:
        shown = time.monotonic() - painted >= PAINT_S
        if shown:
            yield state
            painted = time.monotonic()
    if not shown:
        yield state


def in_line(place: int) -> str:
    """What stands where an answer will be: its place in line, where it has one."""
    if place > 1:
        return f"In line, {place - 1} before you …"
    return "In line, you are next …" if place else "…"


def figures(answer: Answer) -> str:
    """One line about an answer: who, how fast, how much."""
    parts = [arm_line(answer.arm)] if answer.arm else []
    if answer.first_token_s is not None:
        parts.append(f"first token {answer.first_token_s:.2f} s")
    parts.append(f"total {answer.total_s:.2f} s")
    if answer.prompt_tokens:
        parts.append(f"{answer.prompt_tokens} + {answer.new_tokens} tokens")
    if answer.outcome != "complete":
        parts.append(answer.outcome)
    return " · ".join(parts)


def arm_line(arm: Arm) -> str:
    """An arm in a few words."""
    adapter = f", adapter {arm.adapter}" if arm.adapter else ""
    return f"{arm.name} (template {arm.template} v{arm.template_version}{adapter})"


def source_link(passage: Passage) -> str:
    """The address that opens a passage's document at the passage."""
    return f"/source/{quote(passage.source)}?start={passage.start}&length={len(passage.text)}#passage"


def sources_markdown(passages: Sequence[Passage]) -> str:
    """A numbered list of links to the passages."""
    lines = (f"{i}. [{_plain(p.title)}]({source_link(p)})" for i, p in enumerate(passages, 1))
    return "\n".join(lines)


def _plain(text: str) -> str:
    """A heading as the words of a link in Markdown."""
    return html.escape(text.replace("[", "(").replace("]", ")"), quote=False)


def answer_card(answer: Answer, heading: str) -> str:
    """An answer's arm, figures and sources as an HTML card."""
    rows = []
    if answer.arm:
        arm = answer.arm
        rows += [
            ("arm", arm.name),
            ("template", f"{arm.template} v{arm.template_version}"),
            ("adapter", f"{arm.adapter} ({arm.adapter_hash})" if arm.adapter else "none"),
            ("base model", f"{arm.model} ({arm.model_hash})"),
        ]
    rows.append(("figures", figures(answer).split(" · ", 1)[-1]))
    listed = "".join(f"<dt>{name}</dt><dd>{html.escape(value)}</dd>" for name, value in rows)
    links = "".join(
        f'<li><a href="{html.escape(source_link(p))}" target="_blank">{html.escape(p.title)}</a></li>'
        for p in answer.passages
    )
    sources = f"<p class='note'>Sources</p><ol>{links}</ol>" if links else ""
    return f'<div class="card"><h3>{html.escape(heading)}</h3><dl>{listed}</dl>{sources}</div>'


def prompt_html(messages: Sequence[Turn]) -> str:
    """Messages exactly as the model gets them, each under its role; space and line breaks are kept."""
    return "".join(f"<h4>{turn.role}</h4><pre>{html.escape(turn.text)}</pre>" for turn in messages)


def moment(when: datetime) -> str:
    """A moment to the minute, in UTC."""
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def duration(seconds: float) -> str:
    """'2 h 05 min', '3 min 20 s' or '12 s'."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def progress_bar(share: float) -> str:
    """How far something is, from 0 to 1."""
    return (
        '<div class="progress" role="progressbar" aria-label="Progress" aria-valuemin="0" aria-valuemax="100" '
        f'aria-valuenow="{100 * share:.0f}"><i style="width: {100 * share:.1f}%"></i></div>'
    )
