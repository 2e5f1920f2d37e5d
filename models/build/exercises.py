"""Exercises that lead to reading: repeat a text, look a name up in a list, find the sentence with some words."""

from __future__ import annotations

import random
import re

from models.build import articles, topics, values
from models.build.companies import company
from models.build.samples import Sample, sentence


def repeating(rng: random.Random) -> Sample:
    """A random text of names, values and words that is given back as it is: what copying heads learn from first."""
    kinds = ["code", "price", "days", "phone", "email", "name", "city", "time", "part", "plan", "menu", "person"]
    words = " ".join(articles.FILLERS).replace("{", "").replace("}", "").split()
    made = Sample()
    mark = rng.choice([" ", " ", ", ", "\n", " - "])
    for _ in range(rng.randint(1, 3)):
        count = rng.randint(3, 14)
        parts = [rng.choice(words) if rng.random() < 0.4 else values.draw(rng.choice(kinds), rng) for _ in range(count)]
        text = mark.join(parts)
        made.add("user", rng.choice(["Repeat: ", "Say: ", "Copy this: ", ""]) + text)
        made.reply(text, "copy", [text])
    return made


def copying(rng: random.Random) -> Sample:
    """A short list of names with values, asked back one by one: the plainest exercise of copying."""
    if rng.random() < 0.4:
        return repeating(rng)
    kind = rng.choice(["code", "price", "days", "phone", "email", "name", "city", "time", "part", "plan"])
    keys = rng.sample([values.made_up_name(rng) for _ in range(8)] + values.PEOPLE[:8], rng.randint(2, 5))
    pairs = {key: values.draw(kind, rng) for key in keys}
    mark = rng.choice([": ", " = ", " has ", " - "])
    joint = rng.choice(["\n", "; ", ", "])
    made = Sample()
    listed = joint.join(f"{k}{mark}{v}" for k, v in pairs.items())
    form = rng.choice(["{k}?", "What is with {k}?", "What does {k} have?", "Which {kind} for {k}?"])
    answer = rng.choice(["{v}", "{k}{mark}{v}", "It is {v}.", "{k} has {v}."])
    for i in range(rng.randint(2, 6)):
        key = rng.choice(keys)
        ask = form.format(k=key, kind=kind)
        made.add("user", f"{listed}\n{ask}" if i == 0 else ask)
        made.reply(answer.format(k=key, v=pairs[key], mark=mark), "copy", [pairs[key]])
    return made


def finding(rng: random.Random, held_out: bool) -> Sample:
    """Passages, and a question that is two or three words of one of their sentences, which is the answer."""
    firm = company(rng)
    sections = []
    for topic in rng.sample(topics.topics(held_out), rng.randint(1, 3)):
        slots = topic.slots(firm, rng)
        lines = [topics.fill(line, slots, rng) for line in rng.choice(topic.texts)]
        kept = [articles.LIST_MARK.sub("", line) for line in rng.sample(lines, min(len(lines), rng.randint(1, 4)))]
        sections.append(
            (articles.Section(topics.fill(articles.title(topic, rng), slots, rng), " ".join(kept), (), ()), kept)
        )
    shown = [section for section, _ in sections]
    read = articles.passages_text(shown).lower()
    lines = [line for _, kept in sections for line in kept]
    made = Sample()
    made.add("system", f"You are a customer service agent of {firm.name}.")
    for line in rng.sample(lines, min(len(lines), rng.randint(1, 3))):
        found = [w for w in re.findall(r"[\w'€.-]*\w", line) if len(w) > 3 and read.count(w.lower()) == 1]
        if not found:
            continue
        # Its beginning is what an answer has to start with, and far easier to find than a word in its middle.
        first = " ".join(line.split()[: rng.randint(1, 4)]).rstrip(",.:?!")
        words = (
            first
            if read.count(first.lower()) == 1 and rng.random() < 0.5
            else " ".join(rng.sample(found, min(len(found), rng.randint(2, 4))))
        )
        ask = rng.choice(["{w}?", "{w}", "What about {w}?", "what do you say about {w}"]).format(w=words)
        made.add("user", articles.prompt_text(shown, ask) if len(made.messages) == 1 else f"Question: {ask}")
        made.reply(sentence(line), "copy", [])
    return made if made.kinds else finding(rng, held_out)
