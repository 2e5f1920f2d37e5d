"""What is looked for in the documents, in answering and in training alike."""

from __future__ import annotations

from collections.abc import Sequence

from core.types import Turn


def search_text(question: str, history: Sequence[Turn]) -> str:
    """The question with the customer's last message before it, which a follow-up leans on."""
    before = [turn.text for turn in history if turn.role == "user"][-1:]
    return "\n".join([*before, question])
