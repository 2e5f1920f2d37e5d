"""What experiments found, in sentences for people who decide."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from study.analysis.words import count, listed, middle, span
from study.experiments.plain import estimate
from study.experiments.scoring import UNITS

Findings = Mapping[str, Any]


def curve_sentences(content: Findings, arm: str, margin: float) -> list[str]:
    """Where the adapter overtakes the other arm, and whether more examples would help. `content` is the curve's plain
    findings; a gain below `margin` a doubling does not matter."""
    found = content["arms"][arm]
    unit = UNITS[content["measure"]]
    first = _overtakes(found) if arm == "lora" else _adds(found, content["against"]["name"], unit)
    return [first, _more(arm, found["slope"], margin, unit)]


def few_shot_sentences(content: Findings, margin: float) -> list[str]:
    """What as many examples as fit add to a prompt, and what they cost there."""
    curve, examples = content["curve"], count(content["curve"]["sizes"][-1], "example")
    ahead = estimate(curve["ahead"][-1])
    if ahead.low > 0:
        first = "Examples in the prompt help"
    elif ahead.high < 0:
        first = "Examples in the prompt harm"
    elif -margin < ahead.low and ahead.high < margin:
        first = "Examples in the prompt make no difference that matters"
    else:
        first = "Whether examples in the prompt help cannot be told"
    told = f"{middle(ahead, '+')} {UNITS[content['measure']]} {span(ahead)}"
    none, most = content["prompt_tokens"][0], content["prompt_tokens"][-1]
    sentences = [
        f"{first}: {told} with {examples}.",
        f"A prompt with {examples} has {most:,} tokens in place of {none:,}.",
    ]
    lost, prompts = content["lost_passages"][-1], content["prompts"][-1]
    if lost:
        sentences.append(f"{lost:,} of these {prompts:,} prompts had no room for all passages beside the examples.")
    if content["too_many"]:
        several = listed([str(number) for number in content["too_many"]])
        sentences.append(f"The model cannot read {several} examples beside a question; these were left out.")
    return sentences


def shift_sentences(found: Findings) -> list[str]:
    """Which arms say what the edited articles say now, and whether anything else moved."""
    told = []
    for name, arm in found["arms"].items():
        new, old = (sum(one == what for one in arm["outcomes"].values()) for what in ("new", "old"))
        told.append(f"{name} gives the new fact in {new} of {found['questions']}, still the old one in {old}")
    first = f"After the articles changed: {'; '.join(told)}."
    if not found["controls"]:
        return [first]
    changes = {name: estimate(arm["controls"]["difference"]) for name, arm in found["arms"].items()}
    moved = [
        f"{name} ({middle(change, '+')} points of facts {span(change)})"
        for name, change in changes.items()
        if change.low > 0 or change.high < 0
    ]
    others = f"Answers to {count(found['controls'], 'question')} on other articles"
    return [first, f"{others} changed for {listed(moved)}." if moved else f"{others} stayed as right as they were."]


def _overtakes(found: Findings) -> str:
    """Where an adapter alone meets the other arm."""
    crossover, most = found["crossover"], count(found["sizes"][-1], "example")
    rows, low, high = crossover["rows"], crossover["low"], crossover["high"]
    if rows is None:
        unsure = "" if low is None else f"; from about {low:,.0f} on that is not certain"
        return f"Fine-tuning does not overtake prompting within your {most}{unsure}."
    place = "from the first examples on" if rows < 1 else f"at about {rows:,.0f} examples"
    if high is None:
        return f"Fine-tuning overtakes prompting {place}, it seems, but within your {most} that is not certain."
    if rows < 1:
        return f"Fine-tuning overtakes prompting {place}, certainly from {high:,.0f}."
    return f"Fine-tuning overtakes prompting {place} [{low or 0:,.0f}, {high:,.0f}]."


def _adds(found: Findings, other: str, unit: str) -> str:
    """What an adapter adds to the other arm, with which it is the same without examples."""
    sizes, ahead = found["sizes"], [estimate(one) for one in found["ahead"]]
    sure = [size for at, size in enumerate(sizes) if size and all(one.low > 0 for one in ahead[at:])]
    told = f"{middle(ahead[-1], '+')} {unit} {span(ahead[-1])} with all {sizes[-1]:,}"
    if sure:
        return f"An adapter on top of '{other}' helps, certainly from {count(sure[0], 'example')} on: {told}."
    if ahead[-1].high < 0:
        return f"An adapter on top of '{other}' harms: {told}."
    return f"Whether an adapter on top of '{other}' helps cannot be told: {told}."


def _more(arm: str, found: Findings, margin: float, unit: str) -> str:
    slope = estimate(found)
    told = f"{middle(slope, '+')} {unit} a doubling {span(slope)}"
    if slope.low > 0:
        return f"More examples would still help {arm}: {told}."
    if slope.high < margin:
        return f"More examples would hardly help {arm}: {told}."
    return f"Whether more examples would help {arm} cannot be told: {told}."
