"""Writes sections of a fictional help centre from filled facts, and numbers them as passages."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

from models.build import house, lookups, topics, values
from models.build.companies import Company
from models.build.topics import SLOT, Filled, Topic

FILLERS = values.options(
    "Please keep your order number at hand.|We are happy to help.|This applies to all {items}.|Thank you for "
    "choosing {company}.|Details are in your order e-mail.|The same holds for gifts.|Please read this page "
    "first.|You can do all of this online.|Each case is looked at by our {team}.|This page was updated this "
    "year.|Most {items} need nothing else.|Keep the box until the end.|It is best to have a photo ready.|Other "
    "rules may apply to sale items.|We want you to enjoy your {item}.|Every {item} is checked before it leaves "
    "us.|You will get an e-mail about each step."
)
INTROS = values.options(
    "Here is what you need to know:|At {company} the following applies:|The most important points:|Please note:|"
    "In short:|The rules for your {item}:|What we offer:"
)
SECTIONS = values.options(
    "Overview|How it works|Good to know|Details|Costs and times|Rules|What to do|Conditions|Times|Before you start|"
    "Common questions|Exceptions|Step by step|For members|Questions"
)


LIST_MARK = re.compile(r"^(\d+\.|[-*])\s+")


@dataclass(frozen=True)
class Section:
    """One passage: its title `Article: Section`, its text, the facts in it, and facts of its kind that are not.

    `never` holds questions close to it that nothing answers.
    """

    title: str
    text: str
    facts: tuple[Filled, ...]
    left_out: tuple[Filled, ...]
    never: tuple[str, ...] = ()
    topic: str = ""
    group: str = ""


def capital(text: str) -> str:
    """The text with its first letter in upper case."""
    return text[:1].upper() + text[1:]


def filler(firm: Company, rng: random.Random) -> str:
    """A sentence that carries no value."""
    return rng.choice(FILLERS).format(company=firm.name, item=firm.item, items=firm.items, team=firm.team)


def prose(statements: Sequence[str], firm: Company, rng: random.Random) -> str:
    """Sentences one after another, with filler between some of them."""
    parts = []
    for statement in statements:
        while rng.random() < 0.35:
            parts.append(filler(firm, rng))
        parts.append(statement)
    if rng.random() < 0.4:
        parts.append(filler(firm, rng))
    joint = "\n\n" if len(parts) > 3 and rng.random() < 0.2 else " "
    return joint.join(parts)


def listing(statements: Sequence[str], firm: Company, rng: random.Random) -> str:
    """An introduction and a Markdown list."""
    mark = rng.choice(["- ", "- ", "* ", "1. "])
    lines = [mark.replace("1", str(i)) + s for i, s in enumerate(statements, 1)]
    intro = rng.choice(INTROS).format(company=firm.name, item=firm.item)
    return "\n".join([intro, *lines] if rng.random() < 0.7 else lines)


def lines_with(uses: frozenset[str], lines: Sequence[str]) -> tuple[str, ...]:
    """The fewest lines, in their order, that hold all slots `uses` together; none when they do not."""
    open_slots, found = set(uses), set[int]()
    while open_slots:
        best = max(range(len(lines)), key=lambda i: len(open_slots & set(SLOT.findall(lines[i]))), default=None)
        if best is None or not open_slots & set(SLOT.findall(lines[best])):
            return ()
        found.add(best)
        open_slots -= set(SLOT.findall(lines[best]))
    return tuple(lines[i] for i in sorted(found))


def topic_section(firm: Company, rng: random.Random, topic: Topic, slots: dict[str, str], short: bool) -> Section:
    """A section from one author's text on a topic, some lines left out; `short` keeps two to four lines."""
    lines = list(rng.choice(topic.texts))
    most = rng.randint(2, 4) if short else len(lines) - rng.choice([0, 0, 1, 1, 2])
    while len(lines) > max(2, most):
        lines.pop(rng.randrange(len(lines)))
    filled = {line: topics.fill(line, slots, rng) for line in lines}
    facts, left = [], []
    for fact in topic.facts:
        stated = tuple(LIST_MARK.sub("", filled[line]) for line in lines_with(fact.uses, lines))
        if stated:
            facts.append(Filled(fact, slots, stated))
        elif not fact.uses & {slot for line in lines for slot in SLOT.findall(line)}:
            left.append(Filled(fact, slots))
    texts = [re.sub(r"^\d+\.", f"{i}.", line) for i, line in enumerate(filled.values(), 1)]
    listed = sum(bool(LIST_MARK.match(line)) for line in texts) > 1
    broken = any(not line.rstrip().endswith((".", "?", "!", ";", ",")) for line in texts)
    joint = "\n" if listed or broken else rng.choice([" ", " ", " ", "\n\n"])
    never = tuple(topics.fill(question, slots, rng) for question in topic.never)
    return Section(
        topics.fill(title(topic, rng), slots, rng),
        joint.join(texts),
        tuple(facts),
        tuple(left),
        never,
        topic.name,
        topic.group,
    )


def title(topic: Topic, rng: random.Random) -> str:
    """`Article: Section`, as passages are headed."""
    first = rng.choice(topic.titles)
    rest = [t for t in topic.titles if t != first]
    second = rng.choice(rest) if rng.random() < 0.4 else rng.choice(SECTIONS)
    return f"{first}: {second}"


def list_section(firm: Company, rng: random.Random, most: int = 6) -> Section:
    """A section that lists things of one kind with a value each."""
    name, made, other = lookups.rows(firm, rng, rng.randint(2, most))
    parts = [f.stated[0] for f in made]
    form = rng.random()
    if form < 0.5:
        text = "\n".join("- " + capital(p) for p in parts)
    elif form < 0.65:
        text = "\n".join(["| | |", "|---|---|", *[f"| {f.slots['e']} | {f.slots['v']} |" for f in made]])
        made = [Filled(f.fact, f.slots) for f in made]
    else:
        text = capital(", ".join(parts[:-1]) + " and " + parts[-1] + ".")
    if rng.random() < 0.4:
        text = f"{filler(firm, rng)}\n{text}"
    return Section(f"{name}: {rng.choice(SECTIONS)}", text, tuple(made), (other,))


def house_section(firm: Company, rng: random.Random, most: int) -> Section:
    """A section about one thing with a house name: what it is and one to `most` + 1 of its attributes."""
    one = house.thing(rng)
    chosen: list[topics.Fact] = []
    taken: set[str] = set()
    facts = rng.sample(house.attributes(), 14)
    for fact in facts:
        # Two attributes with the same kind of value could both answer a question, so they never meet.
        if len(chosen) <= most and not taken & topics.kinds(fact):
            chosen.append(fact)
            taken |= topics.kinds(fact)
    introduced = rng.random() < 0.6
    plain = 0.45 if introduced else 0.0
    made = [topics.state(house.about(one, f, firm, rng, plain), rng) for f in chosen]
    left = [house.about(one, f, firm, rng, plain) for f in facts if not taken & topics.kinds(f)]
    if not left:
        left = [house.about(house.thing(rng), rng.choice(facts), firm, rng, 0.0)]
    statements = [f.stated[0] for f in made]
    as_prose = rng.random() < 0.7
    text = prose(statements, firm, rng) if as_prose else listing(statements, firm, rng)
    if introduced:
        text = house.introduction(one, rng) + (" " if as_prose and rng.random() < 0.8 else "\n") + text
    head = rng.choice([one.name, f"The {one.name}", f"About the {one.name}"])
    return Section(f"{head}: {rng.choice(SECTIONS)}", text, tuple(made), tuple(left))


def steps_section(firm: Company, rng: random.Random) -> Section:
    """A section with a procedure in numbered steps."""
    one = house.thing(rng)
    goal, steps, asked = house.steps(one, firm, rng)
    intro = rng.choice(["To {g}:", "How to {g}:", "Follow these steps to {g}:", "If you want to {g}:"]).format(g=goal)
    lines = [f"{i}. {step}" for i, step in enumerate(steps, 1)]
    text = "\n".join([intro, *lines]) if rng.random() < 0.75 else " ".join([intro, *steps])
    if asked != goal or rng.random() < 0.3:
        text = f"{house.introduction(one, rng)}\n{text}"
    asks = (
        "[How do I|How can I] {g}?",
        "I [want|need] to {g}. [How|What do I have to do]?",
        "What are the steps to {g}?",
    )
    fact = topics.Fact((), asks, ())
    lost = house.steps(house.thing(rng), firm, rng)[2]
    return Section(
        f"{one.name}: {rng.choice(SECTIONS)}",
        text,
        (Filled(fact, {"g": asked, "e": one.name}, tuple(steps)),),
        (Filled(fact, {"g": lost, "e": ""}),),
    )


def passages_text(sections: Sequence[Section]) -> str:
    """The numbered passages as they stand in the prompt, from [1] on."""
    return "\n\n".join(f"[{i}] {s.title}\n{s.text}" for i, s in enumerate(sections, 1))


def prompt_text(sections: Sequence[Section], question: str) -> str:
    """The user message of the prompt arms, as the demo templates write it.

    The question stands before the passages too: a model that reads from left to right then knows what to look for.
    """
    return f"Question: {question}\nPassages:\n{passages_text(sections)}\n\nQuestion: {question}"
