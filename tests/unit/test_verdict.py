"""The verdict: it names an arm when the data can tell, says so when they cannot, and when nothing matters."""

import random

import pytest

from core.studies import TestQuestion
from core.types import ARM_NAMES, Answer
from study.grading.grade import Grade
from study.run import Graded
from study.verdict import print_verdict, verdict


def graded(number, arm, right, required=1, declined=False, seconds=1.0):
    question = TestQuestion(f"q{number:03}", "t", f"{number // 2}.md", "plain", "?", (("x",),) * required, (), "x")
    grade = Grade(
        facts_found=int(right) * required,
        facts_required=required,
        declined=declined,
        answerable=required > 0,
        unsupported=(),
        rouge_l=0.0,
        chrf=0.0,
        similarity=None,
        characters=1,
        prompt_tokens=1,
        new_tokens=1,
        first_token_s=0.1,
        total_s=seconds,
    )
    return Graded(question, arm, Answer("a", question.id, text="x", total_s=seconds, outcome="complete"), grade)


def study(questions, chances, seed=1):
    """Answers that are right with the chance of their arm; a question's luck is shared by the arms in part."""
    drawn, found = random.Random(seed), []
    for number in range(questions):
        luck = drawn.random()
        for arm, chance in chances.items():
            mixed = luck if drawn.random() < 0.5 else drawn.random()
            found.append(graded(number, arm, mixed < chance, seconds=2.0 if "prompt" in arm else 1.0))
    return found


def test_a_clearly_better_arm_is_named_with_its_lead_and_interval():
    found = verdict(study(150, dict(zip(ARM_NAMES, (0.1, 0.4, 0.3, 0.9), strict=True))), 0.05)
    assert (found.decision, found.best, found.second) == ("use", "lora+prompt", "prompt")
    assert found.sentence.startswith("Use lora+prompt: +")
    span = found.lead.interval()
    assert 0 < span.low < found.lead.mean < span.high
    assert found.effects["retrieval"].mean == pytest.approx(0.45, abs=0.12)


def test_few_questions_decide_nothing_and_it_says_how_many_more_would():
    found = verdict(study(12, {"prompt": 0.8, "lora": 0.75}, seed=3), 0.05)
    assert found.decision == "undecided"
    assert found.sentence.startswith("Not decisive yet:") and "more questions" in found.sentence
    assert found.effects == {}


def test_arms_within_the_margin_make_no_difference_and_the_quickest_is_advised():
    always = [
        graded(number, arm, True, seconds=2.0 if arm == "prompt" else 1.0)
        for number in range(80)
        for arm in ("prompt", "lora")
    ]
    always[0] = graded(0, "prompt", False, seconds=2.0)
    found = verdict(always, 0.1)
    assert found.decision == "equal"
    assert "use lora, the quickest" in found.sentence


def test_equal_arms_are_rarely_told_apart():
    alarms = sum(verdict(study(60, dict.fromkeys(ARM_NAMES, 0.5), seed), 0.02).decision == "use" for seed in range(40))
    assert alarms <= 3


def test_an_arm_that_declines_everything_does_not_win():
    lazy = [graded(n, "bare", False, required=n % 2, declined=True) for n in range(80)]
    busy = [graded(n, "prompt", n % 4 > 0, required=n % 2) for n in range(80)]
    found = verdict(lazy + busy, 0.05)
    assert (found.decision, found.best) == ("use", "prompt")
    assert found.standings["bare"].declined.mean == 1.0
    assert found.questions == 40


def test_the_best_of_bad_arms_is_not_recommended():
    found = verdict(study(150, {"prompt": 0.02, "lora": 0.3}), 0.05)
    assert found.sentence.startswith("None is fit for customers: the best, lora, gives")


def test_one_arm_or_one_question_is_no_study():
    with pytest.raises(ValueError, match="two arms and two answerable questions"):
        verdict(study(5, {"prompt": 0.5}), 0.05)
    with pytest.raises(ValueError, match="two arms and two answerable questions"):
        verdict(study(1, {"prompt": 0.5, "lora": 0.5}), 0.05)


def test_it_is_printed_for_people(capsys):
    print_verdict(verdict(study(40, dict(zip(ARM_NAMES, (0.1, 0.4, 0.3, 0.9), strict=True))), 0.05))
    said = capsys.readouterr().out
    assert "the adapter adds +" in said and "declined rightly" in said
