"""The findings of a study: on made-up studies whose truth is known they name the right arm, or say what is missing."""

from dataclasses import replace

import pytest

from core.errors import UnknownAdapter
from core.studies import Prices
from core.types import Answer
from study.analysis.findings import findings
from study.report.terminal import print_findings
from study.report.tools import ReportTools
from tests import simulated_study as simulated

CARD = {"seconds": 600.0, "conversation_rounds": 500, "parent": None}
TOOLS = ReportTools(card=lambda adapter: CARD)


def found(chances=None, tools=TOOLS, seed=4, count=80, **fields):
    """The findings of a study whose arms give each fact with these chances."""
    study = simulated.study(chances, count, **fields)
    return findings(study, simulated.answers(study, chances or simulated.FOUR, seed), [], tools)


@pytest.fixture(scope="module")
def four():
    return found(count=120, prices=simulated.PRICES)


def test_the_better_arm_is_named_first_with_its_lead_interval_cost_and_time(four):
    decision = four.decision
    assert (decision.kind, decision.advised, decision.other) == ("use", "lora+prompt", "prompt")
    lead = decision.lead.interval
    assert 0 < lead.low < lead.mean < lead.high
    assert decision.sentence.startswith(f"Use lora+prompt: {100 * lead.mean:.0f} points more facts than prompt alone [")
    assert "for 1,000 answers against EUR" in decision.sentence and decision.sentence.endswith(" s.")


def test_the_planned_comparison_decides_even_where_another_arm_is_best():
    decision = found(decides=("prompt", "lora")).decision
    assert (decision.kind, decision.advised) == ("use", "prompt")


def test_an_arm_beyond_the_plan_that_is_better_still_is_told_as_exploration():
    explored = found(decides=("prompt", "lora")).exploration
    assert len(explored) == 1
    assert "Beyond the planned comparison, lora+prompt has" in explored[0]
    assert "corrected for looking at all pairs" in explored[0]


def test_the_second_of_the_planned_arms_can_win():
    decision = found(decides=("prompt", "lora+prompt")).decision
    assert (decision.kind, decision.advised) == ("use", "lora+prompt")
    assert decision.lead.interval.mean < 0
    assert "points more facts than prompt alone" in decision.sentence


def test_equal_arms_are_called_equal_and_the_cheaper_is_advised():
    decision = found(
        {"prompt": 0.9, "lora": 0.9}, decides=("lora", "prompt"), margin=0.1, count=200, prices=simulated.PRICES
    ).decision
    assert decision.kind == "equal"
    assert decision.sentence.startswith("No difference that matters: lora and prompt are within 10 points of facts")
    assert "Use lora, the cheaper" in decision.sentence


def test_a_sure_difference_that_is_smaller_than_what_matters_is_no_reason_to_choose():
    decision = found({"prompt": 0.9, "lora": 0.86}, decides=("prompt", "lora"), margin=0.2, count=200).decision
    assert decision.kind == "equal"


def test_few_questions_decide_nothing_and_it_is_said_how_many_more_would():
    decision = found({"prompt": 0.75, "lora": 0.7}, decides=("prompt", "lora"), count=20).decision
    assert decision.kind == "undecided"
    assert decision.sentence.startswith("Not decisive yet: about ") and "more questions" in decision.sentence


def test_equal_arms_are_rarely_told_apart():
    told = [
        found({"prompt": 0.6, "lora": 0.6}, seed=seed, decides=("lora", "prompt"), count=40, margin=0.02).decision.kind
        for seed in range(10)
    ]
    assert told.count("use") <= 2


def test_the_best_of_bad_arms_is_not_recommended():
    decision = found({"prompt": 0.1, "lora": 0.3}, decides=("lora", "prompt")).decision
    assert decision.kind == "none_fit"
    assert decision.sentence.startswith("None is fit for customers: the best, lora, gives ")


def test_two_unfit_arms_do_not_hide_a_fit_one_beyond_the_plan():
    decision = found({"bare": 0.1, "lora": 0.3, "prompt": 0.8}, decides=("lora", "bare")).decision
    assert decision.sentence.startswith("Neither lora nor bare is fit for customers")
    assert "prompt gives" in decision.sentence


def test_an_arm_that_declines_everything_does_not_win():
    study = simulated.study({"bare": 0.0, "prompt": 0.7}, decides=("bare", "prompt"), count=60)
    answers = simulated.answers(study, {"bare": 0.0, "prompt": 0.7})
    lazy = "I don't know that, sorry; a colleague from our team will help you."
    answers = [replace(one, answer=replace(one.answer, text=lazy)) if one.arm == "bare" else one for one in answers]
    told = findings(study, answers, [], TOOLS)
    assert (told.decision.kind, told.decision.advised) == ("use", "prompt")
    assert told.arms["bare"].figures["rightly_declined"].mean == 1.0
    assert told.arms["bare"].figures["wrongly_declined"].mean == 1.0


def test_a_study_without_answers_says_that_there_is_nothing_to_say():
    study = replace(simulated.study(), status="planned")
    told = findings(study, [], [], TOOLS)
    assert told.decision.sentence.startswith("Nothing to say yet")
    assert told.comparisons == () and told.topics == () and told.costs.arms == {}


def test_a_study_that_runs_is_not_decided_on_what_is_there():
    study = replace(simulated.study(count=80), status="running")
    answers = simulated.answers(study, simulated.FOUR)[:200]
    decision = findings(study, answers, [], TOOLS).decision
    assert decision.kind == "undecided"
    assert decision.sentence.startswith("Not finished yet: 200 of 320 answers are there; so far, lora+prompt leads")


def test_arms_are_compared_on_the_questions_that_both_have_answered_and_that_is_said():
    study = simulated.study(count=80)
    answers = [
        one
        for one in simulated.answers(study, simulated.FOUR)
        if one.arm != "prompt" or one.answer.question_id < "q040"
    ]
    told = findings(study, answers, [], TOOLS)
    deciding = told.comparisons[0]
    assert deciding.decides and deciding.questions == sum(1 for one in study.questions[:40] if one.facts)
    assert told.arms["prompt"].missing == 40
    assert any("Answers are missing: prompt 40 questions" in line for line in told.remarks)


def test_failed_answers_count_as_empty_and_are_told():
    study = simulated.study(count=60)
    answers = [
        replace(one, answer=Answer(one.answer.id, one.answer.question_id, arm=one.answer.arm, error="out of memory"))
        if one.arm == "prompt" and one.answer.question_id < "q010"
        else one
        for one in simulated.answers(study, simulated.FOUR)
    ]
    told = findings(study, answers, [], TOOLS)
    assert told.arms["prompt"].failed == 10
    assert any("ended in an error count as empty ones: 10 of prompt" in line for line in told.remarks)
    scores = [one for one in told.graded if one.arm == "prompt" and one.failed]
    assert all(one.score("facts") in (0.0, None) for one in scores)


def test_what_the_study_noted_comes_first_among_the_remarks():
    study = replace(simulated.study(count=40), notes=("The adapter has seen 3 of these questions.",), status="stopped")
    told = findings(study, simulated.answers(study, simulated.FOUR), [], TOOLS)
    assert told.remarks[0] == "The adapter has seen 3 of these questions."
    assert any("stopped before its end" in line for line in told.remarks)


def test_answers_that_another_arm_made_than_the_fixed_one_are_told():
    study = simulated.study(count=20)
    answers = simulated.answers(study, simulated.FOUR)
    newer = replace(study.arms["lora"], adapter_hash="newer")
    answers = [replace(one, answer=replace(one.answer, arm=newer)) if one.arm == "lora" else one for one in answers]
    remarks = findings(study, answers, [], TOOLS).remarks
    assert any("made by something else than what the study fixed: 20 of lora" in line for line in remarks)


def test_answers_of_experiments_do_not_count():
    study = simulated.study(count=40)
    answers = simulated.answers(study, simulated.FOUR)
    more = [replace(one, arm="lora, 50 rows, seed 1") for one in answers if one.arm == "lora"]
    assert findings(study, answers + more, [], TOOLS).graded == findings(study, answers, [], TOOLS).graded


def test_the_2_x_2_tells_what_each_part_adds(four):
    assert four.effects["retrieval"].mean == pytest.approx(0.4, abs=0.1)
    assert four.effects["adapter"].mean == pytest.approx(0.25, abs=0.1)
    assert four.effects["interaction"].interval().low < 0 < four.effects["interaction"].interval().high


def test_without_all_four_cells_there_are_no_effects():
    assert found({"prompt": 0.6, "lora": 0.4, "lora+prompt": 0.9}, count=40).effects == {}


def test_a_question_without_known_facts_is_scored_by_its_nearness_to_the_reference():
    study = simulated.study(count=60, measure="rouge_l")
    study = replace(study, questions=tuple(replace(one, facts=None) for one in study.questions))
    answers = simulated.answers(simulated.study(count=60), simulated.FOUR)
    told = findings(study, answers, [], TOOLS)
    assert told.decision.advised == "lora+prompt"
    assert "words in common with the reference answers" in told.decision.sentence
    assert "acceptable" not in told.arms["prompt"].figures and told.costs.arms["prompt"].acceptable is None


def test_similarity_is_measured_with_the_embedding_that_is_given():
    def embed(texts):
        return [[1.0, 0.0] if "days" in text and "€" in text else [0.6, 0.8] for text in texts]

    told = found(tools=ReportTools(embed, lambda adapter: CARD), measure="similarity", count=60)
    assert told.arms["lora+prompt"].figures["similarity"].mean > told.arms["prompt"].figures["similarity"].mean
    assert "nearer to the reference answers in meaning" in told.decision.sentence


def test_without_an_embedding_a_study_of_similarity_says_so():
    told = found(measure="similarity", count=40)
    assert told.decision.sentence.startswith("Nothing to say yet")
    assert any("No similarity is known" in line for line in told.remarks)


def test_a_topic_where_another_arm_is_surely_better_is_an_exception():
    study = simulated.study({"prompt": 0.5, "lora": 0.5}, decides=("lora", "prompt"), count=200)
    strong = {topic: {"lora": 0.9, "prompt": 0.4} for topic in simulated.TOPICS}
    strong["warranty"] = {"lora": 0.05, "prompt": 0.98}
    answers = [
        one
        for question in study.questions
        for one in simulated.answers(
            replace(study, questions=(question,)), strong[question.topic], hash(question.id) % 99
        )
    ]
    told = {one.topic: one for one in findings(study, answers, [], TOOLS).topics}
    assert told["warranty"].exception and told["warranty"].advised == "prompt"
    assert all(not one.exception and one.advised == "lora" for topic, one in told.items() if topic != "warranty")


def test_a_topic_with_few_questions_says_nothing():
    told = found({"prompt": 0.5, "lora": 0.9}, decides=("lora", "prompt"), count=20)
    assert told.topics and not any(one.enough or one.exception for one in told.topics)


def in_areas(chances, topics):
    """The topic advice of 48 questions, whose area is 'shop' in the first half and 'workshop' in the second, by
    chances of arms in each; `topics` gives a question's topic by its number."""
    study = simulated.study({"prompt": 0.5, "lora": 0.5}, count=48, decides=("lora", "prompt"))
    asked = [
        replace(one, topic=topics(number), area="shop" if number < 24 else "workshop")
        for number, one in enumerate(simulated.questions(48, unanswerable=0))
    ]
    study = replace(study, questions=tuple(asked))
    answers = [
        one
        for question in asked
        for one in simulated.answers(
            replace(study, questions=(question,)), chances[question.area], int(question.id[1:])
        )
    ]
    return findings(study, answers, [], TOOLS)


LIKED = {"shop": {"prompt": 0.05, "lora": 0.98}, "workshop": {"prompt": 0.6, "lora": 0.02}}


def test_topics_with_few_questions_are_advised_by_their_area():
    told = {one.topic: one for one in in_areas(LIKED, lambda number: f"topic {number // 4}").topics}
    assert set(told) == {"shop", "workshop"} and all(one.is_area and one.enough for one in told.values())
    assert (told["shop"].advised, told["workshop"].advised) == ("lora", "prompt")
    assert told["workshop"].exception and told["workshop"].questions == 24


def test_a_topic_with_enough_questions_is_told_apart_from_the_rest_of_its_area():
    told = in_areas(LIKED, lambda number: "returns" if number < 8 else f"topic {number // 4}").topics
    assert [(one.topic, one.is_area, one.questions) for one in told] == [
        ("workshop", True, 24),
        ("shop, other topics", True, 16),
        ("returns", False, 8),
    ]
    assert [one.enough for one in told] == [True, False, True], "16 questions on four articles are too few for an area"


def test_questions_on_one_article_count_together_in_an_area():
    told = next(one for one in in_areas(LIKED, lambda number: f"topic {number // 4}").topics if one.topic == "shop")
    alone = in_areas(LIKED, lambda number: "all" if number < 24 else "rest").topics
    assert alone[0].lead.mean == pytest.approx(told.lead.mean)
    assert alone[0].lead != told.lead


def test_costs_are_those_of_tokens_machine_training_and_labels(four):
    costs = four.costs
    assert costs.unit == "EUR" and costs.priced
    answers = [one.answer for one in four.graded if one.arm == "prompt"]
    by_hand = sum(
        one.prompt_tokens * 0.5e-6 + one.new_tokens * 1.5e-6 + one.total_s * 0.6 / 3600 for one in answers
    ) / len(answers)
    assert costs.arms["prompt"].answer.mean == pytest.approx(by_hand)
    assert costs.arms["lora"].start == pytest.approx(600 / 3600 * 0.6 + 500 * 0.4)
    assert costs.arms["prompt"].start == 0
    per_good = costs.arms["prompt"].acceptable
    assert per_good.mean == pytest.approx(by_hand / four.arms["prompt"].figures["acceptable"].mean)
    assert per_good.low < per_good.mean < per_good.high


def test_a_cheaper_answer_pays_training_back_after_so_many_answers(four):
    pays = next(one for one in four.costs.paid_back if (one.dearer, one.other) == ("lora", "prompt"))
    assert pays.volume.answers == pytest.approx(pays.start / pays.saving.mean)
    assert pays.volume.low < pays.volume.answers < pays.volume.high
    never = next(one for one in four.costs.paid_back if (one.dearer, one.other) == ("lora+prompt", "prompt"))
    assert never.volume.answers is None


def test_without_prices_cost_is_time_of_the_machine():
    told = found(count=40, prices=Prices(label=1.0))
    assert told.costs.unit == "s"
    seconds = [one.answer.total_s for one in told.graded if one.arm == "bare"]
    assert told.costs.arms["bare"].answer.mean == pytest.approx(sum(seconds) / len(seconds))
    assert "EUR" not in told.decision.sentence


def test_training_on_top_of_another_adapter_costs_both():
    cards = {"velomoor": {"seconds": 100.0, "conversation_rounds": 10, "parent": {"name": "older"}}, "older": CARD}
    told = found(count=40, tools=ReportTools(card=cards.__getitem__), prices=simulated.PRICES)
    assert (told.costs.arms["lora"].training_s, told.costs.arms["lora"].labels) == (700.0, 510)


def test_an_adapter_that_is_gone_leaves_its_training_unknown():
    def gone(adapter):
        raise UnknownAdapter(adapter)

    told = found(count=40, tools=ReportTools(card=gone))
    assert told.costs.arms["lora"].start is None and told.costs.paid_back == ()


def test_latencies_are_the_median_and_the_slow_end_with_intervals(four):
    total = four.arms["prompt"].total
    assert total.median.low < total.median.mean < total.median.high < total.p95.mean
    assert total.median.mean == pytest.approx(simulated.SECONDS["prompt"], rel=0.2)


def test_it_is_printed_for_people(four, capsys):
    print_findings(four)
    said = capsys.readouterr().out
    assert four.decision.sentence in said
    for words in ("declined rightly", "unsupported", "The adapter adds: +", "1,000 answers"):
        assert words in said
