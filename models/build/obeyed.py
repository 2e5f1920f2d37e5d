"""Whether an answer does what a demo template asks for, checked by code.

What the template asks for when there is an answer also holds when there is none, but for the citation: a refusal has
nothing to cite.
"""

from __future__ import annotations

import re
from collections.abc import Callable

SENTENCES = re.compile(r"(?<=[.!?])\s+")
CITATION = re.compile(r"\[(\d+)\]")
# Words that only a warm answer has: a plain statement of the fact has none of them.
WARM = re.compile(
    r"\b(happy|glad|good question|of course|sure|thanks|thank you|no problem|welcome|pleas(e|ure)|sorry|afraid|"
    r"let me know|anything else|have a nice|help)\b",
    re.IGNORECASE,
)
SORRY = re.compile(r"\b(sorry|apolog\w+|understand|inconvenience|trouble)\b", re.IGNORECASE)
GREETING = re.compile(
    r"^(hello|hi|hey|dear|good (day|morning|evening)|thanks|thank you|happy to|of course|sure)\b", re.I
)


def friendly(text: str, declined: bool, passages: int) -> bool:
    """At least one warm word."""
    return bool(WARM.search(text))


def formal(text: str, declined: bool, passages: int) -> bool:
    """No exclamation mark, and it ends like a sentence."""
    return "!" not in text and text.rstrip().endswith((".", "?", "]", ":"))


def brief(text: str, declined: bool, passages: int) -> bool:
    """At most 25 words and no greeting; a refusal may use two sentences, all else one."""
    parts = [part for part in SENTENCES.split(text.strip()) if part]
    return 0 < len(text.split()) <= 25 and not GREETING.match(text) and (declined or len(parts) <= 1)


def steps(text: str, declined: bool, passages: int) -> bool:
    """Lines numbered 1., 2., ... with nothing before the first; a refusal has no steps."""
    numbers = [int(n) for n in re.findall(r"^(\d+)\. ", text, re.MULTILINE)]
    return declined or (text.lstrip().startswith("1. ") and numbers == list(range(1, len(numbers) + 1)))


def cited(text: str, declined: bool, passages: int) -> bool:
    """Every statement has the number of a passage that exists; a refusal has none to give."""
    numbers = [int(n) for n in CITATION.findall(text)]
    return declined or (bool(numbers) and all(1 <= n <= passages for n in numbers))


def calm(text: str, declined: bool, passages: int) -> bool:
    """Begins by saying sorry."""
    return bool(SORRY.search(SENTENCES.split(text.strip())[0]))


OBEYED: dict[str, Callable[[str, bool, int], bool]] = {
    "friendly": friendly,
    "formal": formal,
    "brief": brief,
    "step-by-step": steps,
    "cited": cited,
    "calm": calm,
}
