"""The grade of an answer: everything a program can measure in one record."""

import numpy as np
import pytest

from core.studies import TestQuestion
from core.types import Answer, Passage, Turn
from study.grading.grade import acceptable, evidence_for, grade, with_similarity

QUESTION = TestQuestion(
    id="q",
    topic="returns",
    article="returns.md",
    kind="follow-up",
    question="And for 2 bikes?",
    facts=(("30 days", "thirty days"), ("€5", "5 euro")),
    history=(Turn("user", "I bought a Kestrel on 3 March."),),
    reference="You have 30 days; each costs €5.",
)
UNANSWERABLE = TestQuestion("u", "t", None, "unanswerable", "Do you sell boats?", (), (), "We do not know.")


def answer(text, passages=(), **measured):
    prompt = (Turn("system", "You are an agent of Wharf & Sons, at most 99 words."), Turn("user", "And?"))
    return Answer("a", "q", text=text, prompt=prompt, passages=passages, **measured)


def graded(text, question=QUESTION, others=(), **measured):
    one = answer(text, **measured)
    return grade(question, one, evidence_for(question, [one, *others]))


def test_a_right_answer_is_measured_and_acceptable():
    found = graded(" You have 30 days; each costs €5. ", prompt_tokens=70, new_tokens=9, first_token_s=0.1, total_s=0.5)
    assert (found.facts_found, found.facts_required, found.share, found.strict) == (2, 2, 1, True)
    assert (found.rouge_l, found.chrf) == (pytest.approx(1), pytest.approx(1))
    assert (found.characters, found.prompt_tokens, found.new_tokens) == (32, 70, 9)
    assert (found.first_token_s, found.total_s, found.similarity) == (0.1, 0.5, None)
    assert found.unsupported == ()
    assert acceptable(found)


def test_a_missing_fact_and_an_invented_one_are_not_acceptable():
    assert graded("You have 30 days.").share == 0.5
    assert not acceptable(graded("You have 30 days."))
    invented = graded("You have 30 days; each costs €5, a box €8.")
    assert invented.right
    assert [one.text for one in invented.unsupported] == ["€8"]
    assert not acceptable(invented)


def test_to_decline_is_acceptable_where_nothing_is_known_and_nothing_is_invented():
    refusal = "We have no information on that; a person can help."
    assert acceptable(graded(refusal, UNANSWERABLE))
    assert not acceptable(graded(refusal))
    assert graded(refusal).wrongly_declined
    assert not acceptable(graded("Yes, we do.", UNANSWERABLE))
    assert not acceptable(graded(f"{refusal} Call 020 123 45 67.", UNANSWERABLE))


def test_question_history_template_facts_and_passages_of_any_arm_are_support():
    text = "Wharf & Sons: for your 2 bikes of 3 March you have thirty days, as 99 of 100 do; each costs 5 euro. Pier 8."
    assert [one.text for one in graded(text).unsupported] == ["100", "8"]
    other = answer("", (Passage("p", "returns.md", "Returns", "Of 100 bikes 8 come back."),))
    assert graded(text, others=[other]).unsupported == ()


def test_an_answer_that_failed_is_an_empty_one():
    failed = graded("", outcome="failed", error="Out of memory.")
    assert (failed.facts_found, failed.declined, failed.unsupported) == (0, False, ())
    assert (failed.rouge_l, failed.chrf, failed.first_token_s) == (0, 0, None)
    assert not acceptable(failed)


def test_similarity_is_the_cosine_to_the_reference_and_0_for_silence():
    vectors = {"near": (0.6, 0.8), "": (1, 0), "reference": (1, 0)}
    grades = [graded("near"), graded("")]
    done = with_similarity(
        grades, ["near", ""], ["reference"] * 2, lambda texts: np.array([vectors[text] for text in texts])
    )
    assert [one.similarity for one in done] == [pytest.approx(0.6), 0]
