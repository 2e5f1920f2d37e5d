"""What a report needs from elsewhere: a measure of meaning, and the cards of adapters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from study.text_scores import Embed


def _no_card(adapter: str) -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True)
class ReportTools:
    """`embed` turns texts into unit vectors [texts, size], None: answers get no similarity. `card` returns what is
    known of how an adapter was trained; it may raise AdapterError. `live` says what customers made of the arms that
    they had, '' when nothing is known."""

    embed: Embed | None = None
    card: Callable[[str], Mapping[str, Any]] = _no_card
    live: str = ""
