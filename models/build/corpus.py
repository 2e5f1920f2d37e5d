"""Generates grounded conversations of fictional companies; prints some, so that one can read them.

    .venv/bin/python -m models.build.corpus --count 5 --seed 7

Every value of an answer stands in the passages or in the system message. Nothing here is about a real company or
the demo company. Stages: `copy` (repeat a list), `short` (small passages, several questions), `dense` (3 to 4
passages, several questions), `exact` (the shape that the application sends), `bare` (no passages).
"""

from __future__ import annotations

import argparse
import random
from dataclasses import dataclass, field

from models.build import articles, phrasing, topics, values
from models.build.articles import Section
from models.build.companies import Company, company
from models.build.topics import Filled

STAGES = ("copy", "short", "dense", "exact", "bare")


@dataclass
class Sample:
    """A conversation; `required` holds, for each assistant message, the values it must contain.

    `last_only` says that only the last answer may be learnt from, since the passages of earlier ones are gone.
    `kinds` says for each assistant message: answer, decline, chat or copy.
    """

    messages: list[dict[str, str]] = field(default_factory=list)
    required: list[list[str]] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    last_only: bool = False

    def add(self, role: str, content: str) -> None:
        """Append a message of the system or the user."""
        self.messages.append({"role": role, "content": content})

    def reply(self, content: str, kind: str, required: list[str]) -> None:
        """Append an assistant message with what it must contain."""
        self.add("assistant", content)
        self.kinds.append(kind)
        self.required.append(required)


@dataclass
class Scene:
    """What one conversation is about."""

    firm: Company
    how: phrasing.Style
    sections: list[Section]
    used: set[int]
    rng: random.Random

    def outside(self) -> Filled:
        """A filled fact that stands in none of the sections."""
        left = [f for s in self.sections for f in s.left_out if id(f.fact) not in self.used or "e" in f.slots]
        if left and self.rng.random() < 0.6:
            return self.rng.choice(left)
        free = [f for t in topics.all_topics() for f in t.facts if id(f) not in self.used]
        return topics.filled(self.rng.choice(free), self.firm, self.rng)


def scene(rng: random.Random, passages: int, most: int) -> Scene:
    """A company, a style and that many sections, some of the same topic so that they resemble each other."""
    firm = company(rng)
    used: set[int] = set()
    sections: list[Section] = []
    topic = rng.choice(topics.all_topics())
    while len(sections) < passages:
        shape = rng.random()
        if shape < 0.5:
            made_up = (
                articles.list_section(firm, rng)
                if shape < 0.12
                else articles.steps_section(firm, rng)
                if shape < 0.18
                else articles.house_section(firm, rng, most)
            )
            sections.append(made_up)
            continue
        made = articles.section(firm, rng, topic, used, most)
        if made:
            sections.append(made)
        if not made or rng.random() < 0.7:
            topic = rng.choice(topics.all_topics())
    rng.shuffle(sections)
    return Scene(firm, phrasing.style(firm, rng), sections, used, rng)


def one_answer(now: Scene) -> tuple[str, list[str], list[str]]:
    """A question about one fact, the sentences of its answer (with the citation) and the required values."""
    number = now.rng.randrange(len(now.sections))
    chosen = now.rng.choice(now.sections[number].facts)
    ask = chosen.write(chosen.fact.asks, now.rng)
    say, required = chosen.answer(now.rng)
    if now.how.cite:
        say[-1] += f" [{number + 1}]"
        required = [*required, f"[{number + 1}]"]
    return ask, say, required


def user_voice(text: str, now: Scene, first: bool) -> tuple[str, bool]:
    """The question as a customer types it, and whether it is angry."""
    rng = now.rng
    lead = rng.choice(phrasing.LEADS if first else phrasing.FOLLOW)
    lead = lead.format(item=now.firm.item, company=now.firm.name)
    if lead and lead[-2:-1] not in ".!:?":
        text = text[:1].lower() + text[1:] if not text.startswith(("I ", "I'")) else text
    text = lead + text
    angry = rng.random() < 0.08
    if angry:
        mark = rng.choice(phrasing.ANGRY)
        text = rng.choice([f"{mark} {text}", f"{text} {mark}"])
    if rng.random() < 0.12:
        text = text.rstrip("?.") if rng.random() < 0.5 else text[:1].lower() + text[1:]
    return (phrasing.typos(text, rng, 0.15) if rng.random() < 0.2 else text), angry


def exchange(now: Scene, first: bool) -> tuple[str, str, str, list[str]]:
    """One round: question, answer, kind and required values."""
    rng = now.rng
    if rng.random() < 0.16:
        lost = now.outside()
        ask, angry = user_voice(lost.write(lost.fact.asks, rng), now, first)
        text, required = phrasing.decline(now.firm, now.how, True, angry, rng)
        return ask, text, "decline", required
    asks, says, required = one_answer(now)
    core = says
    if rng.random() < 0.14:
        more_ask, more_say, more = one_answer(now)
        if set(more) != set(required):
            asks = f"{asks} {rng.choice(['', 'And ', 'Also: '])}{more_ask}"
            core, required = says + more_say, required + more
    ask, angry = user_voice(asks, now, first)
    return ask, phrasing.dress(core, now.how, angry, rng), "answer", required


def small_talk(now: Scene) -> tuple[str, str]:
    """A remark and its answer."""
    remark, answer = now.rng.choice(phrasing.SMALL_TALK)
    slots = phrasing.nouns(now.firm)
    return phrasing.pick(remark, now.rng).format(**slots), phrasing.pick(answer, now.rng).format(**slots)


def with_passages(now: Scene, question: str) -> str:
    """The user message of the prompt arms."""
    return f"Passages:\n{articles.passages_text(now.sections)}\n\nQuestion: {question}"


def dense(rng: random.Random, passages: int, most: int, rounds: int) -> Sample:
    """Passages once, then several rounds about them."""
    now = scene(rng, passages, most)
    made = Sample()
    made.add("system", phrasing.system_text(now.firm, now.how, True, rng))
    prefix = rng.choice(["Question: ", "Question: ", ""])
    for i in range(rounds):
        ask, text, kind, required = exchange(now, i == 0)
        made.add("user", with_passages(now, ask) if i == 0 else prefix + ask)
        made.reply(text, kind, required)
    return made


def exact(rng: random.Random) -> Sample:
    """The shape of the application: perhaps past turns as plain text, then passages and one question."""
    now = scene(rng, rng.choice([2, 3, 3, 4, 4, 5]), rng.choice([2, 2, 3]))
    made = Sample(last_only=True)
    made.add("system", phrasing.system_text(now.firm, now.how, True, rng))
    for i in range(rng.choice([0, 0, 0, 1, 1, 2])):
        old = scene(rng, 1, 2)
        ask, text, kind, required = exchange(Scene(now.firm, now.how, old.sections, old.used, rng), i == 0)
        if rng.random() < 0.4:
            ask, text = small_talk(now)
            kind, required = "chat", []
        made.add("user", ask)
        made.reply(text, kind, [])
    ask, text, kind, required = exchange(now, len(made.messages) == 1)
    if rng.random() < 0.05:
        ask, text = small_talk(now)
        kind, required = "chat", []
    made.add("user", with_passages(now, ask))
    made.reply(text, kind, required)
    return made


def bare(rng: random.Random) -> Sample:
    """A chat without passages: small talk, and questions about details that we cannot know."""
    now = scene(rng, 1, 1)
    made = Sample()
    made.add("system", phrasing.system_text(now.firm, now.how, False, rng))
    for i in range(rng.randint(1, 4)):
        if rng.random() < 0.6:
            ask, text = small_talk(now)
            kind, required = "chat", list[str]()
        else:
            fact = now.outside()
            ask, angry = user_voice(fact.write(fact.fact.asks, rng), now, i == 0)
            text, required = phrasing.decline(now.firm, now.how, False, angry, rng)
            kind = "decline"
        made.add("user", ask)
        made.reply(text, kind, required)
    return made


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


def sample(rng: random.Random, stage: str = "") -> Sample:
    """One conversation of a stage (see the head of this file), of a random stage by default."""
    stage = stage or rng.choice(STAGES)
    if stage == "copy":
        return copying(rng)
    if stage == "short":
        return dense(rng, 1 if rng.random() < 0.7 else 2, 2, rng.randint(2, 4))
    if stage == "dense":
        return dense(rng, rng.choice([2, 3, 3, 4]), 3, rng.randint(3, 6))
    if stage == "exact":
        return exact(rng)
    if stage == "bare":
        return bare(rng)
    raise ValueError(f"unknown stage {stage!r}: use one of {', '.join(STAGES)}")


def main() -> None:
    """Print samples."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=3, help="samples to print")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--stage", choices=STAGES, help="random without it")
    args = parser.parse_args()
    rng = random.Random(args.seed)
    for _ in range(args.count):
        made = sample(rng, args.stage or "")
        for message in made.messages:
            print(f"<{message['role']}> {message['content']}")
        print("required:", made.required, "\n")


if __name__ == "__main__":
    main()
