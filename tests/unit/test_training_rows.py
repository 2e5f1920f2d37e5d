"""What an adapter learns from: prompts as the arms will send them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from core.training import Round
from core.types import Turn
from finetune.rows import training_rows


def test_passages_of_a_follow_up_are_those_that_an_arm_would_find():
    asked = []
    retriever: Any = SimpleNamespace(search=lambda text, k: asked.append((text, k)) or [])
    templates: Any = SimpleNamespace(render=lambda template, question, *_: (Turn("user", question),))
    history = (Turn("user", "My bike squeaks."), Turn("assistant", "Where?"))
    rounds = [Round("At the back.", "Oil the chain.", history), Round("How long?", "30 days.")]
    rows = training_rows(rounds, SimpleNamespace(depth=3), templates, retriever, "us", 1.0, 1)  # type: ignore[arg-type]
    assert asked == [("My bike squeaks.\nAt the back.", 3), ("How long?", 3)]
    assert [row["prompt"][0]["content"] for row in rows] == ["At the back.", "How long?"] * 2
