"""Generates grounded conversations of fictional companies; prints some, so that one can read them.

    .venv/bin/python -m models.build.corpus --count 5 --seed 7

Every value of an answer stands in the passages or in the system message. Nothing here is about a real company or
the demo company. Stages: `copy` (repeat a list), `find` (the sentence with these words), `short` (small
passages, several questions), `dense` (two to four passages, several questions), `exact` (the shape that the
application sends), `bare` (no passages).
"""

from __future__ import annotations

import argparse
import random
from dataclasses import dataclass, field, replace

from models.build import articles, exercises, phrasing, topics, values
from models.build.articles import Section
from models.build.companies import Company, company
from models.build.samples import Sample, sentence
from models.build.topics import Filled

STAGES = ("copy", "find", "short", "dense", "exact", "bare")


@dataclass(frozen=True)
class Difficulty:
    """Shares from 0 to 1: of questions without an answer, and of passages that are people's prose."""

    unknown: float = 0.22
    prose: float = 0.72


FULL = Difficulty()


@dataclass
class Scene:
    """What one conversation is about."""

    firm: Company
    how: phrasing.Style
    sections: list[Section]
    rng: random.Random
    held_out: bool
    asked: set[tuple[int, frozenset[str]]] = field(default_factory=set)

    def outside(self) -> str:
        """A question that none of the sections answers: close to one of them, or about something else."""
        near = [one.write(one.fact.asks, self.rng) for section in self.sections for one in section.left_out]
        never = [question for section in self.sections for question in section.never]
        pick = self.rng.random()
        if near and pick < 0.45:
            return self.rng.choice(near)
        if never and pick < 0.8:
            return self.rng.choice(never)
        shown = {section.group for section in self.sections}
        while True:
            topic = self.rng.choice([t for t in topics.topics(self.held_out) if t.group not in shown])
            ask = self.rng.choice(self.rng.choice(topic.facts).asks)
            if len(ask.split()) > 5:  # a shorter one could mean anything
                return topics.fill(ask, topic.slots(self.firm, self.rng), self.rng)


def scene(
    rng: random.Random, passages: int, short: bool, prose: float, held_out: bool, firm: Company | None = None
) -> Scene:
    """A company, a style and that many sections, mostly of neighbouring topics so that they resemble each other."""
    known = topics.topics(held_out)
    topic = rng.choice(known)
    firm = firm or company(rng, rng.choice(topic.trades) if topic.trades else "")
    values_of: dict[str, dict[str, str]] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    sections: list[Section] = []
    while len(sections) < passages:
        if rng.random() >= prose:
            shape = rng.random()
            if shape < 0.30:
                sections.append(articles.list_section(firm, rng))
            elif shape < 0.42:
                sections.append(articles.steps_section(firm, rng))
            else:
                sections.append(articles.house_section(firm, rng, 3))
        else:
            slots = values_of.setdefault(topic.name, topic.slots(firm, rng))
            made = articles.topic_section(firm, rng, topic, slots, short)
            # A second passage on one topic must bring other facts, or a question would have two places.
            uses = {(topic.name, one.fact.uses) for one in made.facts}
            if uses and not uses & seen:
                seen |= uses
                sections.append(made)
            near = [t for t in known if t.group == topic.group] if rng.random() < 0.6 else known
            topic = topic if rng.random() < 0.25 else rng.choice(near)
    rng.shuffle(sections)
    sections = [without_answered(section, seen) for section in sections]
    return Scene(firm, phrasing.style(firm, rng), sections, rng, held_out)


def without_answered(section: Section, shown: set[tuple[str, frozenset[str]]]) -> Section:
    """The section, what another one on its topic states no longer counted as left out."""
    left = tuple(one for one in section.left_out if (section.topic, one.fact.uses) not in shown)
    return replace(section, left_out=left)


def answer_to(one: Filled, number: int, how: phrasing.Style, rng: random.Random) -> tuple[list[str], list[str]]:
    """The sentences of an answer from passage `number`, cited if need be, and the values that it must contain."""
    say, required = uncited(one, how, rng)
    return phrasing.cited(say, number, how), [*required, f"[{number}]"] if how.cite else required


def uncited(one: Filled, how: phrasing.Style, rng: random.Random) -> tuple[list[str], list[str]]:
    """The sentences of an answer and the values that it must contain.

    Half of them are the article's own sentences: copying them works for any fact, known patterns would not.
    """
    if not one.fact.says:
        return list(one.stated), list(one.stated)
    pattern = rng.choice(one.fact.says)
    required = one.required(pattern)
    if how.shape == "steps" and one.fact.steps:
        steps = [topics.fill(step, one.slots, rng) for step in one.fact.steps]
        return steps, [value for value in required if any(value in step for step in steps)]
    most = how.words if how.words else 45
    if one.stated and len(" ".join(one.stated).split()) <= most and rng.random() < 0.5:
        return [sentence(text) for text in one.stated], required
    return [topics.fill(pattern, one.slots, rng)], required


def one_answer(now: Scene) -> tuple[str, list[str], list[str]]:
    """A question about one fact, the sentences of its answer and the required values."""
    known = [(i, one) for i, section in enumerate(now.sections, 1) for one in section.facts]
    # A procedure does not fit into one sentence; what was asked is not asked again.
    fitting = [(i, one) for i, one in known if one.fact.says or not now.how.words] or known
    new = [(i, one) for i, one in fitting if (id(one.slots), one.fact.uses) not in now.asked]
    number, chosen = now.rng.choice(new or fitting)
    now.asked.add((id(chosen.slots), chosen.fact.uses))
    ask = chosen.write(chosen.fact.asks, now.rng)
    return ask, *answer_to(chosen, number, now.how, now.rng)


def user_voice(text: str, now: Scene, first: bool) -> tuple[str, bool]:
    """The question as a customer types it, and whether it is angry."""
    rng = now.rng
    openings = phrasing.LEADS + phrasing.BUYERS if now.firm.shop else phrasing.LEADS
    lead = rng.choice(openings if first else phrasing.FOLLOW)
    lead = topics.fill(lead, phrasing.nouns(now.firm), rng) + " " * lead.endswith(" ")
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


def exchange(now: Scene, first: bool, unknown: float) -> tuple[str, str, str, list[str]]:
    """One round: question, answer, kind and required values; `unknown` is the share without an answer."""
    rng = now.rng
    order_known = not now.how.ask_order or not first or rng.random() < 0.5
    if order_known and rng.random() < unknown:
        ask, angry = user_voice(now.outside(), now, first)
        text, required = phrasing.decline(now.firm, now.how, True, angry, rng)
        return ask, text, "decline", required
    asks, says, required = one_answer(now)
    if rng.random() < 0.12 and not now.how.words:
        more_ask, more_say, more = one_answer(now)
        if set(more) != set(required):
            asks = (
                f"{asks}{'' if asks.endswith(('?', '!', '.')) else '?'} {rng.choice(['', 'And ', 'Also: '])}{more_ask}"
            )
            says, required = says + more_say, required + more
    ask, angry = user_voice(asks, now, first)
    if not order_known:
        return ask, rng.choice(phrasing.ASK_ORDER), "chat", []
    if now.how.ask_order and first:
        ask = f"My order number is {values.code(rng)}. {ask}"
    return ask, phrasing.dress(says, now.how, angry, rng), "answer", required


def small_talk(now: Scene) -> tuple[str, str]:
    """A remark and its answer."""
    remark, answer = now.rng.choice(phrasing.SMALL_TALK)
    slots = phrasing.nouns(now.firm)
    return phrasing.pick(remark, now.rng).format(**slots), phrasing.pick(answer, now.rng).format(**slots)


def dense(rng: random.Random, passages: int, short: bool, rounds: int, hard: Difficulty, held_out: bool) -> Sample:
    """Passages once, then several rounds about them."""
    now = scene(rng, passages, short, hard.prose, held_out)
    made = Sample()
    made.add("system", phrasing.system_text(now.firm, now.how, True, rng))
    prefix = rng.choice(["Question: ", "Question: ", ""])
    for i in range(rounds):
        ask, text, kind, required = exchange(now, i == 0, hard.unknown)
        made.add("user", articles.prompt_text(now.sections, ask) if i == 0 else prefix + ask)
        made.reply(text, kind, required)
    return made


def exact(rng: random.Random, hard: Difficulty = FULL, held_out: bool = False, passages: int = 0) -> Sample:
    """The shape of the application: perhaps past turns as plain text, then passages and one question."""
    now = scene(rng, passages or rng.choice([2, 3, 3, 4, 4, 4, 5]), rng.random() < 0.5, hard.prose, held_out)
    made = Sample(last_only=True)
    made.add("system", phrasing.system_text(now.firm, now.how, True, rng))
    if rng.random() < 0.06:
        ask, text = small_talk(now)
        made.add("user", articles.prompt_text(now.sections, ask))
        made.reply(text, "chat", [])
        return made
    for i in range(rng.choice([0, 0, 0, 0, 1, 2])):
        old = replace(scene(rng, 1, True, FULL.prose, held_out, now.firm), how=now.how)
        ask, text, _, _ = exchange(old, i == 0, hard.unknown)
        if rng.random() < 0.4:
            ask, text = small_talk(now)
        made.add("user", ask)
        made.reply(text, "chat", [])
    named = [one for section in now.sections for one in section.facts if one.slots.get("q") and one.fact.says]
    if named and len(made.messages) == 1 and rng.random() < 0.3:
        follow_up(now, made, rng.choice(named))
    else:
        ask, text, kind, required = exchange(now, len(made.messages) == 1, hard.unknown)
        made.add("user", articles.prompt_text(now.sections, ask))
        made.reply(text, kind, required)
    return made


def follow_up(now: Scene, made: Sample, one: Filled) -> None:
    """Two turns: the first names a thing, the second asks about "it"."""
    rng = now.rng
    made.add("user", topics.fill(rng.choice(phrasing.ABOUT), one.slots, rng))
    made.reply(topics.fill(rng.choice(phrasing.WHAT_ABOUT), one.slots, rng), "chat", [])
    it = replace(one, slots=one.slots | {"q": "it"})
    ask = it.write(one.fact.asks, rng).replace("the it", "it").replace("my it", "it").replace("The it", "It")
    number = next(i for i, section in enumerate(now.sections, 1) if one in section.facts)
    say, required = answer_to(one, number, now.how, rng)
    made.add("user", articles.prompt_text(now.sections, ask))
    made.reply(phrasing.dress(say, now.how, False, rng), "answer", required)


def bare(rng: random.Random, held_out: bool) -> Sample:
    """A chat without passages: small talk, and questions about details that we cannot know."""
    now = scene(rng, 1, True, FULL.prose, held_out)
    made = Sample()
    made.add("system", phrasing.system_text(now.firm, now.how, False, rng))
    for i in range(rng.randint(1, 4)):
        if rng.random() < 0.6:
            ask, text = small_talk(now)
            kind, required = "chat", list[str]()
        else:
            ask, angry = user_voice(now.outside(), now, i == 0)
            text, required = phrasing.decline(now.firm, now.how, False, angry, rng)
            kind = "decline"
        made.add("user", ask)
        made.reply(text, kind, required)
    return made


def sample(rng: random.Random, stage: str = "", hard: Difficulty = FULL, held_out: bool = False) -> Sample:
    """One conversation of a stage (see the head of this file), of a random stage by default.

    `hard` says how hard the passages and questions are. `held_out` uses only texts and questions that training
    never sees.
    """
    stage = stage or rng.choice(STAGES)
    if stage == "copy":
        return exercises.copying(rng)
    if stage == "find":
        return exercises.finding(rng, held_out)
    if stage == "short":
        return dense(rng, 1 if rng.random() < 0.7 else 2, True, rng.randint(1, 4), hard, held_out)
    if stage == "dense":
        return dense(rng, rng.choice([2, 3, 3, 4]), rng.random() < 0.6, rng.randint(2, 6), hard, held_out)
    if stage == "exact":
        return exact(rng, hard, held_out)
    if stage == "bare":
        return bare(rng, held_out)
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
