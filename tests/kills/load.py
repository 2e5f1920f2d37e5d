"""What the app does all at once, and says of each thing only when it was told that it is done.

A line that was said is an acknowledgement: what it names has to be there after any number of kills.
"""

from __future__ import annotations

import json
import os
import random
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from composition import backup_parts, compose
from core.errors import AlreadyVoted, DuodeskError, VoteError
from core.parts import Parts
from core.types import ARM_NAMES, ArmSpec
from tests.kills.house import DOCUMENTS, STUDY, TEMPLATE, TEMPLATES, House, write_document

Say = Callable[..., None]
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def work(house: House, seed: int, pipe: int) -> None:
    """Composes the real parts and uses them in many threads until the process is killed."""

    def say(kind: str, **what: Any) -> None:
        os.write(pipe, (json.dumps({"kind": kind, **what}) + "\n").encode())  # at once, as one piece

    parts = compose(house.settings)
    parts.model.load()
    say("ready")
    actions = [chat, chat, chat, compare, compare, rate, rate, save_templates, index, back_up]
    threads = [
        threading.Thread(target=_again, args=(action, parts, house, random.Random(f"{seed} {n}"), say), daemon=True)
        for n, action in enumerate(actions)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _again(action: Callable[..., None], parts: Parts, house: House, rng: random.Random, say: Say) -> None:
    while True:
        try:
            action(parts, house, rng, say)
        except DuodeskError as error:
            say("refused", action=action.__name__, error=f"{type(error).__name__}: {error}")
            time.sleep(0.05)
        except Exception:
            say("bug", action=action.__name__, error=traceback.format_exc()[-1500:])
            time.sleep(0.5)


def word(rng: random.Random) -> str:
    """Nothing that could be taken for personal data, and nothing that is said twice."""
    return "".join(rng.choices(LETTERS, k=16))


def some_arm(parts: Parts, rng: random.Random) -> ArmSpec:
    return ArmSpec(rng.choice(ARM_NAMES), rng.choice(TEMPLATES), rng.choice(parts.adapters.names()))


def chat(parts: Parts, house: House, rng: random.Random, say: Say) -> None:
    """A few turns; some answers are stopped on the way."""
    opened = parts.desk.open_chat("ann")
    say("chat", id=opened.id)
    for _ in range(rng.randint(1, 3)):
        text, stop_after = f"Which part is {word(rng)}?", rng.choice([0, 0, 0, 4])
        answers: Iterator[Any] = parts.desk.ask(opened.id, text, some_arm(parts, rng))
        for number, answer in enumerate(answers, 1):
            if number == 1:
                say("question", id=answer.question_id, chat=opened.id, text=text)
            if number == stop_after:
                break
        if answer.outcome == "failed" and not answer.error:  # that is, not at its end yet
            answers.close()  # type: ignore[attr-defined]
            say("answer", id=answer.id, question=answer.question_id, outcome="stopped", text=None)
        else:
            say("answer", id=answer.id, question=answer.question_id, outcome=answer.outcome, text=answer.text)
            if answer.error:
                say("refused", action="chat", error=answer.error)
        if rng.random() < 0.3:
            comment = word(rng)
            parts.desk.rate(answer.id, "ann", 1, comment)
            say("thumb", answer=answer.id, comment=comment)


def compare(parts: Parts, house: House, rng: random.Random, say: Say) -> None:
    """A blind comparison that is voted on twice at once, as by a double click."""
    spec = ArmSpec("bare", "calm"), ArmSpec("lora", "short", "base")
    comparison = parts.comparisons.open("bob", *spec, blind=True)
    sides = list(parts.comparisons.ask(comparison.id, f"Which of the two is {word(rng)}?"))[-1]
    if not sides.rateable:
        raise VoteError(sides.problem)
    comment, choice = word(rng), rng.choice(["left", "right", "tie", "both_bad"])

    def vote(_: int) -> bool:
        try:
            parts.comparisons.vote(comparison.id, "bob", choice, {}, comment)
        except AlreadyVoted:
            return False
        return True

    with ThreadPoolExecutor(2) as clicks:
        taken = list(clicks.map(vote, range(2)))
    if sum(taken) != 1:
        say("bug", action="compare", error=f"{sum(taken)} of two votes were taken")
    parts.comparisons.reveal(comparison.id)
    say("vote", chat=comparison.id, choice=choice, comment=comment)


def rate(parts: Parts, house: House, rng: random.Random, say: Say) -> None:
    rater = f"rater-{rng.randint(1, 3)}-{threading.get_ident() % 1000}"
    task = parts.ratings.next(STUDY, rater)
    if task is None:
        raise VoteError("There is nothing left to rate.")
    comment = word(rng)
    parts.ratings.vote(task.id, STUDY, rater, "left", {}, comment)
    say("rating", id=task.id, rater=rater, comment=comment)


def save_templates(parts: Parts, house: House, rng: random.Random, say: Say) -> None:
    name, note = rng.choice(TEMPLATES), word(rng)
    saved = parts.templates.save(name, TEMPLATE.format(name=name, note=note), note)
    say("version", name=name, version=saved.version, note=note)
    time.sleep(0.02)


def index(parts: Parts, house: House, rng: random.Random, say: Say) -> None:
    """A document is written anew and indexed; its edition is the moment, so that a later one is a higher number."""
    number, generation = rng.randrange(DOCUMENTS), time.time_ns() // 1_000_000
    write_document(house, number, generation)
    report = parts.retriever.index([house.documents])
    if report.failed:
        say("bug", action="index", error=str(report.failed))
    say("indexed", number=number, generation=generation)


def back_up(parts: Parts, house: House, rng: random.Random, say: Say) -> None:
    from backup.archive import writing

    file = house.backups / f"{word(rng)}.zip"
    with writing(file) as target:
        for part in backup_parts(house.settings):
            target.parts[part.name] = part.save(target, lambda _: None)
    say("backup", file=file.name)
    time.sleep(0.5)
