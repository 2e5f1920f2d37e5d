"""Whether the store holds exactly what people saw: nothing lost, doubled, or mixed up between chats and arms."""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from inspect import cleandoc
from typing import Any

from core.comparison import normalise
from core.parts import Parts
from core.personal_data import KINDS, redact
from core.redaction import RedactingStore
from core.types import Answer, Exchange, TranscriptFilter
from tests.load.seen import MARK, Asked, Asking, Rated

REPLACED = re.compile("|".join(re.escape(f"[{kind}]") for kind in KINDS))


@dataclass
class Findings:
    """What was compared, by kind, and every difference in one sentence."""

    compared: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def expect(self, kind: str, true: bool, sentence: str) -> None:
        self.compared[kind] += 1
        if not true:
            self.wrong.append(f"{kind}: {sentence}")


def check(parts: Parts, asked: Sequence[Asked], rated: Sequence[Rated], study_id: str, replays: int) -> Findings:
    """Compares what people saw with what is on record. Of the answers, `replays` are made once more by an engine with
    nothing else to do; all templates in use are greedy, so that the same prompt and weights give the same words."""
    findings = Findings()
    exchanges = parts.store.search(TranscriptFilter())
    answers = _check_questions(parts, findings, asked, exchanges)
    _check_marks(findings, exchanges)
    _check_order(findings, asked, exchanges)
    _check_ratings(parts, findings, rated, study_id)
    _replay(parts, findings, random.Random(1).sample(answers, min(replays, len(answers))))
    return findings


def _check_questions(
    parts: Parts, findings: Findings, asked: Sequence[Asked], exchanges: Sequence[Exchange]
) -> list[Answer]:
    """Each question is there once, in its asker's chat, answered by the arms asked for with the words shown."""
    by_text: dict[str, list[Exchange]] = defaultdict(list)
    for exchange in exchanges:
        by_text[exchange.question.text].append(exchange)
    for text in by_text.keys() - {one.text for one in asked}:
        findings.expect("nobody else's questions", False, f"nobody asked {text!r}")
    found: list[Answer] = []
    for one in asked:
        there = by_text[one.text]
        findings.expect("questions on record once", len(there) == 1, f"{one.text!r} is there {len(there)} times")
        if len(there) != 1:
            continue
        (exchange,) = there
        chat = exchange.chat
        findings.expect("whose they are", chat.owner == one.owner, f"{one.text!r} is of {chat.owner}, not {one.owner}")
        findings.expect("their chats", chat.id == one.chat, f"{one.text!r} is in {chat.id}, not {one.chat}")
        answers = {answer.lane: answer for answer in exchange.answers}
        findings.expect(
            "answers on record once",
            sorted(answer.lane for answer in exchange.answers) == ["a", "b"][: len(one.arms)],
            f"{one.text!r} has {len(exchange.answers)} answers, not {len(one.arms)}",
        )
        found += answers.values()
        for (lane, answer), arm in zip(sorted(answers.items()), one.arms, strict=False):
            side = "" if one.kind != "compare" else "left" if lane == chat.left else "right"
            said = normalise(answer.text) if side else answer.text
            shown = as_kept(parts, one.shown[side])
            # The chatbot leaves out space at the end and what all further lines are indented by.
            same = cleandoc(said).strip() == cleandoc(shown).strip()
            findings.expect("the words shown", same, f"{one.text!r}: {said!r}, not {shown!r}")
            _check_answer(parts, findings, one, arm, exchange, answer)
        if one.kind == "compare":
            votes = [vote.choice for vote in exchange.votes]
            findings.expect("votes on comparisons", votes == [one.vote] * bool(one.vote), f"{one.text!r}: {votes}")
    return found


def _check_answer(
    parts: Parts, findings: Findings, one: Asked, wanted: Asking, exchange: Exchange, answer: Answer
) -> None:
    """The answer is complete, and of the arm asked for and of nothing else."""
    findings.expect("complete", answer.outcome == "complete", f"{one.text!r}: {answer.outcome}, {answer.error}")
    arm = answer.arm
    if arm is None:
        findings.expect("their arms", False, f"{one.text!r} has no arm")
        return
    made = (arm.name, arm.template, arm.adapter)
    findings.expect("their arms", made == wanted, f"{one.text!r} is answered by {made}, not {wanted}")
    template = parts.templates.get(arm.template)
    adapter = parts.model.adapter_hash(arm.adapter) if arm.adapter else None
    findings.expect(
        "what made them",
        (arm.model_hash, arm.template_hash, arm.adapter_hash) == (parts.model.hash, template.hash, adapter),
        f"{one.text!r} is of {arm}",
    )
    findings.expect("passages", bool(answer.passages) == ("prompt" in arm.name), f"{one.text!r} on {arm.name}")
    history = exchange.history[answer.lane]
    there = [turn.text for turn in answer.prompt]
    # A prompt that is too long for the model loses its oldest turns.
    for forgotten in range(0, len(history) + 1, 2):
        prompt = parts.templates.render(
            template, one.text, history[forgotten:], answer.passages, parts.settings.company
        )
        if same := [as_kept(parts, turn.text) for turn in prompt] == there:
            break
    findings.expect("prompts as rendered anew", same, f"{one.text!r}: {there}")


def _check_marks(findings: Findings, exchanges: Sequence[Exchange]) -> None:
    """No prompt holds a word of another chat: each question bears a mark of its own, and no two are the same."""
    in_chat: dict[str, set[str]] = defaultdict(set)
    for exchange in exchanges:
        in_chat[exchange.chat.id] |= marks(exchange.question.text)
    given = set().union(*in_chat.values())  # what else looks like one is the model's own
    for exchange in exchanges:
        for answer in exchange.answers:
            foreign = (marks(" ".join(turn.text for turn in answer.prompt)) & given) - in_chat[exchange.chat.id]
            findings.expect("prompts of one chat alone", not foreign, f"{exchange.question.text!r} saw {foreign}")


def _check_order(findings: Findings, asked: Sequence[Asked], exchanges: Sequence[Exchange]) -> None:
    """The questions of a chat stand in the order in which they were asked."""
    wanted, there = defaultdict(list), defaultdict(list)
    for one in asked:
        wanted[one.chat].append(one.text)
    for exchange in reversed(exchanges):  # newest first
        there[exchange.chat.id].append(exchange.question.text)
    for chat, texts in wanted.items():
        findings.expect("order within a chat", there[chat] == texts, f"{chat}: {there[chat]} is not {texts}")


def _check_ratings(parts: Parts, findings: Findings, rated: Sequence[Rated], study_id: str) -> None:
    """Each vote is there once, by its rater, on the two texts that the rater saw."""
    texts = {
        (given.arm, given.answer.question_id): normalise(given.answer.text)
        for given in parts.store.studies.answers(study_id)
    }
    votes = {rating.id: rating for rating in parts.store.studies.ratings(study_id) if rating.choice}
    counts = Counter(one.rating for one in rated)
    findings.expect("votes counted", len(votes) == len(counts), f"{len(votes)} on record, {len(counts)} were given")
    for one in rated:
        there = votes.get(one.rating)
        findings.expect("votes once", there is not None and counts[one.rating] == 1, f"{one.rating}: {there}")
        if there:
            given = (there.rater, there.choice)
            findings.expect("votes as given", given == (one.rater, one.choice), f"{given} is not {one}")
            pair = tuple(texts[arm, there.question_id] for arm in (there.left, there.right))
            findings.expect("pairs as shown", pair == (one.left, one.right), f"{one.rating}: {pair} is not {one}")


def _replay(parts: Parts, findings: Findings, answers: Sequence[Answer]) -> None:
    def once_more(answer: Answer) -> str:
        assert answer.arm
        pieces = parts.model.stream(answer.prompt, answer.arm.decoding, answer.arm.adapter)
        return "".join(piece.text for piece in pieces)

    # Of the others the model has seen more than what is on record.
    same = [answer for answer in answers if not any(REPLACED.search(turn.text) for turn in answer.prompt)]
    with ThreadPoolExecutor(4) as pool:
        for answer, text in zip(same, pool.map(once_more, same), strict=True):
            text = as_kept(parts, text)
            findings.expect("made once more", text == answer.text, f"{answer.id}: {answer.text!r}, then {text!r}")


def as_kept(parts: Parts, text: str) -> str:
    """The text as it goes on record: without personal data, which a model's digits may look like."""
    own = parts.store.own() if isinstance(parts.store, RedactingStore) else ()
    return redact(text, own)[0]


def marks(text: str) -> set[str]:
    """The marks in a text, which are what tells questions apart."""
    words: Iterable[str] = text.replace("(", " ").replace(")", " ").split()
    return {word for word in words if word.startswith(MARK)}


def as_record(findings: Findings) -> dict[str, Any]:
    return {"compared": dict(findings.compared), "wrong": findings.wrong}
