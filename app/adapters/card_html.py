"""Adapters' cards as HTML: one in full, or what differs between two.

A card is what finetune wrote, or what came with an imported adapter, so that any field may be missing.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from app.adapters.report_html import summary_html
from app.adapters.scores_html import estimates, scores_html
from app.listing import facts, table
from app.widgets import moment
from core.line_chart import Line, Mark, line_chart

METHODS = {"sft": "SFT on transcripts", "dpo": "DPO on ratings", "kto": "KTO on ratings"}
# Shown elsewhere, or too long for a line of a comparison.
NOT_COMPARED = {"curve", "losses", "scores", "validation_loss", "recipe", "data", "parent", "name"}

Card = Mapping[str, Any]


def best_loss(card: Card) -> float | None:
    """The lowest validation loss; a card holds one a measurement, or the best one."""
    return min(_measured(card), default=None)


def _measured(card: Card) -> list[float]:
    value = card.get("validation_loss")
    return [float(found) for found in (value if isinstance(value, list) else [value]) if isinstance(found, int | float)]


def _part(card: Card, name: str) -> Card:
    value = card.get(name)
    return value if isinstance(value, Mapping) else {}


def _rows(card: Card, name: str) -> list[Card]:
    value = card.get(name)
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list | tuple) else []


def loss(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, int | float) else ""


def when(iso: Any) -> str:
    """A moment as a card or a run keeps it, for people."""
    try:
        return moment(datetime.fromisoformat(str(iso)))
    except (ValueError, OverflowError):
        return ""


def method(card: Card) -> str:
    """How it was trained; cards of transcripts' adapters may leave it out."""
    return METHODS.get(str(card.get("method") or "sft"), "") if card else "unknown"


def parent(card: Card) -> str:
    """The adapter that this one continues; empty: it began at the base model."""
    return str(_part(card, "parent").get("name") or "")


def rounds(card: Card) -> str:
    found = card.get("conversation_rounds", _part(card, "data").get("train"))
    return f"{found:,}" if isinstance(found, int) else ""


def card_html(name: str, card: Card, problem: str = "") -> str:
    """All that is known of an adapter."""
    head = f"<h3>{html.escape(name)}</h3>"
    warned = f'<p class="warning leaked">{html.escape(problem)}</p>' if problem else ""
    if not card:
        none = '<p class="note">It came without a card, so that nothing is known of how it was made.</p>'
        return f'<section class="report"><div class="card">{head}{warned}{none}</div></section>'
    report = _part(card, "data")
    data = f'<div class="card"><h3>Data</h3>{summary_html(report)}</div>' if report else ""
    recipe = f'<div class="card"><h3>Recipe</h3>{facts(_values(_part(card, "recipe")))}</div>'
    return (
        f'<section class="report" aria-label="Adapter {html.escape(name)}">'
        f'<div class="card">{head}{warned}{_leaks(card)}{facts(_made(card))}</div>'
        f'<div class="cards">{recipe}{data}</div>'
        f"{curves(card)}{losses_html(_rows(card, 'losses'))}{scores_html(_part(card, 'scores'))}</section>"
    )


def _leaks(card: Card) -> str:
    kept = card.get("leaks_kept")
    if not kept:
        return ""
    how_many = f"{kept:,} rows" if isinstance(kept, int) and not isinstance(kept, bool) else "Rows"
    return (
        f'<p class="warning leaked"><b>Trained on leaks.</b> {how_many} of its data nearly repeat test questions. '
        "What a test says about it is too good to be true.</p>"
    )


def _made(card: Card) -> list[tuple[str, str]]:
    return [
        ("made", when(card.get("made_at"))),
        ("method", method(card)),
        ("base model", _named(card, "model")),
        ("parent", parent(card) or "none: from the base model"),
        ("template", _named(card, "template")),
        ("rounds", rounds(card)),
        ("training rows", f"{card['rows']:,}" if isinstance(card.get("rows"), int) else ""),
        ("data hash", str(card.get("data_hash") or "")),
        ("validation loss", loss(best_loss(card))),
        ("training loss", loss(card.get("final_loss"))),
    ]


def _named(card: Card, key: str) -> str:
    name, digest = card.get(key), card.get(f"{key}_hash")
    return f"{name or 'unknown'} ({digest})" if digest else str(name or "")


def _values(of: Card) -> list[tuple[str, str]]:
    return [(_words(name), _value(value)) for name, value in of.items()]


def _words(name: str) -> str:
    return name.replace("_", " ")


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(_value, value))
    return "none" if value is None else str(value)


def curves(card: Card) -> str:
    """The losses that a card keeps, over steps or over measurements."""
    curve = _rows(card, "curve")
    if curve:
        return f'<div class="charts">{loss_chart(curve)}</div>'
    measured = _measured(card)
    if len(measured) < 2:
        return ""
    points = [(float(number), value) for number, value in enumerate(measured, 1)]
    return f'<div class="charts">{line_chart("Loss", [Line("validation", points)], "measurement")}</div>'


def loss_chart(log: Sequence[Mapping[str, Any]], mark: Mark | None = None) -> str:
    """Training and validation loss over steps, of a run's log."""
    lines = [Line("training", points(log, "loss")), Line("validation", points(log, "eval_loss"))]
    return line_chart("Loss", lines, "step", mark=mark)


def points(log: Sequence[Mapping[str, Any]], name: str, over: str = "step") -> list[tuple[float, float]]:
    """What was measured under a name."""
    return [(row[over], row[name]) for row in log if row.get(name) is not None and row.get(over) is not None]


def losses_html(losses: Sequence[Mapping[str, Any]]) -> str:
    """What was learnt and what forgotten: the loss on each set before and after; lower is better."""
    if not losses:
        return ""
    rows = [
        [
            str(row.get("set")),
            loss(row.get("before")),
            loss(row.get("after")),
            _change(row.get("before"), row.get("after")),
        ]
        for row in losses
    ]
    heads = ("Texts", "Loss before", "Loss after", "Change")
    return (
        '<div class="card"><h3>Learnt and forgotten</h3>'
        '<p class="note">The loss on texts that were not trained on; lower is better. A rise means forgetting.</p>'
        f"{table(heads, rows, 'Loss before and after')}</div>"
    )


def _change(before: float | None, after: float | None) -> str:
    if before is None or after is None:
        return ""
    return f"{after - before:+.3f} {'▼ better' if after < before else '▲ worse' if after > before else 'same'}"


def comparison_html(first: str, second: str, cards: tuple[Card, Card]) -> str:
    """The fields in which two adapters differ, marked, and below them the equal ones."""
    return differences_html((first, second), tuple(_flat(card) for card in cards))


def differences_html(names: tuple[str, str], flat: Sequence[Mapping[str, str]]) -> str:
    """A table of what differs between two, and a fold of what is equal."""
    keys = list(dict.fromkeys(key for values in flat for key in values))
    rows = [[key, *(values.get(key, "not recorded") for values in flat)] for key in keys]
    different = [row for row in rows if row[1] != row[2]]
    equal = [row[:2] for row in rows if row[1] == row[2]]
    told = table(("", *names), different, "What differs") if different else '<p class="note">They do not differ.</p>'
    same = table(("", "both"), equal, "What is equal")
    fold = f"<details><summary>{len(equal)} equal fields</summary>{same}</details>" if equal else ""
    return f'<div class="report"><div class="differs">{told}</div>{fold}</div>'


def _flat(card: Card) -> dict[str, str]:
    found = {"validation loss": loss(best_loss(card)), "parent": parent(card) or "none"}
    for name, value in card.items():
        if name not in NOT_COMPARED:
            found[_words(name)] = _value(value)
    found |= {f"recipe: {key}": text for key, text in _values(_part(card, "recipe"))}
    report = _part(card, "data")
    found |= {f"data: {name}": f"{report[name]:,}" for name in ("train", "validation") if name in report}
    for row in _rows(card, "losses"):
        found[f"loss after: {row.get('set')}"] = loss(row.get("after"))
    return found | {f"{arm}: {measure}": text for (arm, measure), text in estimates(_part(card, "scores")).items()}
