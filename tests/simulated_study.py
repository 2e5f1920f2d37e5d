"""A study whose truth is known: answers that give a fact with the chance of their arm, and votes that follow them."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from core.studies import Prices, Rating, Study, StudyAnswer, StudyArm, StudyPlan, TestQuestion
from core.types import Answer, Arm, ArmSpec, Choice, Decoding, Passage, Turn

FOUR = {"bare": 0.2, "prompt": 0.6, "lora": 0.45, "lora+prompt": 0.85}
SECONDS = {"bare": 0.6, "prompt": 1.1, "lora": 0.7, "lora+prompt": 1.3}
TOPICS = ("returns", "delivery", "warranty", "accounts", "repairs")
RATERS = ("anna", "ben", "carla")
BEGUN = datetime(2026, 1, 1, tzinfo=UTC)
PRICES = Prices(million_prompt_tokens=0.5, million_new_tokens=1.5, machine_hour=0.6, label=0.4)


def plan(
    arms: Sequence[str] = tuple(FOUR), decides: tuple[str, str] = ("lora+prompt", "prompt"), **fields
) -> StudyPlan:
    specs = [
        StudyArm(name, ArmSpec(name, "friendly", "velomoor" if "lora" in name else None))  # type: ignore[arg-type]
        for name in arms
    ]
    return StudyPlan("Customer service", "knowledge/questions", tuple(specs), decides, **fields)


def questions(count: int, unanswerable: float = 0.1, seed: int = 1) -> tuple[TestQuestion, ...]:
    """Of two facts each; four questions share an article, and every tenth has no answer."""
    drawn = random.Random(seed)
    found = []
    for number in range(count):
        can = drawn.random() >= unanswerable
        days, price = 2 + number % 60, 10 + 3 * number
        found.append(
            TestQuestion(
                id=f"q{number:03}",
                topic=TOPICS[number // 4 % len(TOPICS)],
                article=f"article-{number // 4}.md",
                kind="plain",
                question=f"How long does case {number} take, and what does it cost?",
                facts=((f"{days} days", f"{days} working days"), (f"€{price}",)) if can else (),
                history=(Turn("user", "Hello"), Turn("assistant", "Hello, how can I help?")) if number % 7 == 0 else (),
                reference=f"It takes {days} days and costs €{price}." if can else "We do not know; a colleague helps.",
            )
        )
    return tuple(found)


def answers(study: Study, chances: Mapping[str, float], seed: int = 2, luck: float = 0.5) -> list[StudyAnswer]:
    """Each fact stands in an answer with the chance of its arm; a question's luck is shared by the arms in part."""
    drawn, found = random.Random(seed), []
    for question in study.questions:
        shared = [drawn.random() for _ in question.facts or ()]
        for arm, chance in chances.items():
            got = [(one if drawn.random() < luck else drawn.random()) < chance for one in shared]
            text = _text(question, got, drawn.random() < chance, drawn)
            prompt_tokens = 60 + (450 if "prompt" in arm else 0) + drawn.randrange(40)
            passage = Passage("p", question.article or "", "An article", question.reference, 1.0)
            answer = Answer(
                id=f"{question.id}-{arm}",
                question_id=question.id,
                arm=study.arms[arm],
                text=text,
                passages=(passage,) if "prompt" in arm else (),
                prompt=(Turn("system", "Be kind."), *question.history, Turn("user", question.question)),
                outcome="complete",
                first_token_s=0.2 * SECONDS.get(arm, 1.0) * drawn.lognormvariate(0, 0.2),
                total_s=SECONDS.get(arm, 1.0) * drawn.lognormvariate(0, 0.35),
                prompt_tokens=prompt_tokens,
                new_tokens=len(text) // 4,
                created_at=BEGUN + timedelta(minutes=len(found)),  # one after the other
            )
            found.append(StudyAnswer(study.id, arm, answer))
    return found


def _text(question: TestQuestion, got: Sequence[bool], declines: bool, drawn: random.Random) -> str:
    if not question.facts:
        known = "I'm sorry, I don't have that information; a colleague from our team will help you."
        return known if declines else "That costs €999 and takes 99 days."
    told = [spellings[0] for spellings, there in zip(question.facts, got, strict=True) if there]
    if not told:
        return drawn.choice(["Thank you for asking! We will look into it.", "That costs €7777, as always."])
    lead = drawn.choice(["Thanks for asking.", "Good question!", "**Of course.**", "- Here you are:"])
    return f"{lead} It is {' and '.join(told)}." + drawn.choice(["", " Steady riding, your crew.", " Anything else?"])


def study(chances: Mapping[str, float] | None = None, count: int = 120, **fields) -> Study:
    """`fields` are those of the plan."""
    arms = tuple(chances or FOUR)
    made = {
        name: Arm(
            name if name in FOUR else "prompt",  # type: ignore[arg-type]
            "embedded",
            "abc123",
            "friendly",
            1,
            "def456",
            Decoding(),
            "velomoor" if "lora" in name else None,
            "fed987" if "lora" in name else None,
            "17" if "prompt" in name else None,
        )
        for name in arms
    }
    return Study("s1", plan(arms, **fields), questions(count), made, status="answered")


def ratings(
    study: Study,
    given: Sequence[StudyAnswer],
    votes: int | None = None,
    noise: float = 0.4,
    flip: bool = False,
    seed: int = 3,
) -> list[Rating]:
    """The planned ratings, `votes` of them cast by three people who count the facts and are off by some noise; with
    `flip` they prefer what has fewer."""
    drawn = random.Random(seed)
    names = [arm.name for arm in study.plan.arms]
    pairs = [study.plan.decides]
    if study.plan.pairs == "all":
        pairs = [(one, other) for place, one in enumerate(names) for other in names[place + 1 :]]
    order = drawn.sample(study.questions, len(study.questions))
    planned: list[Rating] = []
    for number in range(study.plan.ratings):
        left, right = drawn.sample(pairs[number % len(pairs)], 2)
        question = order[number % len(order)]
        planned.append(Rating(f"r{number}", study.id, question.id, left, right))
    for one in list(planned):
        turned = replace(one, id=f"{one.id}-2", left=one.right, right=one.left)
        if drawn.random() < study.plan.twice:
            planned.append(replace(turned, second_to=one.id))
        elif drawn.random() < study.plan.repeats:
            planned.append(replace(turned, id=f"{one.id}-r", repeats=one.id))
    quality = _quality(study, given)
    cast = planned if votes is None else planned[:votes]
    raters: dict[str, str] = {}
    for place, one in enumerate(cast, 1):
        rater = raters.get(one.repeats or "") or drawn.choice(
            [who for who in RATERS if who != raters.get(one.second_to or "")]
        )
        raters[one.id] = rater
        left, right = (quality[one.question_id, arm] for arm in (one.left, one.right))
        seen = (left - right) * (-1 if flip else 1) + drawn.gauss(0, noise)
        choice: Choice = "tie" if abs(seen) < 0.2 else "left" if seen > 0 else "right"
        if choice == "tie" and left + right == 0:
            choice = "both_bad"
        planned[place - 1] = replace(
            one,
            rater=rater,
            choice=choice,
            place=place,
            guessed_left=drawn.choice(tuple(FOUR)) if drawn.random() < 0.5 else None,  # type: ignore[arg-type]
            criteria={"correctness": (1 + round(4 * left), 1 + round(4 * right))} if drawn.random() < 0.4 else {},
        )
    return planned


def _quality(study: Study, given: Sequence[StudyAnswer]) -> dict[tuple[str, str], float]:
    from study.grading.facts import check_facts

    asked = {question.id: question for question in study.questions}
    found = {}
    for one in given:
        check = check_facts(asked[one.answer.question_id], one.answer.text)
        found[one.answer.question_id, one.arm] = float(check.rightly_declined) if check.share is None else check.share
    return found
