"""How the Adapters page's second tab looks: three steps from the data to a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from app.adapters.train_form import COLUMNS, NOT_YET, TrainingForm
from core.parts import Parts
from core.training import Recipe, RunKind

SOURCES = [("Transcripts of the demo company", "demo"), ("A file of mine", "file"), ("Ratings given here", "ratings")]
METHODS = [("DPO: of two answers, the better one", "dpo"), ("KTO: each answer good or bad", "kto")]
DUPLICATES = [("keep the first of each group", "remove"), ("keep them all", "keep")]
LEAKS = [
    ("do not train at all", "refuse"),
    ("leave these rows out", "remove"),
    ("keep them and mark the adapter", "keep"),
]
FILE_TYPES = [".csv", ".tsv", ".jsonl", ".json", ".gz"]
COLUMN_LABELS = {
    "messages": "Whole conversation",
    "question": "Customer's message",
    "answer": "Agent's answer",
    "topic": "Topic",
    "split": "Split ('train' is used)",
}
BUTTONS: tuple[tuple[RunKind, str, str], ...] = (
    ("train", "Train", "makes the adapter; you can stop at any time and keep the best so far"),
    ("range_test", "Find a learning rate", "a short test that raises it step by step; makes no adapter"),
    ("sweep", "Sweep", "tries several learning rates and ranks and drops the weak ones early; makes no adapter"),
)


@dataclass(frozen=True)
class TrainTab:
    """What the page wires to other tabs."""

    handlers: TrainingForm
    template: Any
    parent: Any
    used: list[Any]  # what `TrainingForm.use` returns, without the tab
    buttons: dict[RunKind, Any]
    inputs: list[Any]  # what `TrainingForm.start` takes: files, base, values
    said: Any


def build(parts: Parts, blocks: Any) -> TrainTab:
    """Lays the tab out and wires it."""
    tab = TrainingForm(parts)
    narrow: dict[str, Any] = {"min_width": 150}

    gr.Markdown("### 1. What to learn from")
    source = gr.Radio(SOURCES, value="demo", label="Data", show_label=False, elem_id="train-source")
    upload = gr.File(
        label="CSV or JSONL file",
        file_types=FILE_TYPES,
        height=130,
        visible=False,
        elem_id="train-file",
    )
    method = gr.Radio(METHODS, value="dpo", label="Method", visible=False, elem_id="train-method")
    note = gr.HTML(elem_id="train-note")
    with gr.Accordion("Columns and first rows", open=False, visible=False, elem_id="train-columns") as fold:
        gr.HTML('<p class="note">Guessed; please check. Either a whole conversation, or a message and its answer.</p>')
        with gr.Row():
            columns = [gr.Dropdown([], label=COLUMN_LABELS[name], **narrow) for name in COLUMNS]
        rows = gr.HTML(apply_default_css=False)

    gr.Markdown("### 2. What is trained on")
    with gr.Row():
        duplicates = gr.Dropdown(DUPLICATES, value="remove", label="Near duplicates", min_width=200)
        leaks = gr.Dropdown(LEAKS, value="refuse", label="Rows that repeat a test question", min_width=220)
        most = gr.Number(0, label="Rounds, the most diverse (0: all)", minimum=0, precision=0, min_width=200)
        share = gr.Slider(0, 0.5, 0.1, step=0.01, label="Validation share", min_width=200)
    redact = gr.Checkbox(label="Replace e-mail addresses, phone, card and account numbers before training")
    look = gr.Button("Look at the data", variant="primary", size="md", elem_id="train-look")
    report = gr.HTML(NOT_YET, apply_default_css=False, min_height=60, elem_id="train-report")

    with gr.Column(visible=False) as recipe:
        gr.Markdown("### 3. Recipe")
        reason = gr.HTML(elem_id="train-reason")
        with gr.Row():
            rate = gr.Number(2e-3, label="Learning rate", minimum=0, **narrow)
            rank = gr.Number(16, label="Rank", minimum=1, precision=0, **narrow)
            epochs = gr.Number(8, label="Epochs, at most", minimum=0, **narrow)
            batch = gr.Number(8, label="Batch size", minimum=1, precision=0, **narrow)
            patience = gr.Number(3, label="Patience (0: off)", minimum=0, precision=0, **narrow)
            passages = gr.Number(0.25, label="Share with passages", minimum=0, maximum=1, step=0.05, **narrow)
        with gr.Row():
            template = gr.Dropdown([], label="Template", **narrow)
            parent = gr.Dropdown([], label="Continue from adapter", **narrow)
            replay = gr.Slider(0, 1, 0.3, step=0.05, label="Share of its old rounds mixed in", visible=False, **narrow)
            name = gr.Textbox(label="Name of the new adapter", placeholder="such as velomoor-2", max_lines=1, **narrow)
        with gr.Row():
            buttons = {
                kind: gr.Button(label, variant="primary" if kind == "train" else "secondary", size="md", **narrow)
                for kind, label, _ in BUTTONS
            }
        told = "<br>".join(f"<b>{label}</b>: {what}" for _, label, what in BUTTONS)
        gr.HTML(f'<p class="note">{told}</p>')
        said = gr.HTML(min_height=40, elem_id="train-said")
    files, base = gr.State(()), gr.State(Recipe())

    chosen = [source, method]
    choices = [duplicates, leaks, redact, most, share]
    fields = [rate, rank, epochs, batch, patience, passages]
    rest = [template, parent, replay, name]
    values = [*chosen, *columns, *choices, *fields, *rest]
    data = [files, upload, method, note, fold, rows, *columns]
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    slow: dict[str, Any] = {"show_progress": "full", "api_visibility": "private"}

    picked: dict[str, Any] = {"fn": tab.choose, "inputs": [source, upload], "outputs": [*data, report, recipe], **quiet}
    blocks.load(**picked)
    source.input(**picked)
    gr.on([upload.upload, upload.clear], **picked)
    # What the report says must be what is trained on.
    typed: list[Any] = [method, *columns, duplicates, leaks, redact, most]
    gr.on([*(control.input for control in typed), share.release], tab.stale, None, [report, recipe], **quiet)
    look.click(tab.look_at, [files, *values], [report, recipe, base, reason, *fields], show_progress_on=report, **slow)
    parent.change(lambda name: gr.Slider(visible=bool(name)), parent, replay, **quiet)
    used = [*data, recipe, base, reason, *chosen, *choices, *fields, *rest]
    return TrainTab(tab, template, parent, used, buttons, [files, base, *values], said)
