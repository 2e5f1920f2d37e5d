"""How the Study page's second tab looks: everything that is fixed before a study's first answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from app.listing import LISTING_JS
from app.study.plan_form import FIELDS, LABELS, PlanForm, first_arms
from app.study.plan_html import arms_html
from app.study.study_html import MEASURES
from app.widgets import ARM_LABELS, hide_unless_lora
from core.parts import Parts
from core.studies import Prices, StudyPlan

PAIRS = [("each two arms in turn", "all"), ("the deciding two arms alone", "deciding")]
PRICE_LABELS = {
    "million_prompt_tokens": "A million tokens read",
    "million_new_tokens": "A million tokens written",
    "machine_hour": "An hour of the machine",
    "label": "A label by a person",
    "currency": "Currency",
}
LEAKS = """<p class="warning">An arm that has seen the test questions answers partly from memory: what it gains here
it will not gain with customers. Every result of the study will say that this was allowed.</p>"""
FIXED = """<p class="note"><b>Nothing of this can be changed once the study has begun.</b> Whoever may change the
question, the measure or the number of ratings after seeing answers will find some difference somewhere, by chance
alone. For another question, copy the study and begin anew.</p>"""


@dataclass(frozen=True)
class PlanTab:
    """What the page wires to other tabs."""

    handlers: PlanForm
    opened: list[Any]  # what `PlanForm.open` takes and returns
    used: list[Any]  # what `PlanForm.use` returns, without the tab
    start: Any
    inputs: list[Any]  # what `PlanForm.start` takes
    said: Any
    questions: Any  # the box that names the question set
    look_again: Any  # looks at the questions and plans anew, as a listener's arguments
    plan_again: Any


def build(parts: Parts) -> PlanTab:
    """Lays the tab out and wires it."""
    tab, settings, fixed = PlanForm(parts), parts.settings, StudyPlan("", "", (), ("", ""))
    narrow: dict[str, Any] = {"min_width": 150}
    arms_now = first_arms(settings)
    names = [arm.name for arm in arms_now]

    gr.Markdown("### 1. What is asked")
    with gr.Row():
        name = gr.Textbox(label="Name of the study", placeholder="such as spring 2026", max_lines=1, min_width=220)
        questions = gr.Textbox(
            settings.questions,
            label="Questions: a CSV or JSONL file, a folder, or split:NAME",
            max_lines=1,
            scale=2,
            min_width=260,
            elem_id="plan-questions",
        )
        limit = gr.Number(0, label=f"{LABELS['limit']} (0: all)", minimum=0, precision=0, **narrow)
        upload = gr.UploadButton(
            "Bring a file", file_types=[".csv", ".jsonl", ".gz"], size="md", elem_id="plan-file", **narrow
        )
    looked = gr.HTML(apply_default_css=False, min_height=60, elem_id="plan-look")

    gr.Markdown("### 2. Who answers")
    rows = gr.HTML(arms_html(arms_now, ""), js_on_load=LISTING_JS, apply_default_css=False, elem_id="plan-arms")
    with gr.Row():
        cell = gr.Dropdown(
            [(label, key) for key, label in ARM_LABELS.items()],
            value="prompt",
            label="Cell of the 2×2",
            scale=2,
            min_width=280,
        )
        template = gr.Dropdown([], label="Template of the arm", **narrow)
        adapter = gr.Dropdown([], label="Adapter of the arm", visible=False, **narrow)
        model = gr.Textbox(label="Base model", placeholder="empty: the one in use", max_lines=1, **narrow)
        arm_name = gr.Textbox(label="Name of the arm", placeholder="empty: made up", max_lines=1, **narrow)
    with gr.Row():
        add = gr.Button("Add as a new arm", size="sm", **narrow)
        change = gr.Button("Change the chosen arm", size="sm", interactive=False, **narrow)
        remove = gr.Button("Remove the chosen arm", size="sm", interactive=False, **narrow)

    gr.Markdown("### 3. What decides")
    with gr.Row():
        first = gr.Dropdown(names, value="lora+prompt", label="Is this arm better …", **narrow)
        second = gr.Dropdown(names, value="prompt", label="… than this one?", **narrow)
        measure = gr.Dropdown([(MEASURES["facts"], "facts")], value="facts", label="Measured by", min_width=220)
        margin = gr.Number(100 * fixed.margin, label=f"{LABELS['margin']}, points", minimum=0, maximum=100, **narrow)
    with gr.Row():
        ratings = gr.Number(120, label=f"{LABELS['ratings']} by people (0: none)", minimum=0, precision=0, **narrow)
        pairs = gr.Dropdown(PAIRS, value=fixed.pairs, label="People compare", min_width=220)
        twice = gr.Slider(0, 100, 100 * fixed.twice, step=1, label=f"{LABELS['twice']}, %", **narrow)
        repeats = gr.Slider(0, 50, 100 * fixed.repeats, step=1, label=f"{LABELS['repeats']}, %", **narrow)
    with gr.Accordion("What things cost (0 where it does not apply)", open=False), gr.Row():
        prices = [gr.Number(0, label=label, minimum=0, **narrow) for label in list(PRICE_LABELS.values())[:-1]]
        currency = gr.Textbox(Prices().currency, label=PRICE_LABELS["currency"], max_lines=1, **narrow)
    with gr.Accordion("Seed, and leaks", open=False):
        seed = gr.Number(fixed.seed, label=f"{LABELS['seed']} of everything that is drawn", precision=0, **narrow)
        leaks = gr.Checkbox(label="Go on although an adapter or the documents hold test questions")
        gr.HTML(LEAKS)

    gr.Markdown("### 4. What it can show")
    planned = gr.HTML(apply_default_css=False, min_height=60, elem_id="plan-planning")
    gr.HTML(FIXED)
    start = gr.Button("Fix and start", variant="primary", size="md", elem_id="plan-start")
    said = gr.HTML(min_height=40, elem_id="plan-said")
    arms, chosen, look = gr.State(arms_now), gr.State(""), gr.State(None)

    shares, whole = [margin, twice, repeats], [limit, ratings, seed]
    values = [name, questions, first, second, measure, *shares, *whole, pairs, leaks, *prices, currency]
    editor = [cell, template, adapter, model]
    shown = [arms, chosen, rows, arm_name, change, remove, first, second]
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}

    look_again = {"fn": tab.look, "inputs": [questions, measure], "outputs": [look, looked, measure], **quiet}
    plan_again = {"fn": tab.planning, "inputs": [arms, look, *values], "outputs": planned, **quiet}
    gr.on([questions.submit, questions.blur], **look_again).then(**plan_again)
    brought = upload.upload(lambda file: file, upload, questions, **quiet)
    brought.then(**look_again).then(**plan_again)

    hide_unless_lora(cell, adapter)
    rows.select(tab.choose_arm, arms, [chosen, *editor, arm_name, change, remove], **quiet)
    sides = [arms, first, second]
    for button, act, inputs in (
        (add, tab.add_arm, [*sides, arm_name, *editor]),
        (change, tab.change_arm, [*sides, arm_name, chosen, *editor]),
        (remove, tab.remove_arm, [*sides, chosen]),
    ):
        button.click(act, inputs, shown, **quiet).then(**plan_again)
    typed: list[Any] = [first, second, measure, pairs]
    numbers: list[Any] = [margin, ratings, limit]
    changed = [*(control.input for control in typed), *(control.change for control in numbers)]
    changed += [twice.release, repeats.release]
    gr.on(changed, trigger_mode="always_last", **plan_again)

    used = [*shown, *(value for field, value in zip(FIELDS, values, strict=True) if field not in ("first", "second"))]
    return PlanTab(tab, [template, adapter], used, start, [arms, *values], said, questions, look_again, plan_again)
