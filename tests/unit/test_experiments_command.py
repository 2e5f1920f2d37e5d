"""Experiments in the terminal: which study, which edits, and what is printed."""

import os
import signal
from dataclasses import replace
from types import SimpleNamespace

import pytest

import launch
from core.errors import StudyError
from core.settings import ROOT
from study.experiments import command
from study.experiments.article_edits import Edit, changed_questions, edit_copy, read_edits
from study.local_studies import find_study
from study.questions import read_questions
from tests.unit.fake_experiments import make_parts


def options(*words):
    return launch.parse(["study", *words])


def knows(arm, rows):
    return {"bare": 0.1, "prompt": 0.5, "lora": min(0.1 + rows / 50, 0.9)}.get(arm, 0.5)


@pytest.fixture
def made(monkeypatch):
    parts = make_parts(knows)
    parts.store.studies = lambda: [parts.store.kept]
    monkeypatch.setattr(command, "experiment_parts", lambda whole: parts)
    return SimpleNamespace(store=SimpleNamespace(studies=parts.store), experiment=parts)


def test_a_curve_is_found_by_the_studys_name_and_printed(made, capsys):
    chosen = options("curve", "returns", "--sizes", "0", "10", "--seeds", "1", "2", "--transcripts", "past.jsonl")
    assert chosen.what(made, chosen) == 0
    out = capsys.readouterr().out
    assert "By share of facts" in out and "By similarity" in out
    assert "Fine-tuning" in out and "ahead of prompt" in out
    assert [plan.choices.rows for plan in made.experiment.training.started] == [10, 60] * 2


def test_ctrl_c_stops_and_says_that_it_goes_on(made, capsys, monkeypatch):
    chosen = options("curve", "012345", "--sizes", "0", "10", "--seeds", "1", "--transcripts", "past.jsonl")
    start = made.experiment.training.start

    def interrupted(plan, progress=None):
        os.kill(os.getpid(), signal.SIGINT)
        return start(plan, progress)

    monkeypatch.setattr(made.experiment.training, "start", interrupted)
    assert chosen.what(made, chosen) == 130
    assert "goes on from there" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_unknown_study_is_told_with_those_that_there_are(made):
    chosen = options("few-shot", "nothing")
    with pytest.raises(StudyError, match="'nothing' is no study; the studies are: 'returns'"):
        chosen.what(made, chosen)
    made.store.studies.studies = lambda: [made.experiment.store.kept, replace(made.experiment.store.kept, id="x")]
    with pytest.raises(StudyError, match="'returns' is more than one study"):
        find_study(made.store.studies, "returns")


def test_the_beginning_of_an_identifier_names_a_study_unless_it_is_a_slip(made):
    kept = replace(made.experiment.store.kept, id="abcdef0123456789")
    made.store.studies.studies = lambda: [kept]
    assert find_study(made.store.studies, "abcdef01") is kept
    for slip in ("", "a", "abcde"):
        with pytest.raises(StudyError, match=f"'{slip}' is no study; the studies are: 'returns'"):
            find_study(made.store.studies, slip)


def test_edits_are_given_one_by_one_or_in_a_file(tmp_path):
    file = tmp_path / "edits.csv"
    file.write_text("article,old,new\nbikes.md,25 kg,30 kg\n")
    one = ["--article", "returns.md", "--old", "30 days", "--new", "14 days"]
    chosen = options("shift", "returns", *one, "--edits", str(file))
    assert command._edits(chosen) == (Edit("returns.md", "30 days", "14 days"), Edit("bikes.md", "25 kg", "30 kg"))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "takes an edit"),
        (["--article", "a.md", "--old", "x"], "Each edit takes"),
        (["--old", "x", "--new", "y"], "Each edit takes"),
    ],
)
def test_edits_that_lack_something_are_told(words, says):
    with pytest.raises(StudyError, match=says):
        command._edits(options("shift", "returns", *words))


def test_the_edits_of_the_demo_company_change_what_its_questions_ask_for(tmp_path):
    edits = read_edits(ROOT / "knowledge/shift.csv")
    questions = tuple(read_questions(ROOT / "knowledge/questions"))
    study = replace(make_parts(knows, questions=2).store.kept, questions=questions)
    assert len(changed_questions(study, edits)) == len(edits) == 22
    edit_copy(ROOT / "knowledge/articles", edits, tmp_path / "articles")
