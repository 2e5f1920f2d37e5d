"""Fine-tuning in the terminal: what is asked before data is read, and what is printed of it."""

import argparse
from dataclasses import replace

import pytest

from core.errors import TrainingError
from core.training import DataChoices
from finetune import command
from finetune.check_plan import check_plan
from tests.unit.fake_training import REPORT, FakeTraining


def options(kind, *arguments):
    parser = argparse.ArgumentParser()
    command.add_arguments(parser, kind)
    return parser.parse_args(arguments)


class Strict(FakeTraining):
    def report(self, plan, progress=None):
        check_plan(plan)
        raise AssertionError("the data was read")


def test_a_number_of_the_recipe_is_checked_before_the_data_is_read():
    asked = options("train", "mine", "--epochs", "0")
    plan = command.plan_of(Strict(), asked, "train", "friendly")
    with pytest.raises(TrainingError, match="'epochs' is 0.0"):
        command.run_plan(Strict(), plan, asked)


@pytest.mark.parametrize(("rows", "lines"), [(0, 0), (9, 10)])
def test_what_is_left_out_of_topics_is_told_when_rows_were_selected(monkeypatch, capsys, rows, lines):
    report = replace(REPORT, left_out_topics={f"topic {number}": 30 - number for number in range(14)})
    monkeypatch.setattr(FakeTraining, "report", lambda self, plan, progress: report)
    plan = command.plan_of(FakeTraining(), options("data"), "train", "friendly")
    command.show_data(FakeTraining(), replace(plan, choices=DataChoices(rows=rows)))
    printed = capsys.readouterr().out
    assert printed.count("  left out of topic ") == lines
    assert "not chosen" not in printed
