"""Reads the topic tables: what a help centre states, how customers ask it, how an agent answers.

Format, one topic after another: `== Title | other titles`, then facts separated by a line `-`. A fact has
lines `S` (statement in the article), `Q` (question), `A` (answer). `[a|b]` means a or b; `{days}` is a value of
a kind in `values.KINDS`; `{item}` and `{items}` are the company's nouns. Every value of an A line stands in
every S line of its fact, which a test checks. Add a topic by adding such a block to one of the tables.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from functools import cache

from models.build import topics_account, topics_orders, topics_service, values
from models.build.companies import Company

ALTERNATION = re.compile(r"\[([^\[\]]*)\]")
SLOT = re.compile(r"\{(\w+)\}")
NOUNS = {"item", "items"}


@dataclass(frozen=True)
class Fact:
    """One thing a help centre can state: patterns of statements, questions and answers."""

    states: tuple[str, ...]
    asks: tuple[str, ...]
    says: tuple[str, ...]


@dataclass(frozen=True)
class Topic:
    """Titles for articles or sections, and the facts that can stand in them."""

    titles: tuple[str, ...]
    facts: tuple[Fact, ...]


@dataclass(frozen=True)
class Filled:
    """A fact with its values drawn for one company; `stated` is what the article says, a sentence or several steps."""

    fact: Fact
    slots: dict[str, str]
    stated: tuple[str, ...] = ()

    def write(self, patterns: tuple[str, ...], rng: random.Random) -> str:
        """One of `patterns` with an alternative chosen and the values filled in."""
        return fill(rng.choice(patterns), self.slots, rng)

    def answer(self, rng: random.Random) -> tuple[list[str], list[str]]:
        """The sentences of an answer, and the values that must occur in it.

        Often the answer is the article's own sentence: copying works for any fact, known patterns do not.
        """
        if not self.fact.says:
            return list(self.stated), list(self.stated)
        pattern = rng.choice(self.fact.says)
        values_needed = [self.slots[s] for s in SLOT.findall(pattern) if s not in NOUNS]
        if self.stated and rng.random() < 0.45:
            text = self.stated[0].strip()
            return [text[:1].upper() + text[1:] + ("" if text.endswith((".", "?")) else ".")], values_needed
        return [fill(pattern, self.slots, rng)], values_needed


def fill(pattern: str, slots: dict[str, str], rng: random.Random) -> str:
    """Choose alternatives of `[a|b]` and put the slots in; KeyError if a slot is missing."""
    chosen = ALTERNATION.sub(lambda m: rng.choice(m.group(1).split("|")), pattern)
    chosen = " ".join(chosen.split()).replace(" ?", "?").replace(" .", ".").replace(" ,", ",")
    text = SLOT.sub(lambda m: slots[m.group(1)], chosen)
    return re.sub(r"\b([Aa]) (?=[aeioAEIO])", r"\1n ", text) if rng.random() < 0.95 else text


def parse(text: str) -> list[Topic]:
    """Topics of one table; ValueError for a line that starts with none of `==`, `-`, `S`, `Q`, `A`."""
    topics = []
    for block in text.split("\n== ")[1:]:
        head, *lines = block.strip().split("\n")
        facts: list[dict[str, list[str]]] = [{"S": [], "Q": [], "A": []}]
        for line in lines:
            if line == "-":
                facts.append({"S": [], "Q": [], "A": []})
            elif line[:2] in ("S ", "Q ", "A "):
                facts[-1][line[0]].append(line[2:])
            else:
                raise ValueError(f"unreadable topic line: {line!r}")
        made = tuple(Fact(tuple(f["S"]), tuple(f["Q"]), tuple(f["A"])) for f in facts)
        topics.append(Topic(tuple(head.split(" | ")), made))
    return topics


@cache
def all_topics() -> tuple[Topic, ...]:
    """Every topic of every table."""
    tables = (topics_orders, topics_service, topics_account)
    return tuple(topic for table in tables for topic in parse(table.TEXT))


def draw_slots(fact: Fact, firm: Company, rng: random.Random, fixed: dict[str, str]) -> dict[str, str]:
    """Fresh values for all slots of a fact but the `fixed` ones; two slots of one fact never get the same value."""
    slots = {"item": firm.item, "items": firm.items} | fixed
    for name in sorted({s for pattern in fact.states + fact.asks for s in SLOT.findall(pattern)} - set(slots)):
        value = values.draw(name, rng)
        while value in slots.values():
            value = values.draw(name, rng)
        slots[name] = value
    return slots


def filled(fact: Fact, firm: Company, rng: random.Random, fixed: dict[str, str] | None = None) -> Filled:
    """A fact with values drawn for a company, except for the slots in `fixed`."""
    return Filled(fact, draw_slots(fact, firm, rng, fixed or {}))


def state(one: Filled, rng: random.Random) -> Filled:
    """The same fact with a statement written for it."""
    return Filled(one.fact, one.slots, (one.write(one.fact.states, rng),))


def kinds(fact: Fact) -> set[str]:
    """The kinds of value in a fact's statements."""
    return {s.rstrip("0123456789") for p in fact.states for s in SLOT.findall(p)} - NOUNS - {"e", "q"}
