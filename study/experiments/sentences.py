"""What experiments found, in sentences for people who decide."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from study.experiments.scoring import UNITS

Findings = Mapping[str, Any]


def curve_sentences(content: Findings, arm: str, margin: float) -> list[str]:
    """Where the adapter overtakes the other arm, and whether more examples would help. `content` is the curve's plain
    findings; a gain below `margin` a doubling does not matter."""
    found = content["arms"][arm]
    told = [_meeting(found, arm, content["against"]["name"])]
    return [*told, _more(found["slope"], margin, UNITS[content["measure"]])]


def few_shot_sentences(content: Findings, margin: float) -> list[str]:
    """What as many examples as fit add to a prompt, and what they cost there."""
    curve, unit = content["curve"], UNITS[content["measure"]]
    count, ahead = curve["sizes"][-1], curve["ahead"][-1]
    told = f"{count} in a prompt of '{content['against']['name']}' make {_signed(ahead['mean'])} {unit}"
    if ahead["low"] is None:
        first = f"Whether examples in the prompt help cannot be told: {told}."
    else:
        span = f"{told} [{_signed(ahead['low'])}, {_signed(ahead['high'])}]"
        if ahead["low"] > 0:
            first = f"Examples in the prompt help: {span}."
        elif ahead["high"] < 0:
            first = f"Examples in the prompt harm: {span}."
        elif max(-ahead["low"], ahead["high"]) < margin:
            first = f"Examples in the prompt make no difference that matters: {span}."
        else:
            first = f"Whether examples in the prompt help cannot be told: {span}."
    none, most = content["prompt_tokens"][0], content["prompt_tokens"][-1]
    sentences = [first, f"A prompt with {count} of them has {most:,} tokens in place of {none:,}."]
    lost, prompts = content["lost_passages"][-1], content["prompts"][-1]
    if lost:
        sentences.append(f"{lost:,} of these {prompts:,} prompts had no room for all passages beside the examples.")
    if content["too_many"]:
        several = ", ".join(map(str, content["too_many"]))
        sentences.append(f"More than the model can read are {several} examples, which were left out.")
    return sentences


def shift_sentences(found: Findings) -> list[str]:
    """Which arms say what the edited articles say now, and whether anything else moved."""
    questions = found["questions"]
    told = []
    for name, arm in found["arms"].items():
        counts = {what: sum(one == what for one in arm["outcomes"].values()) for what in ("new", "old")}
        told.append(
            f"{name} gives the new fact in {counts['new']} of {questions}, still the old one in {counts['old']}"
        )
    first = f"After the articles changed: {'; '.join(told)}."
    if not found["controls"]:
        return [first]
    changes = {name: arm["controls"]["difference"] for name, arm in found["arms"].items()}
    moved = [
        f"{name} ({_signed(change['mean'])} points)"
        for name, change in changes.items()
        if change["low"] is not None and (change["low"] > 0 or change["high"] < 0)
    ]
    stayed = f"Answers to {found['controls']} questions on other articles"
    return [first, f"{stayed} changed for {', '.join(moved)}." if moved else f"{stayed} stayed as right as they were."]


def _meeting(found: Findings, arm: str, other: str) -> str:
    crossover, most = found["crossover"], found["sizes"][-1]
    rows, low, high = crossover["rows"], crossover["low"], crossover["high"]
    what, does, does_not = (
        ("Fine-tuning", "overtakes prompting", "does not overtake prompting")
        if arm == "lora"
        else (f"An adapter on top of '{other}'", "pays", "does not pay")
    )
    if rows is None:
        unsure = "" if low is None else f"; from about {low:,.0f} on that is not certain"
        return f"{what} {does_not} within your {most:,} examples{unsure}."
    if high is None:
        start = "from the first examples on" if rows < 1 else f"at about {rows:,.0f} examples"
        return f"{what} {does} {start}, it seems, but within your {most:,} examples that is not certain."
    if rows < 1:
        return f"{what} {does} from the first examples on, certainly from {high:,.0f}."
    return f"{what} {does} at about {rows:,.0f} examples [{low or 0:,.0f}, {high:,.0f}]."


def _more(slope: Findings, margin: float, unit: str) -> str:
    told = f"{_signed(slope['mean'])} {unit} a doubling"
    if slope["low"] is None or slope["high"] is None:
        return f"Whether more examples would help cannot be told ({told})."
    told += f" [{_signed(slope['low'])}, {_signed(slope['high'])}]"
    if slope["low"] > 0:
        return f"More examples would still help: {told}."
    if slope["high"] < margin:
        return f"More examples would hardly help: {told}."
    return f"Whether more examples would help cannot be told: {told}."


def _signed(share: float) -> str:
    return f"{100 * share:+.1f}"
