"""The learning curve of a study: what is trained and asked, once; what resumes; what it says."""

import math
import re
from dataclasses import replace

import pytest

from core.errors import AdapterError, StudyError
from core.training import Run
from study.experiments.choices import CurveChoices
from study.experiments.learning_curve import run_learning_curve
from study.experiments.parts import Stopped
from study.experiments.plain import plain
from study.experiments.sentences import curve_sentences
from study.statistics.estimate import Estimate, Inference
from tests.unit.fake_experiments import embed, make_parts, question

CHOICES = CurveChoices(("transcripts",), sizes=(0, 10, 20, 40), seeds=(1, 2, 3))


def knows(arm, rows):
    """Prompting gives half of the facts, which 20 rows of training give as well."""
    return {"bare": 0.1, "prompt": 0.5, "lora": 0.1 + 0.4 * math.log1p(rows) / math.log1p(20)}.get(arm, 0.9)


def run(parts, choices=CHOICES, stopped=lambda: False, said=None):
    def tell(done, total, doing):
        if said is not None:
            said.append((done, total, doing))

    return run_learning_curve(parts, "0123456789abcdef", choices, tell, stopped)


def test_each_size_is_trained_once_a_seed_on_a_random_order_and_nothing_of_it_is_left():
    parts = make_parts(knows)
    run(parts)
    started = parts.training.started
    assert [(plan.choices.rows, plan.choices.random_order) for plan in started] == [
        (rows, seed) for seed in (1, 2, 3) for rows in (10, 20, 40, 60)
    ]
    assert {plan.recipe.seed for plan in started} == {1, 2, 3}
    assert {plan.choices.seed for plan in started} == {1}, "or the validation rounds would change"
    assert len({plan.adapter for plan in started}) == len(started)
    assert "curve-10-rows-seed-1-01234567" in {plan.adapter for plan in started}
    assert parts.adapters.names() == ["velomoor"] and not parts.training.runs()
    assert not any(plan.samples for plan in started)


def test_adapters_stay_when_they_are_to_be_kept():
    parts = make_parts(knows)
    run(parts, replace(CHOICES, sizes=(0,), seeds=(1,), keep_adapters=True))
    assert parts.adapters.names() == ["curve-60-rows-seed-1-01234567", "velomoor"]
    assert len(parts.training.runs()) == 1


def test_the_crossover_is_found_between_the_sizes_and_said():
    parts = make_parts(knows, questions=200)
    content = run(parts)
    found = content["arms"]["lora"]
    assert found["sizes"] == [0, 10, 20, 40, 60]
    assert found["scores"][0]["mean"] < 0.2 < content["against"]["mean"]
    assert found["crossover"]["low"] <= found["crossover"]["rows"] <= found["crossover"]["high"]
    assert 10 < found["crossover"]["rows"] < 40
    assert found["sentences"][0].startswith("Fine-tuning overtakes prompting at about ")
    assert parts.store.kept.experiments["learning_curve"] == content
    assert content["questions"] == 200 and content["seeds"] == [1, 2, 3] and content["done"]


def test_what_the_study_has_answered_is_not_asked_again_and_without_rows_nothing_is_trained():
    parts = make_parts(knows)
    run(parts)
    assert {arm for arm, _, _ in parts.backend.asked} == {"lora"}
    assert parts.store.named()["lora, 10 rows, seed 1"] == 40
    assert not any("0 rows, seed" in name and ", 0 rows" in name for name in parts.store.named())


def test_a_study_without_the_bare_arm_asks_it_once_for_all_seeds():
    parts = make_parts(knows)
    plan = replace(parts.store.kept.plan, arms=parts.store.kept.plan.arms[1:])
    parts.store.kept = replace(parts.store.kept, plan=plan)
    run(parts)
    assert sum(arm == "bare" for arm, _, _ in parts.backend.asked) == 40
    assert parts.store.named()["lora, 0 rows"] == 40


def test_both_arms_answer_with_the_same_adapter():
    parts = make_parts(knows)
    content = run(parts, replace(CHOICES, arms=("lora", "lora+prompt")))
    assert len(parts.training.started) == 12
    assert set(content["arms"]) == {"lora", "lora+prompt"}
    both = content["arms"]["lora+prompt"]
    assert both["ahead"][0] == {"mean": 0.0, "low": 0.0, "high": 0.0}, "without an adapter it is the prompt arm"
    assert both["sentences"][0].startswith("An adapter on top of 'prompt' helps, certainly from 10 examples on: +")


def test_a_stopped_curve_goes_on_where_it_was():
    parts = make_parts(knows)
    with pytest.raises(Stopped):
        run(parts, stopped=lambda: len(parts.store.all) >= 80 + 70)
    assert len(parts.training.started) == 2
    kept = {(one.arm, one.answer.question_id) for one in parts.store.all if "rows" in one.arm}
    assert 40 < len(kept) < 80
    parts.backend.asked.clear()
    run(parts)
    assert len(parts.backend.asked) == 12 * 40 - len(kept), "what is kept is not asked again"
    assert len(parts.training.started) == 12, "and no adapter that was there was trained again"
    run(parts)
    assert len(parts.training.started) == 12


def test_a_run_that_an_earlier_attempt_left_is_taken_up_and_a_stopped_one_is_begun_anew():
    parts = make_parts(knows)
    choices = replace(CHOICES, sizes=(0,), seeds=(1,))
    run(parts, choices)
    plan = parts.training.started[0]
    parts.store.all = [one for one in parts.store.all if "rows" not in one.arm]

    left = Run("left", plan, "running", "Training.", "2026-11-22T16:35:22+00:00")
    parts.training.all = [left]
    looks = []

    def stopped():
        looks.append(1)
        if len(looks) == 2:
            parts.training.finish("left")
        return False

    run(parts, choices, stopped)
    assert len(parts.training.started) == 1

    parts.store.all = [one for one in parts.store.all if "rows" not in one.arm]
    parts.training.all = [replace(left, status="stopped")]
    parts.adapters.cards[plan.adapter] = {"rows": 3}
    run(parts, choices)
    assert len(parts.training.started) == 2, "a half-trained adapter must not count"


def test_stopping_in_a_training_leaves_nothing_half_trained():
    parts = make_parts(knows)
    parts.training.finish = lambda run_id: None  # it goes on and on
    with pytest.raises(Stopped):
        run(parts, stopped=lambda: bool(parts.training.started))
    assert parts.training.asked == [("stop", "run-1")]
    assert not parts.training.runs() and parts.adapters.names() == ["velomoor"]


def test_a_failed_training_is_told_and_tried_anew():
    parts = make_parts(knows)
    parts.training.finish = lambda run_id: parts.training._set(run_id, "fail", "failed")
    with pytest.raises(StudyError, match="was not trained: Training"):
        run(parts)
    del parts.training.finish
    run(parts)
    assert len(parts.training.started) == 13


def test_failed_answers_are_told_and_asked_again():
    parts = make_parts(knows)
    parts.backend.error = AdapterError("It is gone.")
    with pytest.raises(StudyError, match="40 answers of 'lora, 10 rows, seed 1' failed, the first with: It is gone"):
        run(parts)
    parts.backend.error = None
    assert run(parts)["done"]


def test_another_template_or_other_data_in_the_middle_is_refused_and_more_sizes_are_not():
    parts = make_parts(knows)
    run(parts)
    run(parts, replace(CHOICES, sizes=(0, 10, 15, 20, 40), seeds=(1, 2, 3, 4)))
    parts.backend.template_hash = "t2"
    with pytest.raises(StudyError, match="begun with other arms .*'t1'.*'t2'"):
        run(parts)
    parts.backend.template_hash = "t1"
    with pytest.raises(StudyError, match="begun with other files"):
        run(parts, replace(CHOICES, files=("elsewhere",)))


def test_an_adapter_that_has_seen_test_questions_is_refused_unless_the_study_keeps_leaks():
    parts = make_parts(knows)
    parts.training.seen_questions = 3
    with pytest.raises(StudyError, match="3 questions of the study 'returns' nearly repeat"):
        run(parts)
    parts = make_parts(knows, leaks="keep")
    parts.training.seen_questions = 3
    assert {row["seen"] for row in run(parts)["trainings"]} == {3}
    assert parts.training.started[0].choices.leaks == "keep"


def test_a_study_that_is_not_answered_yet_is_refused():
    parts = make_parts(knows)
    parts.store.all = parts.store.all[:-2]
    with pytest.raises(StudyError, match="The arm 'prompt' .* has not answered 2 of 40"):
        run(parts)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"sizes": (0, 5)}, "cannot be trained on 5 rounds"),
        ({"sizes": (100,)}, "takes two sizes; there are 60 rounds"),
        ({"seeds": (1, 1)}, "different seeds"),
        ({"arms": ("prompt",)}, "lora or lora.prompt"),
        ({"against": "formal"}, "no arm 'formal'"),
    ],
)
def test_choices_that_make_no_curve_are_told(changes, says):
    parts = make_parts(knows)
    with pytest.raises(StudyError, match=says):
        run(parts, replace(CHOICES, **changes))
    assert not parts.training.started


def test_the_time_is_said_before_anything_is_trained_and_falls():
    said = []
    run(make_parts(knows), said=said)
    first = said[1]
    assert first[:2] == (0, 12) and first[2].startswith("12 trainings and 480 answers to go; about ")
    assert said[-1][0] == 11 and "less than a minute left" in said[-1][2]


def test_similarity_stands_beside_facts_and_each_text_is_embedded_once():
    parts = make_parts(knows)
    texts = []
    content = run(replace(parts, embed=lambda new: texts.extend(new) or embed(new)))
    (beside,) = content["also"]
    assert beside["measure"] == "similarity" and set(beside["arms"]) == {"lora"}
    assert len(texts) == len(set(texts))


def test_questions_without_facts_do_not_count_and_a_study_of_ratings_is_measured_by_facts():
    parts = make_parts(knows, measure="ratings")
    questions = (*parts.store.kept.questions, question(99, facts=()))
    parts.store.kept = replace(parts.store.kept, questions=questions)
    content = run(parts)
    assert content["measure"] == "facts" and content["questions"] == 40


@pytest.mark.parametrize("measure", ["similarity", "rouge_l", "chrf"])
def test_any_text_score_makes_a_curve(measure):
    parts = make_parts(knows, measure=measure)
    content = run(parts, replace(CHOICES, seeds=(1, 2)))
    means = [point["mean"] for point in content["arms"]["lora"]["scores"]]
    assert means == sorted(means) and means[0] < means[-1] <= 1


@pytest.mark.parametrize(
    ("rows", "low", "high", "says"),
    [
        (120.4, 60.0, 300.0, "Fine-tuning overtakes prompting at about 120 examples [60, 300]."),
        (None, None, None, "Fine-tuning does not overtake prompting within your 454 examples."),
        (None, 80.0, None, "within your 454 examples; from about 80 on that is not certain."),
        (120.0, 60.0, None, "at about 120 examples, it seems, but within your 454 examples that is not certain."),
        (0.0, 0.0, 25.0, "from the first examples on, certainly from 25."),
    ],
)
def test_the_crossover_in_a_sentence(rows, low, high, says):
    crossover = {"rows": rows, "low": low, "high": high}
    slope = {"mean": 0.03, "low": 0.01, "high": 0.05}
    found = {"sizes": [0, 454], "crossover": crossover, "slope": slope}
    content = {"arms": {"lora": found}, "against": {"name": "prompt"}, "measure": "facts"}
    meeting, more = curve_sentences(content, "lora", 0.05)
    assert meeting.endswith(says)
    assert more == "More examples would still help lora: +3.0 points of facts a doubling [1.0, 5.0]."


@pytest.mark.parametrize(
    ("ahead", "says"),
    [
        (
            [(0, 0), (-0.01, 0.1), (0.01, 0.2), (0.1, 0.3)],
            "helps, certainly from 25 examples on: +20 points of facts [",
        ),
        (
            [(0, 0), (0.1, 0.2), (-0.1, 0.2), (-0.2, 0.3)],
            "Whether an adapter on top of 'prompt' helps cannot be told: +5",
        ),
        ([(0, 0), (0.1, 0.2), (-0.1, 0.2), (-0.3, -0.1)], "An adapter on top of 'prompt' harms: −20 points"),
    ],
)
def test_what_an_adapter_adds_to_prompting_in_a_sentence(ahead, says):
    found = {"sizes": [0, 10, 25, 454], "slope": {"mean": 0.0, "low": 0.0, "high": 0.0}}
    found["ahead"] = [{"mean": (low + high) / 2, "low": low, "high": high} for low, high in ahead]
    content = {"arms": {"lora+prompt": found}, "against": {"name": "prompt"}, "measure": "facts"}
    assert says in curve_sentences(content, "lora+prompt", 0.05)[0]


@pytest.mark.parametrize(
    ("slope", "says"),
    [
        ((0.0, -0.02, 0.02), "would hardly help"),
        ((0.04, -0.02, 0.1), "cannot be told: "),
        ((0.04, None, None), "cannot be told: .*no interval"),
    ],
)
def test_whether_more_examples_would_help_in_a_sentence(slope, says):
    found = {"sizes": [0, 454], "crossover": {"rows": None, "low": None, "high": None}}
    found["slope"] = dict(zip(("mean", "low", "high"), slope, strict=True))
    content = {"arms": {"lora": found}, "against": {"name": "prompt"}, "measure": "facts"}
    assert re.search(says, curve_sentences(content, "lora", 0.05)[1])


def test_findings_are_plain_json():
    import numpy as np

    unknown = Inference(0.5, math.inf, 3.0)
    assert plain({"a": unknown, 1: (Estimate(0.1, math.nan, 0.3), np.float64(2), np.arange(2), None, "x", True)}) == {
        "a": {"mean": 0.5, "low": None, "high": None},
        "1": [{"mean": 0.1, "low": None, "high": 0.3}, 2.0, [0, 1], None, "x", True],
    }
