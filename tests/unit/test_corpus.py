"""The generator of grounded conversations: deterministic, true to its passages, and not about the demo company."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from models.build import corpus, house, lookups, phrasing, topics, values
from models.build.companies import TRADES, company

BUILD = Path(__file__).parents[2] / "models" / "build"
# House terms of the demo company: the base model must not know them before it is fine-tuned.
HOUSE_TERMS = [
    "velomoor",
    "mooring",
    "ferryman",
    "ferry visit",
    "kestrel",
    "stillwater",
    "moorcell",
    "quay charger",
    "homeward",
    "knot number",
    "keel warranty",
    "tailwind",
    "recell",
    "spring tide",
    "shakedown",
    "ride log",
    "swap & sail",
    "wave card",
    "fleet line",
    "instalment line",
    "fast lane",
    "doorstep setup",
    "steady riding",
    "hailing the crew",
]


def samples(stage: str, count: int = 150) -> list[corpus.Sample]:
    """Generated conversations of one stage with a fixed seed."""
    rng = random.Random(11)
    return [corpus.sample(rng, stage) for _ in range(count)]


@pytest.mark.parametrize("stage", corpus.STAGES)
def test_same_seed_same_text(stage: str) -> None:
    assert [s.messages for s in samples(stage, 20)] == [s.messages for s in samples(stage, 20)]


@pytest.mark.parametrize("stage", ["copy", "short", "dense"])
def test_required_values_stand_in_the_answer_and_in_what_the_model_reads(stage: str) -> None:
    for made in samples(stage):
        read = ""
        answers = iter(zip(made.required, made.kinds, strict=True))
        for message in made.messages:
            if message["role"] != "assistant":
                read += message["content"].lower() + "\n"
                continue
            required, _ = next(answers)
            for value in required:
                assert value.lower() in message["content"].lower()
                assert value.lower() in read


def test_the_single_question_shape_is_the_one_of_the_application() -> None:
    for made in samples("exact"):
        assert made.last_only
        assert made.messages[0]["role"] == "system"
        assert made.messages[0]["content"].startswith("You are ")
        asked = made.messages[-2]["content"]
        assert asked.startswith("Passages:\n[1] ") and "\n\nQuestion: " in asked
        for value in made.required[-1]:
            in_system = value in made.messages[0]["content"]
            assert in_system or value.lower() in asked.split("\n\nQuestion: ")[0].lower()


def test_roles_alternate_and_no_pattern_is_left_unfilled() -> None:
    for stage in corpus.STAGES:
        for made in samples(stage, 60):
            roles = [m["role"] for m in made.messages if m["role"] != "system"]
            assert roles == ["user", "assistant"] * (len(roles) // 2)
            for message in made.messages:
                assert not re.search(r"\{\w*\}|\[[a-z][^\]]*\||<\|", message["content"])
                assert message["content"].strip()


def test_about_one_answer_in_seven_declines_and_names_the_contact() -> None:
    made = samples("dense", 300)
    kinds = [k for s in made for k in s.kinds]
    assert 0.10 < kinds.count("decline") / len(kinds) < 0.22
    for one in made:
        for kind, required in zip(one.kinds, one.required, strict=True):
            assert all(value in one.messages[0]["content"] for value in required if kind == "decline")


def test_a_topic_answer_uses_only_values_of_every_statement() -> None:
    for topic in topics.all_topics():
        for fact in topic.facts:
            assert fact.states and fact.asks and fact.says, topic.titles
            for say in fact.says:
                for state in fact.states:
                    assert set(topics.SLOT.findall(say)) - topics.NOUNS <= set(topics.SLOT.findall(state)), say


def test_tables_are_large_enough_and_name_known_kinds() -> None:
    assert len(TRADES) >= 12
    assert len(topics.all_topics()) >= 30
    facts = [f for t in topics.all_topics() for f in t.facts] + list(house.attributes())
    slots = {s for f in facts for p in f.states + f.asks + f.says for s in topics.SLOT.findall(p)}
    assert {s.rstrip("0123456789") for s in slots} - topics.NOUNS - {"e", "q"} <= set(values.KINDS)
    assert all({t.entity, t.value} <= set(values.KINDS) for t in lookups.TABLES)


def test_an_unreadable_table_line_is_named() -> None:
    with pytest.raises(ValueError, match="unreadable topic line: 'X what'"):
        topics.parse("\n== A\nX what")


def test_an_unknown_stage_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="copy, short, dense, exact, bare"):
        corpus.sample(random.Random(0), "nothing")


def test_values_have_the_forms_the_application_must_copy() -> None:
    rng = random.Random(2)
    assert any(re.fullmatch(r"[A-Z]-\d{3}", values.code(rng)) for _ in range(200))
    assert any(re.fullmatch(r"€\d+\.\d\d", values.price(rng)) for _ in range(50))
    assert all("555" in values.phone(rng) for _ in range(50))
    assert all(".example" in values.email(rng) for _ in range(50))


def test_typing_errors_leave_codes_and_names_alone() -> None:
    text = "please return E-417 from Kovia within fourteen days"
    changed = phrasing.typos(text, random.Random(1), 1.0)
    assert changed != text and "E-417" in changed and "Kovia" in changed


def test_companies_differ() -> None:
    rng = random.Random(5)
    assert len({company(rng).name for _ in range(200)}) > 190


def test_nothing_of_the_demo_company_is_in_the_generator() -> None:
    code = "\n".join(file.read_text(encoding="utf-8") for file in sorted(BUILD.glob("*.py"))).lower()
    text = "\n".join(m["content"] for stage in corpus.STAGES for s in samples(stage) for m in s.messages).lower()
    assert [term for term in HOUSE_TERMS if term in code + text] == []
