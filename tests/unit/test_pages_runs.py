"""The Runs tab of the Adapters page: how far a run is, what it found, what can be done with it; and its curves."""

from dataclasses import replace
from types import SimpleNamespace

import gradio as gr
import pytest

from app.adapters.run_html import lowest, samples_html, state_html
from app.adapters.runs_tab import VIEW_SIZE, TrainingRuns
from core.line_chart import Line, line_chart
from core.training import Plan, Recipe, Run
from tests.unit.fake_training import CARD, FakeTraining, log

PLAN = Plan("second", template="friendly")
ATTACK = "<img src=x>"


@pytest.fixture
def parts():
    return SimpleNamespace(training=FakeTraining())


@pytest.fixture
def runs(parts):
    return TrainingRuns(parts)


def run_of(kind="train", status="done", **more):
    return Run(f"run-{kind}", replace(PLAN, kind=kind), status, "Said.", "2026-11-22T16:35:22+00:00", **more)


def chosen(identifier):
    return gr.EventData(None, {"id": identifier})


def test_the_newest_run_is_shown_first_and_looked_at_again_while_one_runs(runs, parts):
    parts.training.all = [run_of("sweep"), run_of(status="running", step=30, total_steps=90, seconds_left=75)]
    run, table, *_, timer = runs.show("")
    assert run == "run-sweep"
    assert table.index("Sweep") < table.index("second")
    assert timer.active
    parts.training.all.pop()
    assert not runs.show("")[-1].active


def test_a_running_run_says_how_far_it_is():
    run = run_of(status="running", step=30, total_steps=120, seconds_left=75, log=log(60, 600))
    shown = state_html(run)
    for said in ('aria-valuenow="25"', "about 1 min 15 s", "2,310 tokens a second", "Gradient norm", "Learning rate"):
        assert said in shown


def test_a_validation_loss_that_turned_up_is_marked_and_explained():
    shown = state_html(run_of(turned_up=420, log=log(600, 420)))
    assert "turned up after step 420" in shown
    assert "mark-line" in shown
    assert "turned up" not in state_html(run_of(log=log(600, 420)))


@pytest.mark.parametrize(
    ("status", "visible"),
    [
        ("running", (True, False, False)),
        ("done", (False, False, True)),
        ("stopped", (False, False, True)),
        ("failed", (False, True, True)),
        ("interrupted", (False, True, True)),
    ],
)
def test_a_run_offers_what_can_be_done_with_it(runs, parts, status, visible):
    parts.training.all = [run_of(status=status)]
    _, _, _, _, stop, resume, remove, _ = runs.choose(chosen("run-train"))
    assert (stop.visible, resume.visible, remove.visible) == visible


def test_a_stopped_sweep_can_go_on(runs, parts):
    parts.training.all = [run_of("sweep", status="stopped")]
    assert runs.choose(chosen("run-sweep"))[5].visible


def test_stop_and_resume_reach_the_run_and_removing_needs_the_persons_yes(runs, parts):
    parts.training.all = [run_of(status="running")]
    runs.stop("run-train")
    runs.resume("run-train")
    assert parts.training.asked == [("stop", "run-train"), ("resume", "run-train")]
    assert runs.remove("") == (gr.skip(),) * VIEW_SIZE
    assert len(runs.remove("run-train")) == VIEW_SIZE
    assert parts.training.all == []


def test_a_refusal_is_said_and_the_page_goes_on(runs, parts):
    parts.training.all = [run_of()]
    parts.training.problem = "It is not running."
    for asked in (runs.stop, runs.resume, runs.remove):
        with pytest.warns(UserWarning, match="It is not running"):
            assert asked("run-train")[0] == "run-train"


def test_a_finished_training_says_where_its_adapter_can_be_chosen():
    shown = state_html(run_of(result=CARD))
    assert "Choose <b>second</b> in" in shown
    assert 'href="/compare"' in shown
    assert "Choose" not in state_html(run_of(status="failed"))


def test_a_finished_training_shows_what_was_learnt_and_forgotten(runs, parts):
    losses = [{"set": "validation", "before": 3.5, "after": 2.5}, {"set": "general", "before": 3.0, "after": 3.25}]
    parts.training.all = [run_of(result={"losses": losses})]
    result = runs.choose(chosen("run-train"))[3]
    assert "-1.000 ▼ better" in result
    assert "+0.250 ▲ worse" in result


def test_a_range_test_shows_its_suggestion_and_a_sweep_its_trials_best_first(runs, parts):
    trials = [
        {"learning_rate": 4e-3, "rank": 32, "steps": 300, "eval_loss": 2.1, "pruned": False},
        {"learning_rate": 1e-3, "rank": 8, "steps": 100, "eval_loss": 2.4, "pruned": True},
    ]
    points = tuple({"learning_rate": 10.0**power, "loss": 3.0} for power in range(-5, 0))
    parts.training.all = [
        run_of("range_test", result={"suggested": 0.0013}, log=points),
        run_of("sweep", result={"trials": trials}),
    ]
    _, _, _, found, *_, use = runs.choose(chosen("run-range_test"))
    assert ">0.0013<" in found and "1e-05" in found
    assert use.value == "Use it"
    _, _, _, found, *_, use = runs.choose(chosen("run-sweep"))
    assert found.index("0.004") < found.index("0.001") < found.index("<td>ended early")
    assert use.value == "Use the best"


def test_sample_answers_are_shown_newest_first_and_never_as_html():
    shown = samples_html(run_of(samples={60: {"Open?": ATTACK}, 120: {"Open?": "Yes."}}))
    assert shown.index("Step 120") < shown.index("Step 60")
    assert "<img" not in shown


def test_two_runs_are_compared_by_their_curves_and_recipes(runs, parts):
    hot = replace(run_of("train", log=log(300, 60)), id="hot", plan=replace(PLAN, recipe=Recipe(learning_rate=0.01)))
    parts.training.all = [run_of("train", log=log(300, 300)), hot]
    shown = runs.compare("run-train", "hot")
    assert shown.count("<polyline") == 2
    assert "<td>learning rate</td><td>0.002</td><td>0.01</td>" in shown


@pytest.mark.parametrize(
    ("more", "best"),
    [
        ({"log": ({"step": 1, "eval_loss": 3.0}, {"step": 2, "eval_loss": 2.5})}, 2.5),
        ({"result": {"validation_loss": [3.0, 2.5]}}, 2.5),
        ({"result": {"trials": [{"eval_loss": 2.5}, {"eval_loss": None}]}}, 2.5),
        ({"log": ({"step": 1, "eval_loss": float("nan")},)}, None),
    ],
)
def test_the_best_validation_loss_of_a_run(more, best):
    assert lowest(run_of(**more)) == best


def test_a_chart_leaves_out_what_cannot_be_drawn_and_is_empty_without_points():
    nan = float("nan")
    assert line_chart("Loss", [Line("a", [(1, nan), (nan, 2)]), Line("b", [])], "step") == ""
    assert "<circle" in line_chart("Loss", [Line("a", [(1, 2.0)])], "step")
    assert "polyline" in line_chart("Loss", [Line("a", [(0, 2.0), (1e-3, 2.0), (1e-2, 1.0)])], "rate", scale="log")
