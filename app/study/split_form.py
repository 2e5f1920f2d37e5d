"""The form that begins a split: which arms get which share of the visitors, and for how long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import gradio as gr

from app.study.plan_form import arm_of
from app.widgets import ARM_LABELS, hide_unless_lora
from core.errors import SplitError
from core.parts import Parts
from core.splits import SplitArm, SplitPlan
from core.types import now

ROWS = 3  # of arms; more can be named in the terminal
DAYS, MARGIN = 14, 5
FIRST = ("prompt", "lora+prompt", "")
SHARES = (50, 50, 0)
LABELS = ("The arm in use", "Compared with it", "And another one")
NONE: tuple[str, str] = ("none", "")
FIXED = """<p class="note">From then on each visitor gets one arm by chance and keeps it, and Chat does not tell which.
<b>Nothing of this can be changed while the split runs</b>: other shares or another arm need a new split. A template or
adapter that is changed meanwhile is a new arm, from which moment on nothing counts.</p>"""


@dataclass(frozen=True)
class SplitForm:
    """`inputs` go to `plan_of` in their order; `choices` are the dropdowns that `choices_now` fills."""

    inputs: list[Any]
    choices: list[Any]
    start: Any


def build(parts: Parts) -> SplitForm:
    """Lays the form out."""
    narrow: dict[str, Any] = {"min_width": 130}
    with gr.Row():
        name = gr.Textbox(label="Name of the split", placeholder="such as spring 2026", max_lines=1, min_width=220)
        days = gr.Number(DAYS, label="Days", minimum=0, **narrow)
        margin = gr.Number(MARGIN, label="Difference that matters, points", minimum=0, maximum=100, **narrow)
    arms: list[Any] = []
    choices: list[Any] = []
    cells = [(label, name) for name, label in ARM_LABELS.items()]
    for place in range(ROWS):
        with gr.Row():
            known = cells if place < 2 else [NONE, *cells]
            cell = gr.Dropdown(known, value=FIRST[place], label=LABELS[place], scale=2, min_width=260)
            template = gr.Dropdown(
                parts.templates.names(), value=parts.settings.template, label=f"Template {place + 1}", **narrow
            )
            adapter = gr.Dropdown(
                parts.adapters.names(),
                value=parts.settings.adapter,
                label=f"Adapter {place + 1}",
                visible=FIRST[place].startswith("lora"),
                **narrow,
            )
            model = gr.Textbox(label=f"Base model {place + 1}", placeholder="the one in use", max_lines=1, **narrow)
            share = gr.Number(SHARES[place], label=f"Share {place + 1}, %", minimum=0, maximum=100, **narrow)
        arms += [cell, template, adapter, model, share]
        choices += [template, adapter]
        hide_unless_lora(cell, adapter)
    gr.HTML(FIXED)
    start = gr.Button("Begin the split", variant="primary", size="md", elem_id="split-start")
    return SplitForm([name, days, margin, *arms], choices, start)


def choices_now(parts: Parts) -> list[Any]:
    """Templates and adapters as they are now, for every row."""
    return [gr.Dropdown(choices=parts.templates.names()), gr.Dropdown(choices=parts.adapters.names())] * ROWS


def plan_of(values: Sequence[Any]) -> SplitPlan:
    """The form as a plan; an arm without a cell is left out. Raises SplitError for what is missing."""
    name, days, margin, *cells = values
    if days is None or margin is None:
        raise SplitError("Say how many days the split runs, and which difference matters.")
    arms: list[SplitArm] = []
    for place in range(ROWS):
        cell, template, adapter, model, share = cells[5 * place : 5 * place + 5]
        if cell:
            arm = arm_of("", (cell, template, adapter, model), [one.name for one in arms])
            arms.append(SplitArm(arm.name, arm.spec, float(share or 0)))
    until = now() + timedelta(days=min(days, 10_000))
    return SplitPlan(str(name or "").strip(), tuple(arms), until, margin / 100)
