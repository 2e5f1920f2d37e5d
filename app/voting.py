"""How a person votes on two answers, wherever they are shown: four buttons, and opinions that may go with the vote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.widgets import ARM_LABELS
from core.types import CHOICES, CRITERIA, ArmName, Choice

CHOICE_LABELS: dict[Choice, str] = {
    "left": "← Left is better (1)",
    "right": "Right is better → (2)",
    "tie": "Tie (0)",
    "both_bad": "Both bad (X)",
}

Criteria = dict[str, tuple[int, int]]


def vote_buttons() -> list[Any]:
    """A button for each choice; keys.js presses them by key."""
    import gradio as gr

    with gr.Row(elem_classes="votes"):
        return [
            gr.Button(CHOICE_LABELS[choice], elem_id=f"vote-{choice.replace('_', '-')}", min_width=150)
            for choice in CHOICES
        ]


def choice_of(label: str) -> Choice:
    """The choice whose button has this label."""
    return next(choice for choice in CHOICES if CHOICE_LABELS[choice] == label)


@dataclass(frozen=True)
class Opinions:
    """The fields that may be filled before a vote: `inputs` go to a handler, which gives them to `read_opinions`."""

    inputs: list[Any]

    @property
    def blank(self) -> list[Any]:
        """The values of empty fields."""
        return [None, "", *[None] * (len(self.inputs) - 2)]


def opinions() -> Opinions:
    """A fold with scores for each criterion and side, a comment, and a guess."""
    import gradio as gr

    title = "Scores, comment, guess (optional; before you vote; C to comment)"
    with gr.Accordion(title, open=False, elem_id="opinions"):
        scores = []
        for name in CRITERIA:
            with gr.Row():
                scores += [
                    gr.Radio([1, 2, 3, 4, 5], label=f"{name.capitalize()}, {where} (5 is best)")
                    for where in ("left", "right")
                ]
        comment = gr.Textbox(label="Comment", max_lines=4, elem_id="vote-comment")
        guess = gr.Radio(list(ARM_LABELS), label="Your guess: which arm stands on the left?")
    return Opinions([guess, comment, *scores])


def read_opinions(guess: str | None, comment: str | None, *scores: int | None) -> tuple[Criteria, str, ArmName | None]:
    """Criteria, comment and guess of the fields' values. `scores`: left and right for each criterion in turn."""
    return _criteria(scores), comment or "", next((arm for arm in ARM_LABELS if arm == guess), None)


def _criteria(scores: Sequence[int | None]) -> Criteria:
    pairs = zip(CRITERIA, scores[::2], scores[1::2], strict=True)
    return {name: (int(left), int(right)) for name, left, right in pairs if left and right}
