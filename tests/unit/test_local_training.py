"""A run's process that does not begin is told, with the last thing it said."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from core.errors import TrainingError
from core.training import Columns, Plan
from finetune import local_training
from finetune.defaults import default_recipe
from finetune.local_training import LocalTraining
from finetune.run_folder import RunFolder

PLAN = Plan("mine", files=("past.csv",), columns=Columns(question="q", answer="a"), recipe=default_recipe(100, 64)[0])


@pytest.fixture
def training(tmp_path, monkeypatch) -> LocalTraining:
    monkeypatch.setattr(local_training, "MODULE", "finetune.no_such_module")
    adapters = SimpleNamespace(folder=tmp_path / "adapters", check_new_name=lambda name: None)
    model: Any = SimpleNamespace(adapter_folder=adapters)
    nothing: Any = None
    return LocalTraining(tmp_path / "runs", model, nothing, nothing)


def test_a_process_that_dies_at_once_is_told_when_a_run_is_resumed_too(training):
    run = RunFolder.create(training.folder, PLAN, {}, {})
    run.say("running", "Step 1")
    assert training.run(run.id).status == "interrupted"
    with pytest.raises(TrainingError, match="did not start: .*No module named finetune.no_such_module"):
        training.resume(run.id)
