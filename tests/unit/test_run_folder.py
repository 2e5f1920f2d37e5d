"""A run on disk: what a reader sees while it is written, after a crash, and how its curves are read."""

import fcntl
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from core.errors import TrainingError
from core.training import Columns, DataChoices, Plan, Recipe
from finetune import run_folder
from finetune.check_plan import check_plan
from finetune.defaults import default_recipe
from finetune.learning_rate import smoothed, suggest
from finetune.run_folder import LOG, RunFolder, continued_by, turn

PLAN = Plan(
    "mine",
    files=("past.csv",),
    columns=Columns(question="q", answer="a"),
    choices=DataChoices(rows=7),
    recipe=Recipe(rank=3),
)


@pytest.fixture
def run(tmp_path):
    return RunFolder.create(tmp_path / "runs", PLAN, {"rounds": 5}, {"train.jsonl": [{"prompt": "é"}]})


def test_a_plan_is_read_as_it_was_written(run):
    assert run.plan == PLAN
    assert run.setup == {"rounds": 5}
    assert run.rows("train.jsonl") == [{"prompt": "é"}]


def test_a_run_whose_process_died_is_interrupted_and_while_it_works_it_is_running(run, monkeypatch):
    monkeypatch.setattr(run_folder, "WAIT_S", 0.2)
    with run.working():
        run.say("running", "Step 1", step=1)
        assert run.view().status == "running"
        with pytest.raises(TrainingError, match="another process"), RunFolder(run.folder).working():
            pass
    assert run.view().status == "interrupted"
    assert run.view().step == 1


def test_a_stop_that_was_asked_for_before_does_not_end_the_next_attempt(run):
    run.ask_to_stop()
    with run.working():
        assert not run.asked_to_stop()
        run.ask_to_stop()
        assert run.asked_to_stop()


def test_a_line_that_was_cut_off_is_left_out_and_what_comes_after_a_checkpoint_is_forgotten(run):
    for step in (1, 2, 3):
        run.append(LOG, {"step": step, "loss": 1.0})
    with (run.folder / LOG).open("a") as file:
        file.write('{"step": 4, "lo')
    assert [row["step"] for row in run.rows(LOG)] == [1, 2, 3]
    run.forget_after(2)
    assert [row["step"] for row in run.rows(LOG)] == [1, 2]


def test_rows_with_any_line_break_in_their_texts_are_all_read_and_a_broken_one_is_said(run):
    rows = [{"prompt": f"a{sign}b"} for sign in "\u2028\u2029\u0085\v\f\r\n"]
    run.write_rows("train.jsonl", rows)
    assert run.rows("train.jsonl") == rows
    run.append("train.jsonl", rows[0])
    assert run.rows("train.jsonl") == [*rows, rows[0]]
    with (run.folder / "train.jsonl").open("a") as file:
        file.write('{"prompt": "c\n{}\n')
    with pytest.raises(TrainingError, match="train.jsonl: line 9 is not JSON"):
        run.rows("train.jsonl")


def test_state_keeps_what_is_not_said_anew(run):
    run.say("running", "a", step=3, total_steps=9)
    run.say("done", "b", result={"name": "mine"})
    view = run.view()
    assert (view.status, view.message, view.step, view.total_steps) == ("done", "b", 3, 9)
    assert view.result == {"name": "mine"}


@pytest.mark.parametrize(
    ("losses", "expected"),
    [([], None), ([3.0, 2.0, 1.0], None), ([3.0, 1.0, 2.0], None), ([3.0, 1.0, 2.0, 2.5], 2), ([1.0, 2.0, 3.0], 1)],
)
def test_the_turn_of_the_validation_loss_is_marked_once_two_evaluations_were_higher(losses, expected):
    log = tuple({"step": step, "eval_loss": loss} for step, loss in enumerate(losses, 1))
    assert turn(log) == expected


def test_smoothing_neither_lags_nor_bends_the_ends():
    assert smoothed([2.0, 2.0, 2.0]) == pytest.approx([2.0, 2.0, 2.0])
    valley = [abs(at - 20.0) for at in range(41)]
    assert smoothed(valley).index(min(smoothed(valley))) == 20


def test_the_suggested_rate_is_a_tenth_of_that_with_the_lowest_smoothed_loss():
    curve = [(10 ** (-5 + at / 10), abs(at - 30) + 1.0) for at in range(45)]  # lowest near a rate of 1e-2
    assert 0.5e-3 < suggest(curve) < 3e-3


def test_defaults_follow_the_rounds_and_the_width_and_say_why():
    few, why = default_recipe(60, 256)
    many, _ = default_recipe(20_000, 256)
    wide, _ = default_recipe(60, 4096)
    assert few.epochs > many.epochs >= 2
    assert few.learning_rate == pytest.approx(2.5e-3, rel=0.02), "5e-5 * 10 * (2000 / 256) ** 0.781"
    assert wide.learning_rate < few.learning_rate / 5
    assert "LoRA Without Regret" in why


def test_a_plan_of_another_version_is_read_as_far_as_it_is_known(run):
    written = json.loads((run.folder / "plan.json").read_text())
    written["recipe"]["warmth"] = written["choices"]["mood"] = written["columns"]["tone"] = written["colour"] = 1
    del written["recipe"]["beta"]
    run.write("plan.json", written)
    assert run.plan == PLAN


def test_readers_do_not_take_each_other_for_the_worker(run):
    with run.working():
        pass
    with ThreadPoolExecutor(8) as readers:
        assert not any(readers.map(lambda _: run.alive(), range(2000)))


def test_a_worker_begins_although_a_reader_looks_at_that_moment(run):
    with run.working():
        pass
    with (run.folder / "lock").open("rb") as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        threading.Timer(0.3, lambda: fcntl.flock(looking, fcntl.LOCK_UN)).start()
        with run.working():
            assert run.alive()
    assert not run.alive()


def test_a_run_that_ends_between_two_looks_is_done_and_not_interrupted(run, monkeypatch):
    run.say("running", "Step 1")

    def ends(self):
        self.say("done", "Done.")
        return False

    monkeypatch.setattr(RunFolder, "alive", ends)
    assert run.view().status == "done"


def test_a_removed_run_is_gone_even_when_its_files_stay(run, monkeypatch):
    monkeypatch.setattr(run_folder.shutil, "rmtree", lambda folder, ignore_errors: None)
    parent = run.folder.parent
    run.remove()
    assert [folder.name[0] for folder in parent.iterdir()] == ["."]


def test_a_plan_with_its_defaults_can_be_trained():
    check_plan(PLAN)
    check_plan(Plan("", recipe=default_recipe(60, 256)[0]))


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        *(("recipe", name, 0) for name in ("epochs", "learning_rate", "rank", "batch_size", "evaluations", "beta")),
        *(("recipe", name, -1) for name in ("patience", "dropout", "passages_share", "seed")),
        *(("recipe", "epochs", odd) for odd in (float("nan"), float("inf"), "8", None, True)),
        ("recipe", "rank", 4.5),
        ("recipe", "dropout", 1),
        ("choices", "rows", -1),
        ("choices", "validation_share", 0.9),
        ("", "replay_share", 1.5),
    ],
)
def test_a_number_out_of_its_range_is_named_with_what_it_may_be(part, name, value):
    plan = replace(PLAN, **{part: replace(getattr(PLAN, part), **{name: value})} if part else {name: value})
    with pytest.raises(
        TrainingError, match=rf"{name.replace('_', ' ')}' is {value}; it must be a .*number from .* to "
    ):
        check_plan(plan)


def test_without_one_loss_that_is_a_number_no_rate_is_suggested():
    with pytest.raises(TrainingError, match="not a number"):
        suggest([])


def test_an_unfinished_run_needs_the_adapter_it_continues(tmp_path):
    run = RunFolder.create(tmp_path, replace(PLAN, parent="old"), {}, {})
    run.say("running", "Step 1")
    assert continued_by(tmp_path, "old") == run.id, "interrupted, it may be resumed"
    assert continued_by(tmp_path, "other") == ""
    run.say("done", "Done")
    assert continued_by(tmp_path, "old") == ""
