"""The demo company: enough of it, consistent, and tests that were not learnt by heart."""

import json
from collections import Counter
from pathlib import Path

import pytest
from rapidfuzz import fuzz, process

from study.grading.facts import check_facts
from study.questions import read_questions

KNOWLEDGE = Path(__file__).resolve().parents[2] / "knowledge"
ARTICLES = {file.name: file.read_text(encoding="utf-8") for file in (KNOWLEDGE / "articles").glob("*.md")}
QUESTIONS = read_questions(KNOWLEDGE / "questions")
TRANSCRIPTS = [
    json.loads(line)
    for file in sorted((KNOWLEDGE / "transcripts").glob("*.jsonl"))
    for line in file.read_text(encoding="utf-8").splitlines()
]
ASKED = [m["content"] for t in TRANSCRIPTS for m in t["messages"] if m["role"] == "user"]
NEAR_DUPLICATE = 85  # of 100, rapidfuzz's token-sort ratio: paraphrases of one question score about 50 to 75


def test_there_is_enough_to_study():
    assert len(ARTICLES) >= 45
    assert len(TRANSCRIPTS) >= 400
    assert len(QUESTIONS) >= 200
    assert sum(not question.answerable for question in QUESTIONS) >= 30
    assert {"plain", "typo", "angry", "double", "follow-up", "unanswerable"} == {q.kind for q in QUESTIONS}


def test_ids_are_unique():
    ids = [t["id"] for t in TRANSCRIPTS] + [q.id for q in QUESTIONS]
    assert [name for name, count in Counter(ids).items() if count > 1] == []


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda q: q.id)
def test_each_questions_facts_stand_in_its_article_and_its_reference_has_them_all(question):
    if question.answerable:
        article = " ".join(ARTICLES[question.article].lower().split())
        for spellings in question.facts:
            assert any(spelling.lower() in article for spelling in spellings), f"{question.article} lacks {spellings}"
    assert check_facts(question, question.reference).right, question.reference


def test_only_follow_ups_have_a_history():
    assert {q.kind for q in QUESTIONS if q.history} == {"follow-up"}
    assert all(q.history for q in QUESTIONS if q.kind == "follow-up")


def test_transcripts_alternate_and_end_with_the_agent():
    for transcript in TRANSCRIPTS:
        roles = [message["role"] for message in transcript["messages"]]
        assert roles == ["user", "assistant"] * (len(roles) // 2), transcript["id"]
        assert all(message["content"].strip() for message in transcript["messages"]), transcript["id"]


def test_no_test_question_is_a_near_duplicate_of_a_transcript():
    for question in QUESTIONS:
        nearest, score, _ = process.extractOne(question.question, ASKED, scorer=fuzz.token_sort_ratio)
        assert score < NEAR_DUPLICATE, f"{question.id} '{question.question}' is close to '{nearest}' ({score:.0f})"


def test_the_near_duplicate_check_would_catch_one():
    copied = ASKED[0].replace("the", "teh").rstrip("?.") + " pls?"
    assert process.extractOne(copied, ASKED, scorer=fuzz.token_sort_ratio)[1] >= NEAR_DUPLICATE


def test_some_topics_have_articles_and_questions_but_no_transcripts():
    taught = {transcript["topic"] for transcript in TRANSCRIPTS}
    untaught = {question.topic for question in QUESTIONS} - taught
    assert len(untaught) >= 8, "an adapter's blind spots must show"
