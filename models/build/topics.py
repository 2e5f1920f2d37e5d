"""Reads the topics: what a help centre says about something, how customers ask for it, how an agent answers.

Each file of the folder `topics/` is a YAML list. A topic has several `texts` by different authors, one sentence a
line, with slots such as `{days}` (a kind of `values.KINDS`) or a choice of its own; `facts` with the slots that a
right answer `uses`, with `asks` and `says` and perhaps `steps`; and questions that `never` have an answer. A fact
stands in a text when all its slots do. Add a topic by adding such an entry; a test checks all of them.

Patterns of the other tables may also hold `[a|b]`: a or b.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from models.build import values
from models.build.companies import Company

FOLDER = Path(__file__).parent / "topics"
ALTERNATION = re.compile(r"\[([^\[\]]*)\]")
SLOT = re.compile(r"\{(\w+)\}")
ARTICLE = re.compile(r"\b([Aa]) \{(\w+)\}")
VOWELS = "aeioAEIO"
NOUNS = {"company", "item", "items"}
DURATIONS, CONTACTS = ("hours", "days", "months", "years"), ("phone", "email", "person")
HELD_ASKS = 2  # questions of a fact, the last ones, that training never sees; of the texts it is the last one


@dataclass(frozen=True)
class Fact:
    """One thing a help centre can state: patterns of statements, questions, answers and steps."""

    states: tuple[str, ...]
    asks: tuple[str, ...]
    says: tuple[str, ...]
    uses: frozenset[str] = frozenset()
    steps: tuple[str, ...] = ()


@dataclass(frozen=True)
class Topic:
    """Titles, texts as tuples of lines, the facts that can stand in them, and questions without an answer."""

    name: str
    group: str
    trades: tuple[str, ...]
    titles: tuple[str, ...]
    choices: dict[str, list[str]]
    texts: tuple[tuple[str, ...], ...]
    facts: tuple[Fact, ...]
    never: tuple[str, ...]

    @cached_property
    def slot_names(self) -> list[str]:
        """Every slot of this topic but the company's nouns, sorted."""
        patterns = [*self.titles, *self.never, *(line for text in self.texts for line in text)]
        patterns += [pattern for fact in self.facts for pattern in fact.asks + fact.says + fact.steps]
        return sorted({slot for pattern in patterns for slot in SLOT.findall(pattern)} - NOUNS)

    def slots(self, firm: Company, rng: random.Random) -> dict[str, str]:
        """A value for every slot of this topic; two slots never get the same one."""
        drawn = {"company": firm.name, "item": firm.item, "items": firm.items}
        for name in self.slot_names:
            value = self.value(name, rng)
            while value in drawn.values():
                value = self.value(name, rng)
            drawn[name] = value
        return drawn

    def value(self, slot: str, rng: random.Random) -> str:
        """One value of a choice of this topic or of a kind."""
        return rng.choice(self.choices[slot]) if slot in self.choices else values.draw(slot, rng)

    def part(self, held_out: bool) -> Topic:
        """The same topic with only the phrasings that training sees, or only those that it does not."""
        texts = self.texts[-1:] if held_out else self.texts[:-1]
        cut = slice(-HELD_ASKS, None) if held_out else slice(None, -HELD_ASKS)
        facts = tuple(replace(f, asks=f.asks[cut]) for f in self.facts)
        return replace(self, texts=texts, facts=facts, never=self.never[-1:] if held_out else self.never[:-1])


@dataclass(frozen=True)
class Filled:
    """A fact with its values drawn for one company; `stated` is what the article says, a sentence or several."""

    fact: Fact
    slots: dict[str, str]
    stated: tuple[str, ...] = ()

    def write(self, patterns: tuple[str, ...], rng: random.Random) -> str:
        """One of `patterns` with an alternative chosen and the values filled in."""
        return fill(rng.choice(patterns), self.slots, rng)

    def required(self, pattern: str) -> list[str]:
        """The values that an answer made from `pattern` must contain."""
        return [self.slots[s] for s in sorted(set(SLOT.findall(pattern)) - NOUNS)]


def fill(pattern: str, slots: dict[str, str], rng: random.Random) -> str:
    """Choose alternatives of `[a|b]` and put the slots in; KeyError if a slot is missing."""
    chosen = ALTERNATION.sub(lambda m: rng.choice(m.group(1).split("|")), pattern)
    chosen = " ".join(chosen.split()).replace(" ?", "?").replace(" .", ".").replace(" ,", ",")
    chosen = ARTICLE.sub(lambda m: f"{m[1]}{'n' if slots[m[2]][0] in VOWELS else ''} {slots[m[2]]}", chosen)
    return SLOT.sub(lambda m: slots[m.group(1)], chosen)


def facts_of(table: str) -> tuple[Fact, ...]:
    """Facts of a table in lines `S` (statement), `Q` (question), `A` (answer), separated by a line `-`.

    Raises ValueError for a line that starts with none of these.
    """
    facts: list[dict[str, list[str]]] = [{"S": [], "Q": [], "A": []}]
    for line in table.strip().split("\n"):
        if line == "-":
            facts.append({"S": [], "Q": [], "A": []})
        elif line[:2] in ("S ", "Q ", "A "):
            facts[-1][line[0]].append(line[2:])
        else:
            raise ValueError(f"unreadable line of facts: {line!r}")
    return tuple(Fact(tuple(f["S"]), tuple(f["Q"]), tuple(f["A"])) for f in facts)


def read(file: Path) -> list[Topic]:
    """The topics of one YAML file."""
    import yaml

    entries: list[dict[str, Any]] = yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    return [
        Topic(
            name=entry["topic"],
            group=file.stem,
            trades=tuple(entry.get("trades") or ()),
            titles=tuple(entry["titles"]),
            choices=entry.get("choices") or {},
            texts=tuple(tuple(line.strip() for line in text.strip().split("\n")) for text in entry["texts"]),
            facts=tuple(
                Fact((), tuple(f["asks"]), tuple(f["says"]), frozenset(f["uses"]), tuple(f.get("steps") or ()))
                for f in entry["facts"]
            ),
            never=tuple(entry["never"]),
        )
        for entry in entries
    ]


@cache
def all_topics() -> tuple[Topic, ...]:
    """Every topic with all its phrasings."""
    return tuple(topic for file in sorted(FOLDER.glob("*.yaml")) for topic in read(file))


@cache
def topics(held_out: bool) -> tuple[Topic, ...]:
    """Every topic with the phrasings for training, or with those that training never sees."""
    return tuple(topic.part(held_out) for topic in all_topics())


def filled(fact: Fact, firm: Company, rng: random.Random, fixed: dict[str, str] | None = None) -> Filled:
    """A fact of a table with values drawn for a company, except for the slots in `fixed`."""
    slots = {"item": firm.item, "items": firm.items} | (fixed or {})
    for name in sorted({s for pattern in fact.states + fact.asks for s in SLOT.findall(pattern)} - set(slots)):
        value = values.draw(name, rng)
        while value in slots.values():
            value = values.draw(name, rng)
        slots[name] = value
    return Filled(fact, slots)


def state(one: Filled, rng: random.Random) -> Filled:
    """The same fact with a statement written for it."""
    return Filled(one.fact, one.slots, (one.write(one.fact.states, rng),))


def kinds(fact: Fact) -> set[str]:
    """The kinds of values in the statements of a fact; kinds that answer the same questions count as one."""
    slots = {s for pattern in fact.states for s in SLOT.findall(pattern)} - NOUNS - {"e", "q"}
    names = {s.rstrip("0123456789") for s in slots}
    return {"time" if name in DURATIONS else "contact" if name in CONTACTS else name for name in names}
