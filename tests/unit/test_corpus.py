"""The generator of grounded conversations: deterministic, true to its passages, and not about the demo company."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from pathlib import Path

import pytest

from models.build import articles, corpus, house, lookups, phrasing, topics, values
from models.build.companies import TRADES, company
from models.build.samples import Sample

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


def samples(stage: str, count: int = 150) -> list[Sample]:
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
        question = asked.split("\n\nQuestion: ")[-1]
        assert asked.startswith(f"Question: {question}\nPassages:\n[1] ")
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


def test_a_share_of_the_questions_is_declined_and_the_contact_is_named() -> None:
    for stage, low, high in (("dense", 0.12, 0.26), ("exact", 0.15, 0.33)):
        made = samples(stage, 400)
        kinds = [s.kinds[-1] for s in made]
        assert low < kinds.count("decline") / len(kinds) < high
        for one in made:
            for kind, required in zip(one.kinds, one.required, strict=True):
                assert all(value in one.messages[0]["content"] for value in required if kind == "decline")


def test_an_unanswerable_question_has_none_of_its_values_in_the_passages_on_its_topic() -> None:
    rng = random.Random(3)
    for _ in range(300):
        sections = corpus.scene(rng, 4, False, 0.7, False).sections
        for one in (one for section in sections for one in section.left_out):
            same = [s.text for s in sections if any(fact.slots is one.slots for fact in s.facts)]
            telling = [one.slots[slot] for slot in one.fact.uses if len(one.slots[slot]) > 9]
            assert not telling or not all(value in text for value in telling for text in same)


TOPICS = topics.all_topics()


def test_there_are_many_topics_and_trades() -> None:
    assert len(TOPICS) >= 80
    assert len({t.name for t in TOPICS}) == len(TOPICS)
    assert len({trade for t in TOPICS for trade in t.trades} | set(TRADES)) >= 25


@pytest.mark.parametrize("topic", TOPICS, ids=lambda t: t.name)
def test_a_topic_is_rich_enough_and_its_answers_can_be_read_from_its_texts(topic: topics.Topic) -> None:
    assert len(topic.texts) >= 6 and len(topic.facts) >= 4 and len(topic.never) >= 5 and len(topic.titles) >= 3
    assert all(len(options) >= 6 for options in topic.choices.values())
    in_texts = [{s for line in text for s in topics.SLOT.findall(line)} for text in topic.texts]
    assert len({fact.uses for fact in topic.facts}) == len(topic.facts)
    for fact in topic.facts:
        assert fact.uses and len(fact.asks) >= 8 and len(fact.says) >= 4
        assert sum(fact.uses <= slots for slots in in_texts) >= 4
        for say in fact.says:
            assert set(topics.SLOT.findall(say)) - topics.NOUNS == fact.uses, say
        for ask in fact.asks:
            named = set(topics.SLOT.findall(ask)) - topics.NOUNS
            assert not named & fact.uses, f"gives the answer away: {ask}"
            assert all(named <= slots for slots in in_texts if fact.uses <= slots), ask
    every = {s for slots in in_texts for s in slots} | {
        s for f in topic.facts for p in f.steps for s in topics.SLOT.findall(p)
    }
    kinds = {s.rstrip("0123456789") for s in every - set(topic.choices) - topics.NOUNS}
    assert kinds <= set(values.KINDS)


def test_training_and_evaluation_share_no_text_and_no_question() -> None:
    for seen, held in zip(topics.topics(False), topics.topics(True), strict=True):
        assert not set(seen.texts) & set(held.texts) and held.texts
        for one, other in zip(seen.facts, held.facts, strict=True):
            assert not set(one.asks) & set(other.asks) and other.asks


def test_what_the_article_states_is_found_by_its_slots() -> None:
    lines = ["It costs {price}.", "Ask {person} in {city}.", "Open on {day}."]
    assert articles.lines_with(frozenset({"price"}), lines) == ("It costs {price}.",)
    assert articles.lines_with(frozenset({"price", "day"}), lines) == ("It costs {price}.", "Open on {day}.")
    assert articles.lines_with(frozenset({"price", "code"}), lines) == ()


def test_the_other_tables_name_known_kinds_and_every_statement_holds_its_answers_values() -> None:
    for fact in house.attributes():
        for say in fact.says:
            for state in fact.states:
                assert set(topics.SLOT.findall(say)) - topics.NOUNS <= set(topics.SLOT.findall(state)), say
    assert all({t.entity, t.value} <= set(values.KINDS) for t in lookups.TABLES)


def test_an_unreadable_table_line_is_named() -> None:
    with pytest.raises(ValueError, match="unreadable line of facts: 'X what'"):
        topics.facts_of("S a\nX what")


def test_a_style_is_obeyed() -> None:
    rng = random.Random(8)
    firm = company(rng)
    say = ["It takes 3 days.", "It costs €4."]
    plain = phrasing.Style("brief", "", False, 20, False, "", "", "")
    assert phrasing.dress(say, plain, False, rng) == "It takes 3 days. It costs €4."
    numbered = phrasing.dress(say, replace(plain, tone="plain", shape="steps"), False, rng)
    assert numbered == "1. It takes 3 days.\n2. It costs €4."
    listed = phrasing.dress(say, replace(plain, tone="plain", shape="bullets"), False, rng)
    assert listed == "- It takes 3 days.\n- It costs €4."
    signed = phrasing.dress(say, replace(plain, greeting="Good day.", sign_off="Your team."), False, rng)
    assert signed.startswith("Good day. It takes") and signed.endswith("Your team.")
    rules = phrasing.system_text(firm, replace(plain, cite=True, ask_order=True), True, rng)
    assert firm.name in rules and "order number" in rules


def test_an_unknown_stage_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="copy, find, short, dense, exact, bare"):
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
    evaluation = {"evaluate.py", "realdata.py", "obeyed.py"}
    code = "\n".join(
        file.read_text(encoding="utf-8")
        for file in sorted([*BUILD.glob("*.py"), *BUILD.glob("topics/*.yaml")])
        if file.name not in evaluation
    ).lower()
    text = "\n".join(m["content"] for stage in corpus.STAGES for s in samples(stage) for m in s.messages).lower()
    assert [term for term in HOUSE_TERMS if term in code + text] == []
