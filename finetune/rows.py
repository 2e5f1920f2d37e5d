"""Rounds as TRL's rows, rendered by the very templates that will ask for the answers."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from core.control_tokens import without_control_tokens
from core.protocols import Retriever, Templates
from core.search_text import search_text
from core.training import Round
from core.types import Template, Turn
from finetune.preferences import Rated

Row = dict[str, Any]


def training_rows(
    rounds: Sequence[Round],
    template: Template,
    templates: Templates,
    retriever: Retriever,
    company: str,
    passages_share: float,
    seed: int,
) -> list[Row]:
    """Every round without passages and, for a share of them, once more with passages.

    The adapter serves the arms lora and lora+prompt alike, so that it must know both shapes of a prompt.
    """
    drawn = random.Random(seed)
    rows = [round_row(one, templates.render(template, one.question, one.history, (), company)) for one in rounds]
    for one in rounds:
        if drawn.random() < passages_share:
            found = retriever.search(search_text(one.question, one.history), template.depth)
            rows.append(round_row(one, templates.render(template, one.question, one.history, found, company)))
    return rows


def round_row(one: Round, prompt: Sequence[Turn]) -> Row:
    """For SFT: a prompt and the answer to learn."""
    return {"prompt": _messages(prompt), "completion": _answer(one.answer), "topic": one.topic}


def preference_row(rated: Rated, prompt: Sequence[Turn], clean: Callable[[str], str]) -> Row:
    """For DPO, a prompt with a better and a worse answer; for KTO, with one answer and whether it is desirable.

    `clean` takes out of a text what must not be learnt.
    """
    if rated.chosen and rated.rejected:
        return {
            "prompt": _messages(prompt),
            "chosen": _answer(clean(rated.chosen.text)),
            "rejected": _answer(clean(rated.rejected.text)),
        }
    answer = rated.chosen or rated.rejected
    assert answer
    return {
        "prompt": _messages(prompt),
        "completion": _answer(clean(answer.text)),
        "label": rated.chosen is not None,
    }


def _messages(prompt: Sequence[Turn]) -> list[dict[str, str]]:
    return [{"role": turn.role, "content": turn.text} for turn in prompt]


def _answer(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": without_control_tokens(text)}]
