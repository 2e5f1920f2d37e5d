"""The Study page: a list of studies, a form that is a plan, pairs to rate blind, and the verdict."""

from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest

from app.study.plan_form import FIELDS, USE_SIZE, PlanForm, arm_of, first_arms, plan_of
from app.study.plan_html import planning_html
from app.study.rate_page import BlindRating
from app.study.studies_tab import VIEW_SIZE, StudyList
from app.study.study_html import state_html
from app.study.verdict_tab import VerdictPage
from app.voting import CHOICE_LABELS
from core.errors import StudyError
from core.settings import Settings
from core.studies import Planning, Prices
from core.types import CHOICES
from tests.unit.fake_studies import ARMS, LOOK, PLAN, STUDY, FakeRatings, FakeStudies, view_of
from tests.unit.fake_training import FakeAdapters

FORM = vars(PLAN) | asdict(PLAN.prices) | {"first": "lora+prompt", "second": "prompt", "leaks": False}
FORM |= {"margin": 5, "twice": 20, "repeats": 5}
BLANK = [None, "", *[None] * 6]
SECRETS = ("lora", "prompt", "velomoor", "friendly", "embedded", "d7edf038", "10b393fd")


@pytest.fixture
def parts():
    templates = SimpleNamespace(names=lambda: ["calm", "friendly"])
    return SimpleNamespace(
        settings=Settings(),
        templates=templates,
        adapters=FakeAdapters(),
        studies=FakeStudies([view_of()]),
        ratings=FakeRatings(),
    )


@pytest.fixture
def form(parts):
    return PlanForm(parts)


@pytest.fixture
def rating(parts):
    return BlindRating(parts, BLANK)


@pytest.fixture
def rater():
    return SimpleNamespace(cookies={"duodesk_owner": "a cookie"}, request=SimpleNamespace(scope={}))


def values(**changes):
    return tuple((FORM | changes)[name] for name in FIELDS)


def chosen(identifier):
    return gr.EventData(None, {"id": identifier})


# The list


def test_the_newest_study_is_shown_first_and_looked_at_again_while_one_runs(parts):
    running = replace(STUDY, id="study-2", plan=replace(PLAN, name="autumn"), status="running")
    parts.studies.all.insert(0, view_of(running, seconds_left=75))
    study, table, state, *_, timer = StudyList(parts).show("")
    assert study == "study-2"
    assert table.index("autumn") < table.index("spring")
    assert "160 of 740" in state and "about 1 min 15 s" in state and 'aria-valuenow="22"' in state
    assert timer.active
    parts.studies.all.pop(0)
    assert not StudyList(parts).show("study-2")[-1].active


def test_the_chosen_study_tells_its_notes_as_text_its_arms_and_whether_the_ratings_are_enough():
    shown = state_html(view_of(done=33))
    for told in ("seen &lt;b&gt;two", "friendly v3", "33 of 60 by 2 people", "About 40 more", "Is lora+prompt better"):
        assert told in shown


@pytest.mark.parametrize(
    ("status", "start", "stop", "remove"),
    [
        ("planned", "Start", False, True),
        ("running", None, True, False),
        ("stopped", "Resume", False, True),
        ("interrupted", "Resume", False, True),
        ("failed", "Resume", False, True),
        ("answered", None, False, True),
    ],
)
def test_a_study_offers_what_can_be_done_with_it(parts, status, start, stop, remove):
    parts.studies.all = [view_of(replace(STUDY, status=status))]
    buttons = StudyList(parts).choose(chosen("study-1"))[3:]
    assert (buttons[0].value if buttons[0].visible else None) == start
    assert (buttons[1].visible, buttons[-1].visible) == (stop, remove)


def test_start_and_stop_reach_the_study_and_removing_needs_the_persons_yes(parts):
    tab = StudyList(parts)
    tab.start("study-1")
    tab.stop("study-1")
    assert parts.studies.asked == [("start", "study-1"), ("stop", "study-1")]
    assert tab.remove("") == (gr.skip(),) * VIEW_SIZE
    assert len(tab.remove("study-1")) == VIEW_SIZE
    assert parts.studies.all == []
    assert "No study yet" in tab.show("")[1]


def test_a_refusal_is_said_and_the_list_stays(parts):
    parts.studies.problem = "It is running."
    for act in (StudyList(parts).start, StudyList(parts).stop, StudyList(parts).remove):
        with pytest.warns(UserWarning, match="It is running"):
            assert act("study-1")[0] == "study-1"


def test_a_study_without_ratings_has_no_link_for_raters(parts):
    assert "/rate?study=study-1" in StudyList(parts).show("")[3]
    parts.studies.all = [view_of(replace(STUDY, plan=replace(PLAN, ratings=0)))]
    assert StudyList(parts).show("")[3] == ""


# The form


def test_the_form_is_a_plan_and_a_copied_plan_fills_the_form(form):
    assert plan_of(ARMS, values()) == PLAN
    filled = form.use("study-1")
    assert len(filled) == USE_SIZE
    rest = dict(zip((name for name in FIELDS if name not in ("first", "second")), filled[9:], strict=True))
    sides = {"first": filled[7].value, "second": filled[8].value, "measure": rest["measure"].value}
    assert plan_of(filled[1], values(**(rest | sides))) == replace(PLAN, name="Copy of spring")


def test_shares_are_points_of_100_and_prices_those_typed():
    plan = plan_of(ARMS, values(margin=2.5, machine_hour=0.4, label=None, currency=" USD ", leaks=True))
    assert plan.margin == pytest.approx(0.025)
    assert plan.prices == Prices(machine_hour=0.4, currency="USD")
    assert plan.leaks == "keep"


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ({"margin": None}, "'Difference that matters' is empty"),
        ({"ratings": None}, "'Ratings' is empty"),
        ({"second": None}, "two arms whose comparison decides"),
        ({"measure": None}, "measured by"),
    ],
)
def test_what_is_missing_is_said_in_a_sentence(missing, said):
    with pytest.raises(StudyError, match=said):
        plan_of(ARMS, values(**missing))


def test_the_form_begins_with_the_2x2_in_the_settings_template_and_adapter():
    arms = first_arms(Settings(template="calm", adapter="mine"))
    assert [arm.name for arm in arms] == ["bare", "prompt", "lora", "lora+prompt"]
    assert {arm.spec.template for arm in arms} == {"calm"}
    assert [arm.spec.adapter for arm in arms] == [None, None, "mine", "mine"]


def test_a_look_tells_the_questions_and_offers_the_measures_they_allow(form):
    look, told, measure = form.look("knowledge/questions", "chrf")
    assert look == LOOK and "185" in told
    assert [value for _, value in measure.choices] == list(LOOK.measures)
    assert measure.value == "facts"
    assert form.look("knowledge/questions", "ratings")[2].value == "ratings"


def test_questions_that_cannot_be_read_are_said_and_leave_the_planning_empty(form):
    look, told, _ = form.look("missing.csv", "facts")
    assert "No test questions found" in told
    assert form.planning(ARMS, look, *values()) == ""


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("", "prompt, calm"),
        ("formal", "formal"),
        ("prompt", "prompt, calm"),  # taken
    ],
)
def test_an_arm_gets_a_name_that_tells_it_from_the_others(typed, name):
    assert arm_of(typed, ["prompt", "calm", None, ""], ["prompt"]).name == name


def test_arms_alike_are_numbered_and_an_adapter_is_kept_only_where_it_is_used():
    taken = ["prompt", "prompt, calm", "prompt 2"]
    made = arm_of("", ["prompt", "calm", "velomoor", " hub/model "], [*taken, "prompt, model", "prompt, calm, model"])
    assert made.name == "prompt 3"
    assert (made.spec.adapter, made.spec.model) == (None, "hub/model")


def test_arms_are_added_changed_and_removed_and_the_deciding_ones_follow(form):
    arms, added, table, *_ = form.add_arm(ARMS, "lora+prompt", "prompt", "", "prompt", "calm", None, "")
    assert added == "prompt, calm" and "prompt, calm" in table
    arms, _, _, _, _, _, first, second = form.change_arm(
        arms, "lora+prompt", "prompt", "plain", "prompt", "prompt", "friendly", None, ""
    )
    assert (first.value, second.value) == ("lora+prompt", "plain")
    arms, _, _, _, change, _, first, second = form.remove_arm(arms, "lora+prompt", "plain", "plain")
    assert [arm.name for arm in arms] == ["bare", "lora", "lora+prompt", "prompt, calm"]
    assert (first.value, second.value, change.interactive) == ("lora+prompt", None, False)


def test_a_chosen_arm_stands_in_the_editor(form):
    name, cell, template, adapter, model, typed, *_ = form.choose_arm(ARMS, chosen("lora"))
    assert (name, cell, template, adapter["value"], model, typed) == (
        "lora",
        "lora",
        "friendly",
        "velomoor",
        "",
        "lora",
    )


def test_planning_tells_what_is_found_what_it_would_take_and_warns_where_the_deciding_measure_is_too_weak():
    told = planning_html(Planning(0.1, 740, 0.18, 1500), PLAN, LOOK)
    score, ratings = told.split("<p")[1:]
    assert (
        "160 questions with facts" in score and "10 points" in score and "740 questions" in score and "warning" in score
    )
    assert "60 ratings" in ratings and "18 points" in ratings and "1,500 ratings" in ratings
    assert "warning" not in ratings
    assert "not even the largest difference" in planning_html(Planning(1.06, 787, None, None), PLAN, LOOK)
    assert "warning" not in planning_html(Planning(0.04, 120, None, None), replace(PLAN, ratings=0), LOOK)
    some = replace(PLAN, limit=37)
    assert "about 32 questions with facts" in planning_html(Planning(0.2, 740, None, None), some, LOOK)
    assert "about 37 questions<" in planning_html(Planning(0.2, 740, None, None), replace(some, measure="chrf"), LOOK)


def test_fix_and_start_adds_the_study_starts_it_and_shows_it(form, parts):
    study, tabs, said = form.start(ARMS, *values(name="autumn"))
    assert parts.studies.added == [replace(PLAN, name="autumn")]
    assert parts.studies.asked == [("start", study)]
    assert (tabs.selected, said) == ("list", "")


def test_a_plan_that_is_refused_stays_in_the_form_with_the_reason(form, parts):
    parts.studies.problem = "The adapter has seen test questions."
    with pytest.warns(UserWarning):
        study, _, said = form.start(ARMS, *values())
    assert study == gr.skip()
    assert "has seen test questions" in said
    assert parts.studies.added == []


# Rating


def test_a_pair_is_two_plain_texts_and_nothing_that_tells_an_arm(rating, rater):
    task, pair, voting, *_ = rating.show("study-1", rater)
    assert task == "pair-0" and voting.visible
    assert "<img" not in pair and "<i>" not in pair
    assert (
        pair.index("How can I help?") < pair.index("Question") < pair.index("Left answer") < pair.index("Right answer")
    )
    assert not [secret for secret in SECRETS if secret in pair]
    assert "0 of 60 rated by you" in pair and "50" not in pair and "40 more" not in pair


@pytest.mark.parametrize("choice", CHOICES)
def test_a_vote_is_kept_with_its_opinions_and_the_next_pair_comes_with_it(rating, parts, rater, choice):
    shown = rating.vote(CHOICE_LABELS[choice], "pair-0", "study-1", rater, "lora", "Kinder.", 4, 2, None, 5, 3, 3)
    ((_, *vote),) = parts.ratings.votes.values()
    assert vote == [choice, {"correctness": (4, 2), "tone": (3, 3)}, "Kinder.", "lora"]
    assert shown[0] == "pair-1" and "1 of 60 rated by you" in shown[1]
    assert list(shown[7:]) == BLANK
    assert shown[4].interactive


def test_of_two_quick_clicks_the_second_counts_for_no_pair(rating, parts, rater):
    rating.vote(CHOICE_LABELS["left"], "pair-0", "study-1", rater, *BLANK)
    assert rating.vote(CHOICE_LABELS["right"], "pair-0", "study-1", rater, *BLANK)[0] == "pair-1"
    assert [vote[1] for vote in parts.ratings.votes.values()] == ["left"]


def test_fields_that_were_empty_are_left_alone_lest_what_is_typed_next_gets_lost(rating, rater):
    assert list(rating.vote(CHOICE_LABELS["tie"], "pair-0", "study-1", rater, *BLANK)[7:]) == [gr.skip()] * len(BLANK)
    assert list(rating.skip("pair-1", "study-1", rater, None, "Typed.", *BLANK[2:])[7:]) == BLANK


def test_skip_gives_another_pair_and_undo_the_one_before(rating, parts, rater):
    assert rating.skip("pair-0", "study-1", rater)[0] == "pair-1"
    rating.vote(CHOICE_LABELS["tie"], "pair-1", "study-1", rater, *BLANK)
    assert rating.undo("study-1", rater)[0] == "pair-1"
    assert parts.ratings.votes == {} and parts.ratings.skipped == ["pair-0"]


def test_when_nothing_is_left_it_says_so_and_the_last_vote_can_still_be_undone(rating, parts, rater):
    parts.ratings.size = 1
    parts.studies.all = [view_of(replace(STUDY, status="answered"))]
    task, pair, voting, skip, undo, _, again, *_ = rating.vote(CHOICE_LABELS["tie"], "pair-0", "study-1", rater, *BLANK)
    assert task == "" and "Nothing is left for you" in pair and "1 of 60 rated by you" in pair
    assert (voting.visible, skip.visible, undo.visible, again.visible) == (False, False, True, True)


def test_while_answers_are_written_raters_are_asked_to_come_back(rating, parts, rater):
    parts.ratings.size = 0
    parts.studies.all = [view_of(replace(STUDY, status="running"))]
    assert "still being written" in rating.show("study-1", rater)[1]


def test_the_list_of_studies_to_rate_leaves_out_those_without_ratings(rating, parts, rater):
    parts.studies.all.append(view_of(replace(STUDY, id="study-0", plan=replace(PLAN, ratings=0))))
    assert rating.open(rater)[0].choices == [("spring", "study-1")]
    parts.studies.all = []
    assert "no study has planned ratings" in rating.open(rater)[2]


def test_a_link_to_a_study_that_is_gone_says_so(rating, rater):
    assert "There is no study &#x27;gone&#x27;." in rating.open_link("gone", rater)[2]


def test_a_vote_that_cannot_be_taken_is_said(rating, parts, rater):
    parts.ratings.problem = "Another rater has this pair by now."
    with pytest.warns(UserWarning, match="Another rater"):
        assert rating.vote(CHOICE_LABELS["left"], "pair-0", "study-1", rater, *BLANK)[0] == "pair-0"


# The verdict


def test_the_verdict_and_how_far_the_study_is(parts):
    page = VerdictPage(parts)
    assert "Use lora+prompt" in page.report("study-1")
    told, shown = page.progress("study-1")
    assert "being computed" in shown
    assert "160 of 740 answers" in told and "0 of 60 ratings" in told and "About 40 more ratings" in told
    parts.studies.all = [view_of(done=60, answered=185)]
    assert "ratings are cast" not in page.progress("study-1")[0]


def test_a_verdict_that_cannot_be_given_says_why(parts):
    parts.studies.problem = "No answers yet."
    assert "No answers yet." in VerdictPage(parts).report("study-1")
    assert "No study yet" in VerdictPage(parts).report(None)


@pytest.mark.parametrize("kind", ["html", "csv", "jsonl", "preferences"])
def test_each_file_is_written_to_a_folder_of_its_own(parts, tmp_path, kind):
    first, second = (VerdictPage(parts).export(kind, "study-1", str(tmp_path)) for _ in range(2))
    assert first != second and Path(first).read_text() == "exported"
    parts.studies.problem = "Nothing to export."
    with pytest.warns(UserWarning, match="Nothing to export"):
        assert VerdictPage(parts).export(kind, "study-1", str(tmp_path)) is None
