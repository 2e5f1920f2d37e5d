"""The fact grader, on the ways answers are really written."""

import pytest

from core.studies import TestQuestion
from study.grading.facts import FactCheck, check_facts


def question(*facts):
    return TestQuestion("q", "t", "a.md", "plain", "?", tuple(facts), (), "")


@pytest.mark.parametrize(
    ("facts", "answer", "found"),
    [
        ([("30 days", "thirty days")], "You have **30 days** to return it.", 1),
        ([("30 days", "thirty days")], "You have Thirty  days.", 1),
        ([("30 days",)], "You have 130 days.", 0),
        ([("4 hours",)], "It takes 24 hours.", 0),
        ([("5 hours",)], "It takes 1.5 hours.", 0),
        ([("€39",)], "Fast Lane costs €39.", 1),
        ([("€39",)], "Fast Lane costs €390.", 0),
        ([("€14",)], "It is €14.90 a month.", 0),
        ([("E-417",)], "the code (e-417) means", 1),
        ([("9:00–18:00",)], "Open 9:00-18:00.", 1),
        ([("rider's licence",)], "Bring a rider’s licence.", 1),
        ([("€39",), ("48 hours",)], "It costs €39.", 1),
    ],
)
def test_facts_are_found_as_whole_values(facts, answer, found):
    check = check_facts(question(*facts), answer)
    assert check.facts_found == found
    assert check.strict == check.right == (found == len(facts))
    assert check.share == found / len(facts)


@pytest.mark.parametrize(
    ("answer", "declined"),
    [
        ("I don't have that in our help centre. A person from the Crew can help: crew@velomoor.example.", True),
        ("Our help centre does not say. Please call +31 50 555 0142.", True),
        ("The help centre does not mention it.", False),
        ("Write to crew@velomoor.example for a quote.", False),
        ("Sure, it costs €39.", False),
        ("", False),
    ],
)
def test_a_refusal_admits_not_knowing_and_offers_a_person(answer, declined):
    check = check_facts(question(), answer)
    assert check.declined is check.right is check.rightly_declined is declined
    assert check.share is None
    assert not check.strict, "nothing was required"


def test_a_refusal_is_wrong_where_there_is_an_answer():
    refusal = "The help centre does not say; a person can help."
    assert check_facts(question(("€39",)), refusal).wrongly_declined
    assert not check_facts(question(), refusal).wrongly_declined
    assert not check_facts(question(("€39",)), "It costs €390.").wrongly_declined
    complete = FactCheck(facts_found=1, facts_required=1, declined=True, answerable=True)
    assert complete.right and not complete.wrongly_declined, "it only sounded like a refusal"
