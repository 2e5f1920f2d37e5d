"""A pair to rate as HTML: the question and two plain texts, both sides alike but for the texts."""

from __future__ import annotations

import html

from core.studies import RatingProgress, RatingTask
from core.types import Turn

SPEAKERS = {"user": "Customer", "assistant": "Reply", "system": "Note"}


def pair_html(task: RatingTask, progress: RatingProgress) -> str:
    """One pair, after the turns that came before its question."""
    turns = [*task.history, Turn("user", task.question)]
    asked = "".join(
        f'<p class="turn"><b>{SPEAKERS[turn.role]}</b> <span class="said">{html.escape(turn.text)}</span></p>'
        for turn in turns
    )
    sides = "".join(
        f'<article class="card"><h3>{name}</h3><p class="said">{html.escape(text) or "<i>no text</i>"}</p></article>'
        for name, text in (("Left", task.left), ("Right", task.right))
    )
    return (
        f'<section class="pair" aria-label="The pair to rate">{_count(progress)}<div class="asked">{asked}</div>'
        f'<div class="cards">{sides}</div></section>'
    )


def nothing_html(sentence: str, progress: RatingProgress | None = None) -> str:
    """What stands in place of a pair."""
    return f'<section class="pair">{_count(progress)}<p class="card">{html.escape(sentence)}</p></section>'


def _count(progress: RatingProgress | None) -> str:
    """The rater's own part: what others did is not told."""
    return f'<p class="note">{progress.mine:,} of {progress.planned:,} rated by you</p>' if progress else ""
