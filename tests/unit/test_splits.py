"""A split of live chats: who gets which arm, what counts, and what it says."""

import json
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest

from core.errors import SplitError, StudyError
from core.splits import SplitArm, SplitPlan
from core.types import Thumb, Turn, now
from study.splits import checked, figures
from study.splits.check import check_split, shared_out
from study.splits.export import COLUMNS, export_split
from study.splits.findings import findings
from study.splits.html import split_html
from study.splits.local_splits import LocalSplits
from study.splits.questions import first_questions
from study.splits.terminal import print_split
from tests.conftest import LORA, PROMPT, ScriptedBackend
from tests.simulated_split import AFTER, BEGUN, DURING, chat, exchange, exchanges, split

EVEN = {"prompt": 0.7, "lora+prompt": 0.7}
APART = {"prompt": 0.6, "lora+prompt": 0.85}
ARMS = (SplitArm("old", PROMPT, 50), SplitArm("new", LORA, 50))


def found(likes=EVEN, at=AFTER, of=None, **made):
    of = of or split()
    return findings(of, exchanges(of, likes, **made), at)


# ---- who gets which arm


def test_a_visitor_keeps_one_arm_and_arms_get_their_shares():
    of = split({"prompt": 80.0, "lora": 15.0, "bare": 5.0})
    drawn = [of.draw(f"visitor {number}") for number in range(4000)]
    assert drawn == [of.draw(f"visitor {number}") for number in range(4000)]
    shares = Counter(one.arm for one in drawn)
    assert 0.78 < shares["prompt"] / 4000 < 0.82
    assert 0.04 < shares["bare"] / 4000 < 0.06
    assert all(one.spec.name == one.arm and one.split == of.id for one in drawn)


def test_another_split_draws_anew():
    one, other = split(), split(id="split-2")
    alike = sum(one.draw(f"v{number}").arm == other.draw(f"v{number}").arm for number in range(2000))
    assert 0.46 < alike / 2000 < 0.54


# ---- what can be begun


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"name": " "}, "needs a name"),
        ({"name": "split"}, "other than 'split'"),
        ({"arms": (ARMS[0], replace(ARMS[1], share=40))}, "100 together, but are 50 \\+ 40"),
        ({"arms": (replace(ARMS[0], share=100), replace(ARMS[1], share=0))}, "above 0"),
        ({"arms": (ARMS[0], replace(ARMS[1], share=float("nan")))}, "above 0"),
        ({"margin": 0}, "The margin"),
        ({"until": BEGUN - timedelta(days=9000)}, "ends after now"),
        ({"until": now() + timedelta(days=4000)}, "within a year"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused_with_the_reason(change, why):
    plan = SplitPlan("spring", ARMS, now() + timedelta(days=14))
    check_split(plan)
    with pytest.raises(SplitError, match=why):
        check_split(replace(plan, **change))


def test_arms_are_checked_as_those_of_a_study():
    with pytest.raises(StudyError, match="at least two arms"):
        check_split(SplitPlan("spring", (replace(ARMS[0], share=100),), now() + timedelta(days=1)))
    with pytest.raises(StudyError, match="are called 'old'"):
        check_split(SplitPlan("spring", (ARMS[0], replace(ARMS[1], name="old")), now() + timedelta(days=1)))


def test_shares_are_equal_unless_given():
    assert [one.share for one in shared_out(ARMS, None)] == [50, 50]
    assert [one.share for one in shared_out(ARMS, [90, 10])] == [90, 10]
    with pytest.raises(SplitError, match="2 arms but 3 shares"):
        shared_out(ARMS, [30, 30, 40])


@pytest.fixture
def splits(store):
    return LocalSplits(store, ScriptedBackend(), SimpleNamespace(state="ready"))


def start(splits, name="spring", arms=ARMS):
    return splits.start(SplitPlan(name, arms, now() + timedelta(days=14)))


def test_while_a_split_runs_arms_are_drawn_and_afterwards_the_first_arm_is_the_usual_one(splits):
    assert (splits.draw("ann"), splits.usual(), splits.running()) == (None, None, None)
    begun = start(splits)
    assert begun.made["new"].adapter == "velomoor"
    assert splits.draw("ann") == begun.draw("ann")
    with pytest.raises(SplitError, match="'spring' is running"):
        start(splits, "summer")
    splits.end(begun.id)
    assert (splits.draw("ann"), splits.usual()) == (None, PROMPT)
    assert splits.find("spring") == splits.find(begun.id[:8]) == splits.all()[0]
    with pytest.raises(SplitError, match="'winter' is no split; the splits are: 'spring'"):
        splits.find("winter")


def test_two_arms_that_are_the_same_are_refused(splits):
    with pytest.raises(StudyError, match="made of the same"):
        start(splits, arms=(ARMS[0], replace(ARMS[1], spec=PROMPT)))


# ---- what it says


def test_an_arm_that_people_like_better_is_advised_with_its_lead():
    decision = found(APART).decision
    assert (decision.kind, decision.advised) == ("use", "lora+prompt")
    assert decision.sentence.startswith("Use lora+prompt: it gets 19 ")
    assert "points more thumbs up than prompt [" in decision.sentence
    assert "of 100 rated chats)" in decision.sentence


def test_the_arm_in_use_is_kept_when_the_other_is_worse():
    decision = found({"prompt": 0.85, "lora+prompt": 0.6}).decision
    assert (decision.kind, decision.advised) == ("use", "prompt")
    assert decision.sentence.startswith("Keep prompt: lora+prompt gets 2")
    assert "points fewer thumbs up than prompt [" in decision.sentence


def test_equal_arms_make_no_difference_that_matters_once_enough_have_rated():
    decision = found(of=split(margin=0.2)).decision
    assert decision.kind == "equal"
    assert decision.sentence.startswith("No difference that matters: ")


def test_few_ratings_decide_nothing_and_it_is_said_about_how_many_more_would():
    decision = found({"prompt": 0.7, "lora+prompt": 0.75}, visitors=60).decision
    assert decision.kind == "undecided"
    assert decision.sentence.startswith("Not decisive yet: about ")
    assert "more rated chats. So far, " in decision.sentence


def test_without_thumbs_there_is_nothing_to_say():
    assert found(rated=0.0).decision.sentence.startswith("Nothing to say yet")
    assert findings(split(), [], DURING).decision.sentence.startswith("Nothing to say yet")


def test_equal_arms_are_rarely_told_apart(monkeypatch):
    monkeypatch.setattr(checked, "MOST", 10)  # what decides is the thumbs alone
    monkeypatch.setattr(figures, "holm", dict)  # statsmodels' collects garbage at every call
    told = Counter(found(seed=seed, visitors=120).decision.kind for seed in range(40))
    assert told["use"] <= 5, "a false alarm in more than 1 of 8, where 1 of 20 is allowed"


def test_before_the_planned_end_and_after_an_early_one_only_the_confidence_sequence_decides():
    likes = {"prompt": 0.62, "lora+prompt": 0.78}
    at_end, during = found(likes), found(likes, at=DURING)
    ended = found(likes, of=split(ended_at=AFTER - timedelta(hours=2)))
    assert at_end.decision.kind == "use"
    assert during.decision.kind == ended.decision.kind == "undecided"
    assert "by each visitor's first thumb" in during.decision.sentence
    assert any("only the confidence sequence" in remark for remark in during.remarks)
    assert any("did not go on unchanged to 2026-01-15" in remark for remark in ended.remarks)


def test_before_the_planned_end_nothing_shows_an_interval_that_may_not_be_looked_at_yet():
    likes = {"prompt": 0.62, "lora+prompt": 0.78}
    at_end, during = found(likes), found(likes, at=DURING)
    (one,) = during.contrasts
    early, p = during.difference(one, "up")
    planned, planned_p = at_end.difference(one, "up")
    assert early.high - early.low > planned.high - planned.low
    assert p is None and planned_p < 0.05
    assert during.difference(one, "down")[1] is not None


def test_a_large_lead_may_be_believed_early():
    assert found({"prompt": 0.3, "lora+prompt": 0.95}, at=DURING).decision.kind == "use"


def test_visitors_that_get_lost_in_one_arm_void_everything_else():
    lost = found(APART, lose={"lora+prompt": 0.6})
    assert lost.decision.kind == "mismatch"
    assert lost.decision.sentence.startswith("Do not trust this split")
    assert lost.ratio < 0.001


def test_of_three_arms_the_best_is_advised_and_intervals_are_wider():
    three = split({"prompt": 34.0, "lora": 33.0, "lora+prompt": 33.0})
    likes = {"prompt": 0.5, "lora": 0.52, "lora+prompt": 0.8}
    decision = found(likes, of=three, visitors=700).decision
    assert (decision.kind, decision.advised) == ("use", "lora+prompt")
    one = findings(three, exchanges(three, likes, visitors=700), AFTER)
    alone = one.contrasts[1].differences["up"].interval()
    lead = decision.leads[1].interval
    assert lead.low < alone.low and alone.high < lead.high


# ---- what counts


def test_only_messages_of_its_time_count():
    of = split(ended_at=BEGUN + timedelta(days=7))
    everything = exchanges(of, EVEN, visitors=100)
    kept = findings(of, everything, AFTER).counted.exchanges
    assert 0 < len(kept) < len(everything)
    assert all(one.question.created_at <= of.end for one in kept)


def test_from_the_moment_an_arm_is_changed_no_arm_counts_and_it_is_said():
    of, everything = split(), exchanges(split(), EVEN, visitors=100)
    place = next(number for number in range(60, 200) if everything[number].chat.split_arm == "prompt")
    answer = everything[place].answers[0]
    newer = replace(answer, arm=replace(answer.arm, template_version=4, template_hash="t2"))
    everything[place] = replace(everything[place], answers=(newer,))
    told = findings(of, everything, AFTER)
    assert all(lead.early for lead in told.decision.leads)
    assert len(told.counted.exchanges) == place
    assert "prompt: template friendly 3 t1 became friendly 4 t2" in told.remarks[0]
    assert f"{len(everything) - place} messages" in told.remarks[0]


def test_documents_that_change_make_no_new_arm_but_are_told():
    of, everything = split(), exchanges(split(), EVEN, visitors=50)
    answer = everything[-1].answers[0]
    newer = replace(answer, arm=replace(answer.arm, index_version="i2"))
    everything[-1] = replace(everything[-1], answers=(newer,))
    told = findings(of, everything, AFTER)
    assert told.counted.left_out == 0
    assert any("The documents changed 1 time" in remark for remark in told.remarks)


def test_what_happens_in_chats_becomes_shares_of_chats_messages_and_answers():
    of = split()
    first = chat(of, "c1", "ann", "prompt", BEGUN, messages=2, happy=False)
    again = replace(first[0].answers[0], id="again", outcome="stopped", text="It")
    first[0] = replace(first[0], answers=(*first[0].answers, again), withdrawn=True)
    held = replace(first[0].chat, id="c2", owner="ben")
    wrong = exchange(held, 0, BEGUN, text="It costs €99 at Wheelhouse Bremen.")
    failed = exchange(held, 1, BEGUN, text="", outcome="failed")
    told = findings(of, [*first, wrong, failed], DURING)
    prompt = told.arms["prompt"]
    assert (prompt.visitors, prompt.chats, prompt.messages, prompt.rated) == (2, 2, 4, 1)
    means = {figure: round(value.mean, 3) for figure, value in prompt.figures.items()}
    assert (means["up"], means["down"], means["rated"], means["messages"]) == (0, 0.5, 0.5, 2)
    assert (means["stopped"], means["failed"], means["regenerated"], means["reworded"]) == (0.25, 0.25, 0.25, 0.25)
    assert (means["unsupported"], means["declined"]) == (0.333, 0)
    assert told.arms["lora+prompt"].chats == 0 and "up" not in told.arms["lora+prompt"].figures


def test_a_chat_with_several_thumbs_counts_once():
    of = split()
    both = chat(of, "c1", "ann", "prompt", BEGUN, messages=2, happy=True)
    both[0] = replace(both[0], thumbs=(Thumb(both[0].answers[0].id, "ann", -1, created_at=BEGUN),))
    prompt = findings(of, both, DURING).arms["prompt"]
    assert (prompt.rated, prompt.figures["up"].mean, prompt.figures["down"].mean) == (1, 0.5, 1)


def test_one_visitor_with_most_of_the_chats_is_told():
    of = split()
    shop = [one for number in range(40) for one in chat(of, f"c{number}", "api:shop", "prompt", BEGUN)]
    assert any("a key of the API without `user`" in remark for remark in findings(of, shop, DURING).remarks)


# ---- questions for a study


def test_a_study_gets_each_visitors_first_question_as_it_was_asked_before_any_answer():
    of = split()
    first = chat(of, "c1", "ann", "prompt", BEGUN, messages=2)
    brought = replace(first[0], history={"a": (Turn("user", "Hello"), Turn("assistant", "Hi")), "b": ()})
    later = chat(of, "c2", "ann", "prompt", BEGUN + timedelta(hours=1))
    ben = chat(of, "c3", "ben", "lora+prompt", BEGUN + timedelta(hours=2))
    withdrawn = replace(ben[0], withdrawn=True)
    questions = first_questions([brought, first[1], *later, withdrawn])
    assert [one.id for one in questions] == ["c1-q0", "c3-q0"]
    assert [turn.text for turn in questions[0].history] == ["Hello", "Hi"]
    assert all(one.facts is None and not one.reference for one in questions)


# ---- how it is told


@pytest.mark.parametrize("likes", [EVEN, APART])
def test_the_page_and_the_terminal_tell_the_same_sentence_and_every_arm(likes, capsys):
    told = found(likes)
    page = split_html(told)
    print_split(told)
    terminal = capsys.readouterr().out
    for shown in (page, terminal):
        assert told.decision.sentence in shown
        for words in ("lora+prompt", "Thumbs up, of 100 rated chats", "Answers that decline", "EUR"):
            assert words in shown
    assert "<script" not in page


def test_names_from_people_bring_no_marks_into_the_page():
    of = split()
    named = replace(of, plan=replace(of.plan, name="<script>alert(1)</script>"))
    assert "<script" not in split_html(findings(named, exchanges(of, EVEN, visitors=30), AFTER))


def test_exports_have_a_row_a_chat_and_no_words_of_customers(tmp_path):
    told = found(APART, visitors=50)
    lines = export_split("csv", told, tmp_path).read_text("utf-8-sig").splitlines()
    assert lines[0].split(",") == list(COLUMNS)
    assert len(lines) == 1 + len(told.chats)
    rows = [json.loads(line) for line in export_split("jsonl", told, tmp_path).read_text().splitlines()]
    assert [row["kind"] for row in rows] == ["split", *["chat"] * len(told.chats), "findings"]
    assert rows[-1]["decision"]["sentence"] == told.decision.sentence
    assert "What does case" not in json.dumps(rows)
