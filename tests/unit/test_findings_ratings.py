"""What votes add to a study's findings: who is preferred, how early looks are kept honest, and contradictions."""

from dataclasses import replace

import pytest

from core.studies import Rating
from study.analysis.findings import findings
from study.report.tools import ReportTools
from tests import simulated_study as simulated

TWO = {"prompt": 0.5, "lora+prompt": 0.85}
FIRST, SECOND = "lora+prompt", "prompt"


def voted(chances=None, votes=None, flip=False, noise=0.2, count=80, status="answered", **fields):
    """The findings of a study on two arms with people's votes, `votes` of those planned."""
    chances = chances or TWO
    fields = {"decides": (FIRST, SECOND), "pairs": "deciding", "ratings": 80, **fields}
    study = replace(simulated.study(chances, count, **fields), status=status)
    answers = simulated.answers(study, chances)
    return findings(study, answers, simulated.ratings(study, answers, votes, noise, flip), ReportTools())


def by_hand(study, choices, **fields):
    """One vote a question of one rater, in order; `choices` name the preferred arm, tie or both_bad."""
    sides = {FIRST: "left", SECOND: "right"}
    return [
        Rating(
            f"r{place}",
            study.id,
            question.id,
            FIRST,
            SECOND,
            rater="anna",
            choice=sides.get(choice, choice),
            place=place,
            **fields,
        )
        for place, (question, choice) in enumerate(zip(study.questions, choices, strict=False), 1)
    ]


@pytest.fixture
def pair():
    study = simulated.study(TWO, 40, decides=(FIRST, SECOND), pairs="deciding", ratings=40, twice=0.0, repeats=0.0)
    return study, simulated.answers(study, TWO)


def test_votes_decide_where_the_plan_says_so():
    decision = voted(measure="ratings").decision
    assert (decision.kind, decision.advised, decision.measure) == ("use", FIRST, "ratings")
    assert decision.sentence.startswith("Use lora+prompt: people prefer it to prompt alone in ")
    assert "agree: lora+prompt has" in decision.second_opinion and not decision.contradicted


def test_equal_arms_are_called_equal_by_votes():
    told = voted({FIRST: 0.9, SECOND: 0.9}, count=200, measure="ratings", margin=0.2, ratings=200)
    assert told.decision.kind == "equal"
    assert "within 20 points of win rate of each other" in told.decision.sentence


def test_votes_that_prefer_the_other_arm_contradict_the_scores_right_below_the_sentence():
    told = voted(flip=True)
    assert told.decision.kind == "use" and told.decision.advised == FIRST
    assert told.decision.contradicted
    assert told.decision.second_opinion.startswith(
        "People's votes contradict this: people prefer prompt to lora+prompt"
    )


def test_scores_that_say_the_opposite_contradict_the_votes():
    told = voted(flip=True, measure="ratings")
    assert told.decision.advised == SECOND and told.decision.contradicted
    assert "The automatic scores contradict this: lora+prompt has" in told.decision.second_opinion


def test_votes_that_cannot_tell_are_no_contradiction():
    told = voted(votes=12, noise=3.0)
    assert not told.decision.contradicted
    assert "cannot tell the two apart yet" in told.decision.second_opinion


def test_an_early_look_rests_on_the_confidence_sequence_alone(pair):
    study, answers = pair
    study = replace(study, plan=replace(study.plan, measure="ratings"))
    planned = by_hand(study, [SECOND] * 2 + [FIRST] * 12 + [None] * 26)
    planned = [one if one.choice else replace(one, place=None, rater="") for one in planned]
    early = findings(study, answers, planned, ReportTools())
    assert early.ratings.early and early.ratings.sequential
    # The ordinary interval leaves an even match out, the one that is safe to look at early does not.
    assert early.ratings.deciding.votes.rate.low > 0.5
    assert early.ratings.looks.now.low < 0.5
    assert early.decision.lead.interval.low == pytest.approx(early.ratings.looks.now.low - 0.5)
    assert early.decision.kind == "undecided"
    assert early.decision.sentence.startswith("Not decisive yet: about ")
    assert "more ratings (26 of those planned are not in yet)" in early.decision.sentence
    assert any("looked at early, with 14 of 40" in line for line in early.remarks)


def test_when_all_planned_votes_are_in_the_ordinary_interval_counts(pair):
    study, answers = pair
    study = replace(study, plan=replace(study.plan, measure="ratings"))
    told = findings(study, answers, by_hand(study, ([FIRST] * 7 + [SECOND] * 3) * 4), ReportTools())
    assert not told.ratings.sequential
    assert told.decision.lead.interval.low == pytest.approx(told.ratings.deciding.votes.rate.low - 0.5)
    assert told.decision.kind == "use"
    assert not any("early" in line for line in told.remarks)


def test_a_clear_preference_may_be_told_early(pair):
    study, answers = pair
    study = replace(study, plan=replace(study.plan, measure="ratings"))
    planned = by_hand(study, [FIRST] * 25 + [None] * 15)
    planned = [one if one.choice else replace(one, place=None, rater="") for one in planned]
    assert findings(study, answers, planned, ReportTools()).decision.kind == "use"


def test_more_ratings_than_were_planned_make_every_look_an_early_one(pair):
    study, answers = pair
    study = replace(study, plan=replace(study.plan, ratings=20))
    told = findings(study, answers, by_hand(study, ([FIRST] * 7 + [SECOND] * 3) * 4), ReportTools())
    assert told.ratings.extended and told.ratings.sequential
    assert any("More ratings were planned after the first" in line for line in told.remarks)


def test_ties_count_half_and_are_told_apart_from_both_bad(pair):
    study, answers = pair
    told = findings(study, answers, by_hand(study, [FIRST, "tie", "both_bad", SECOND] * 10), ReportTools())
    votes = told.ratings.deciding.votes
    assert votes.rate.mean == 0.5
    assert {name: one.mean for name, one in votes.shares.items()} == dict.fromkeys(votes.shares, 0.25)


def test_an_answer_pair_that_people_find_both_bad_is_fit_for_nobody(pair):
    study, answers = pair
    study = replace(study, plan=replace(study.plan, measure="ratings"))
    told = findings(study, answers, by_hand(study, (["both_bad"] * 7 + [FIRST] * 3) * 4), ReportTools())
    assert told.decision.kind == "none_fit"
    assert "found both answers bad in 70 of 100 votes" in told.decision.sentence


def test_repetitions_tell_consistency_and_are_no_votes(pair):
    study, answers = pair
    votes = by_hand(study, [FIRST] * 40)
    again = [
        replace(one, id=f"{one.id}-r", repeats=one.id, left=one.right, right=one.left, place=40 + place, choice=choice)
        for place, (one, choice) in enumerate(zip(votes[:4], ("right", "right", "left", "right"), strict=True), 1)
    ]
    told = findings(study, answers, votes + again, ReportTools()).ratings
    assert told.done == told.deciding.votes.votes == 40
    assert told.agreement.repeated == 4 and told.agreement.consistency.mean == 0.75


def test_second_opinions_count_and_tell_how_far_raters_agree(pair):
    study, answers = pair
    votes = by_hand(study, [FIRST, SECOND] * 20)
    second = [
        replace(one, id=f"{one.id}-2", second_to=one.id, rater="ben", place=40 + place)
        for place, one in enumerate(votes[:20], 1)
    ]
    told = findings(study, answers, votes + second, ReportTools()).ratings
    assert told.deciding.votes.votes == 60 and told.raters == 2
    assert told.agreement.alpha.mean == pytest.approx(1.0)
    assert told.agreement.kappas == {("anna", "ben"): pytest.approx(1.0)}


@pytest.mark.parametrize(
    ("raters", "says"), [(1, "One person rated"), (2, "Only two people rated"), (3, "Only three people rated"), (4, "")]
)
def test_few_raters_are_told_before_their_votes_are_read(pair, raters, says):
    study, answers = pair
    votes = [replace(one, rater=f"rater {place % raters}") for place, one in enumerate(by_hand(study, [FIRST] * 40))]
    told = findings(study, answers, votes, ReportTools()).remarks
    assert any(says in line for line in told) if says else not any("rated" in line for line in told)


def test_two_raters_who_differ_leave_the_preference_open(pair):
    study, answers = pair
    votes = [
        replace(one, rater=("ann", "ben")[place % 2])
        for place, one in enumerate(by_hand(study, [FIRST, FIRST, FIRST, SECOND] * 10))
    ]
    rate = findings(study, answers, votes, ReportTools()).ratings.deciding.votes.rate
    assert rate.mean == 0.75 and rate.low < 0.5, "one always prefers the first arm, the other knows no difference"


@pytest.mark.parametrize(("guess", "broken"), [("lora+prompt", True), ("prompt", False)])
def test_blinding_is_checked_by_the_share_of_right_guesses(pair, guess, broken):
    study, answers = pair
    told = findings(study, answers, by_hand(study, [FIRST] * 40, guessed_left=guess), ReportTools())
    assert told.ratings.blinding.chance == 0.5
    assert told.ratings.blinding.broken is broken
    assert any("not fully blind" in line for line in told.remarks) is broken


def test_ratings_of_answers_that_failed_are_not_waited_for(pair):
    study, answers = pair
    gone = study.questions[0].id
    answers = [one for one in answers if not (one.arm == SECOND and one.answer.question_id == gone)]
    votes = [replace(one, choice=None, place=None, rater="") if one.question_id == gone else one
             for one in by_hand(study, [FIRST] * 40)]  # fmt: skip
    told = findings(study, answers, votes, ReportTools())
    assert told.ratings.impossible == 1 and not told.ratings.early
    assert any("1 planned rating cannot be given" in line for line in told.remarks)


def test_an_arm_that_wins_everything_gets_a_strength_with_the_remark_that_a_prior_stands_in(pair):
    study, answers = pair
    strengths = findings(study, answers, by_hand(study, [FIRST] * 40), ReportTools()).ratings.strengths
    assert not strengths.model.settled
    assert strengths.leads[FIRST, SECOND].mean > 1


def test_strengths_of_all_four_arms_show_the_parts_of_the_2_x_2():
    told = voted(simulated.FOUR, pairs="all", ratings=240, noise=0.3).ratings
    strengths = told.strengths
    assert strengths.model.settled
    assert max(strengths.arms, key=lambda arm: strengths.arms[arm].mean) == FIRST
    assert strengths.effects["retrieval"].interval().low > 0
    assert set(told.controlled.controls) <= {"length", "formatting"} and told.controlled.controls


def test_the_automatic_score_is_held_against_the_votes():
    alike = voted(noise=0.05).alike
    assert alike.share.mean > 0.8 and alike.kappa > 0.6 and alike.decided.mean > 0.95
    assert voted(flip=True, noise=0.05).alike.decided.mean < 0.05


def test_a_judge_is_held_against_the_votes_and_narrows_their_interval(pair):
    study, answers = pair
    study = simulated.study(TWO, 200, decides=(FIRST, SECOND), pairs="deciding", ratings=40, twice=0.0, repeats=0.0)
    answers = simulated.answers(study, TWO)
    planned = simulated.ratings(replace(study, plan=replace(study.plan, ratings=200)), answers, noise=0.0)
    labels = {
        one.question_id: {
            "winner": {"left": one.left, "right": one.right}.get(one.choice, "tie"),
            "consistent": True,
            "answers": [],
        }
        for one in planned
    }
    study = replace(study, experiments={"judge": {"model": "m", "pair": [FIRST, SECOND], "labels": labels}})
    judge = findings(study, answers, planned[:40], ReportTools()).judge
    assert judge.questions == 200 and judge.alike.share.mean == 1.0
    assert judge.narrowed.half_width() < 0.7 * judge.people.half_width()


def test_labels_of_another_comparison_are_not_used(pair):
    study, answers = pair
    labels = {study.questions[0].id: {"winner": "tie", "consistent": True, "answers": []}}
    study = replace(study, experiments={"judge": {"model": "m", "pair": ["bare", "prompt"], "labels": labels}})
    assert findings(study, answers, [], ReportTools()).judge is None


def test_planned_ratings_that_nobody_gave_are_told(pair):
    study, answers = pair
    study = replace(study, plan=replace(study.plan, measure="ratings"))
    planned = [Rating(f"r{n}", study.id, one.id, FIRST, SECOND) for n, one in enumerate(study.questions)]
    told = findings(study, answers, planned, ReportTools())
    assert (
        told.decision.sentence == "Nothing to say yet: none of the 40 planned ratings of lora+prompt and prompt is in."
    )
