"""A split whose truth is known: visitors with some chats each, who like an arm's answers with its chance."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from core.splits import Split, SplitArm, SplitPlan
from core.studies import Prices
from core.types import Answer, Arm, ArmSpec, Chat, Decoding, Exchange, Passage, Question, Thumb, Turn

BEGUN = datetime(2026, 1, 1, tzinfo=UTC)
UNTIL = BEGUN + timedelta(days=14)
AFTER, DURING = UNTIL + timedelta(hours=1), BEGUN + timedelta(days=7)
PASSAGE = Passage("p1", "fees.md", "Fees", "Sending a bike back costs €25.")


def split(arms: Mapping[str, float] | None = None, margin: float = 0.05, **fields) -> Split:
    """`arms` are shares by cell; the plan has no prices."""
    shares = arms or {"prompt": 50.0, "lora+prompt": 50.0}
    planned = tuple(
        SplitArm(name, ArmSpec(name, "friendly", "velomoor" if "lora" in name else None), share)  # type: ignore[arg-type]
        for name, share in shares.items()
    )
    made = {one.name: arm(one.name) for one in planned}
    prices = Prices(machine_hour=3.6)
    return replace(Split("split-1", SplitPlan("spring", planned, UNTIL, margin, prices), made, BEGUN), **fields)


def arm(name: str, **fields) -> Arm:
    adapter = "velomoor" if "lora" in name else None
    made = Arm(name, "base", "m1", "friendly", 3, "t1", Decoding(), adapter, adapter and "a1", "i1", "onnxruntime")  # type: ignore[arg-type]
    return replace(made, **fields)


def exchanges(
    of: Split,
    likes: Mapping[str, float],
    visitors: int = 400,
    rated: float = 0.6,
    seed: int = 1,
    lose: Mapping[str, float] | None = None,
) -> list[Exchange]:
    """One chat to four of each visitor with one message or two, the oldest first. Of a chat's messages the last may
    have a thumb; a visitor likes all or dislikes all in part. `lose` is the share of visitors that get lost by arm."""
    drawn, found = random.Random(seed), []
    for number in range(visitors):
        visitor = f"v{seed}-{number:04}"
        name = of.draw(visitor).arm
        if drawn.random() < (lose or {}).get(name, 0.0):
            continue
        mood = drawn.random()
        for place in range(drawn.choice((1, 1, 2, 4))):
            asked = BEGUN + timedelta(days=14 * drawn.random())
            happy = (mood if drawn.random() < 0.5 else drawn.random()) < likes[name]
            thumb = drawn.random() < rated
            found += chat(
                of, f"{visitor}-{place}", visitor, name, asked, drawn.choice((1, 2)), happy if thumb else None
            )
    return sorted(found, key=lambda one: one.question.created_at)


def chat(
    of: Split, chat_id: str, visitor: str, name: str, asked: datetime, messages: int = 1, happy: bool | None = None
) -> list[Exchange]:
    """A chat of an arm; its last answer has a thumb unless `happy` is None."""
    held = Chat(chat_id, visitor, specs=(of.plan.arms[0].spec,), split=of.id, split_arm=name, created_at=asked)
    return [
        exchange(held, number, asked + timedelta(minutes=number), happy if number == messages - 1 else None)
        for number in range(messages)
    ]


def exchange(held: Chat, number: int, asked: datetime, happy: bool | None = None, **fields) -> Exchange:
    """`fields` are those of the answer."""
    question = Question(f"{held.id}-q{number}", held.id, f"What does case {held.id} cost?", created_at=asked)
    prompt = (Turn("system", "Be kind."), Turn("user", f"{PASSAGE.text}\n{question.text}"))
    answer = Answer(f"{held.id}-a{number}", question.id, arm=arm(held.split_arm), text="It costs €25.", prompt=prompt)
    answer = replace(answer, passages=(PASSAGE,), outcome="complete", first_token_s=0.4, total_s=1.2, created_at=asked)
    answer = replace(answer, prompt_tokens=300, new_tokens=12, **fields)
    thumbs = () if happy is None else (Thumb(answer.id, held.owner, 1 if happy else -1, created_at=asked),)
    return Exchange(held, question, (answer,), thumbs)
