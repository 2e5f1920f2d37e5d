"""Past conversations as training rows, rendered by the very templates that will ask for the answers."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from core.protocols import Retriever, Templates
from core.training import Round
from core.types import Template, Turn


def training_rows(
    rounds: Sequence[Round],
    template: Template,
    templates: Templates,
    retriever: Retriever,
    company: str,
    passages_share: float,
    seed: int,
) -> list[dict[str, Any]]:
    """TRL's prompt/completion rows: every round without passages and, for a share of them, once more with passages.

    The adapter serves the arms lora and lora+prompt alike, so that it must know both shapes of a prompt.
    """
    drawn = random.Random(seed)
    rows = [_row(r, templates.render(template, r.question, r.history, (), company)) for r in rounds]
    for r in rounds:
        if drawn.random() < passages_share:
            found = retriever.search(r.question, template.depth)
            rows.append(_row(r, templates.render(template, r.question, r.history, found, company)))
    return rows


def _row(said: Round, prompt: Sequence[Turn]) -> dict[str, Any]:
    return {
        "prompt": [{"role": turn.role, "content": turn.text} for turn in prompt],
        "completion": [{"role": "assistant", "content": said.answer}],
    }
