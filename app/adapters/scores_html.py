"""The scores on an adapter's card, as `launch.py score` writes them: each arm's, and their paired differences."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

from app.listing import table

LABELS = {
    "rouge_l": "ROUGE-L",
    "chrf": "chrF",
    "similarity": "embedding similarity",
    "nearest_topic_share": "nearest answer on the right topic",
}


def scores_html(scores: Mapping[str, Any]) -> str:
    """A table of means with their 95% intervals; empty when there are none."""
    found = estimates(scores)
    if not found:
        return ""
    measures = list(dict.fromkeys(measure for _, measure in found))
    rows = [
        [arm, *(found.get((arm, measure), "") for measure in measures)]
        for arm in dict.fromkeys(arm for arm, _ in found)
    ]
    said = f"{scores.get('rows')} questions of {scores.get('test')}, {str(scores.get('date'))[:10]}; 95% intervals."
    heads = ("Arm", *(LABELS.get(measure, measure) for measure in measures))
    note = f'<p class="note">Answers compared with reference answers: {html.escape(said)}</p>'
    return f'<div class="card"><h3>Scores</h3>{note}{table(heads, rows, "Scores")}</div>'


def estimates(scores: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    """(arm, measure) -> '0.30 [0.29, 0.31]'; what has another form is left out, as cards come from anywhere."""
    found = {}
    for part, sign in (("arms", ""), ("differences", "+")):
        arms = scores.get(part)
        for arm, measures in arms.items() if isinstance(arms, dict) else ():
            for measure, value in measures.items() if isinstance(measures, dict) else ():
                try:
                    mean, low, high = (float(value[key]) for key in ("mean", "low", "high"))
                except (TypeError, KeyError, ValueError):
                    continue
                found[str(arm), str(measure)] = f"{mean:{sign}.3f} [{low:{sign}.3f}, {high:{sign}.3f}]"
    return found
