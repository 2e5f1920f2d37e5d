"""Studies as they really run: a database, a model, programs that are killed, and templates that change."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from backends.folders import folder_hash
from core.errors import AdapterError, ModelNotFound, StudyError
from core.settings import load_settings
from core.studies import StudyArm, StudyPlan
from core.types import ArmSpec
from launch import compose, index_knowledge, parse
from study.asking import as_asked
from tests.integration.tiny_models import ROOT, make_adapter, make_model

COUNT = 60
TEMPLATE = """name: {name}
purpose: For tests.
depth: 2
decoding: {{max_new_tokens: 40, temperature: 0.0}}
messages:
  - system: You work for {{company}}.
  - user: |
      {{context}}

      {{question}}
"""


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study-models")
    base = make_model(folder / "tiny", context=1024)
    make_adapter(folder / "adapters/mine", base, folder_hash(base))
    make_model(folder / "other", seed=2, context=1024)
    return folder


@pytest.fixture
def settings(models, tmp_path):
    (tmp_path / "knowledge").mkdir()
    (tmp_path / "knowledge/returns.md").write_text("# Returns\n\n## How long\n\nWithin 30 days.\n")
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts/plain.yaml").write_text(TEMPLATE.format(name="plain"))
    rows = [{"question": f"How long is {number} after all?", "answer": f"{number} days"} for number in range(COUNT)]
    (tmp_path / "questions.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    return load_settings(
        {
            "data": str(tmp_path / "data"),
            "model": str(models / "tiny"),
            "adapters": str(models / "adapters"),
            "adapter": "mine",
            "prompts": str(tmp_path / "prompts"),
            "template": "plain",
            "knowledge": str(tmp_path / "knowledge"),
            "questions": str(tmp_path / "questions.jsonl"),
            "slots": 2,
        },
        {},
    )


@pytest.fixture
def parts(settings):
    parts = compose(settings)
    index_knowledge(parts)
    yield parts
    parts.store.close()


def plan(settings, *specs, name="which", limit=0):
    arms = tuple(StudyArm(spec.model or spec.name, spec) for spec in specs)
    return StudyPlan(name, settings.questions, arms, (arms[0].name, arms[1].name), "chrf", limit=limit)


def launch(settings, *words):
    names = ("data", "model", "adapters", "adapter", "prompts", "template", "knowledge", "questions", "slots")
    environ = {f"DUODESK_{name.upper()}": str(getattr(settings, name)) for name in names}
    command = [sys.executable, str(ROOT / "launch.py"), "study", *words]
    return subprocess.Popen(
        command, env=os.environ | environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_a_study_that_is_killed_in_the_middle_goes_on_and_asks_nothing_twice(settings, parts):
    study = parts.studies.add(plan(settings, ArmSpec("prompt", "plain"), ArmSpec("lora", "plain", "mine")))
    running = launch(settings, "run", "which")
    wait_for_answers(parts, study.id, 8)
    running.send_signal(signal.SIGSTOP)  # or a quick machine is done before the next lines
    assert parts.studies.view(study.id).study.status == "running"
    with pytest.raises(StudyError, match="is running already"):
        parts.studies.start(study.id)
    running.send_signal(signal.SIGKILL)
    running.communicate()
    view = parts.studies.view(study.id)
    before = {one.answer.id for one in parts.store.studies.answers(study.id)}
    assert view.study.status == "interrupted"
    assert 8 <= len(before) < 2 * COUNT

    asked = []
    backend = parts.studies.runner.backend
    parts.studies.runner.backend = Counting(backend, asked)
    parts.studies.run(study.id)
    answers = parts.store.studies.answers(study.id)
    assert parts.studies.view(study.id).study.status == "answered"
    assert before <= {one.answer.id for one in answers}
    assert len(answers) == len({(one.arm, one.answer.question_id) for one in answers}) == 2 * COUNT
    assert len(asked) == 2 * COUNT - len(before)
    assert all(one.answer.arm == study.arms[one.arm] for one in answers)


def test_ctrl_c_stops_a_study_at_once_and_keeps_what_is_answered(settings, parts):
    study = parts.studies.add(plan(settings, ArmSpec("prompt", "plain"), ArmSpec("lora", "plain", "mine")))
    running = launch(settings, "run", "which")
    wait_for_answers(parts, study.id, 4)
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=20)
    assert (running.returncode, err.strip()) == (130, "Stopped.")
    view = parts.studies.view(study.id)
    assert view.study.status == "stopped" and view.study.message.startswith("Stopped after")
    assert 4 <= sum(view.answered.values()) < 2 * COUNT


def test_a_changed_template_is_refused_and_a_new_study_takes_the_other_arms_answers_over(settings, parts, tmp_path):
    other = TEMPLATE.format(name="other")
    (tmp_path / "prompts/other.yaml").write_text(other)
    specs = ArmSpec("bare", "plain"), ArmSpec("prompt", "other")
    study = parts.studies.add(plan(settings, *specs, limit=4))
    parts.studies.run(study.id)
    assert parts.studies.view(study.id).answered == {"bare": 4, "prompt": 4}
    fresh = parts.studies.add(plan(settings, *specs, name="fresh", limit=6))
    parts.templates.save("other", other.replace("work for", "love"), "warmer")
    with pytest.raises(StudyError, match=r"'prompt' \(template other 1 .* became other 2"):
        parts.studies.run(fresh.id)
    again = parts.studies.add(plan(settings, *specs, name="again", limit=4))
    parts.studies.run(again.id)
    view = parts.studies.view(again.id)
    assert view.answered == {"bare": 4, "prompt": 4}
    assert "4 of them from earlier studies" in view.study.message


def test_two_base_models_are_compared_and_each_answers_for_itself(settings, parts, models):
    other = str(models / "other")
    specs = ArmSpec("bare", "plain"), ArmSpec("bare", "plain", model=other)
    study = parts.studies.add(plan(settings, *specs, limit=4))
    assert [study.arms[name].model for name in ("bare", other)] == ["tiny", "other"]
    parts.studies.run(study.id)
    said = {name: [] for name in ("bare", other)}
    for one in sorted(parts.store.studies.answers(study.id), key=lambda one: one.answer.question_id):
        said[one.arm].append(one.answer.text)
    alone = compose(replace(settings, model=other, data=str(settings.path("data") / "alone")))
    questions = parts.studies.view(study.id).study.questions
    drafts = [alone.desk.backend.draft(as_asked(one), specs[0]) for one in sorted(questions, key=lambda one: one.id)]
    assert said[other] == ["".join(piece.text for piece in draft.pieces).strip() for draft in drafts]
    assert said["bare"] != said[other]
    alone.store.close()


@pytest.mark.parametrize(
    ("spec", "error", "says"),
    [
        (ArmSpec("bare", "plain", model="/no/such/model"), ModelNotFound, "'/no/such/model' does not exist"),
        (ArmSpec("lora", "plain", "mine", "{other}"), AdapterError, "was made for the base model"),
    ],
)
def test_a_model_that_cannot_be_used_is_named(settings, parts, models, spec, error, says):
    spec = replace(spec, model=spec.model.format(other=models / "other"))
    with pytest.raises(error, match=says):
        parts.studies.add(plan(settings, ArmSpec("bare", "plain"), spec))


def test_an_adapter_that_a_study_uses_is_not_deleted(settings, parts, models):
    make_adapter(models / "adapters/second", models / "tiny", folder_hash(models / "tiny"), seed=5)
    parts.studies.add(plan(settings, ArmSpec("bare", "plain"), ArmSpec("lora", "plain", "second"), limit=4))
    with pytest.raises(AdapterError, match="the study 'which' has an arm with it"):
        parts.adapters.delete("second")


def test_the_terminal_plans_runs_shows_and_removes_studies(parts, capsys):
    def say(*words):
        options = parse(["study", *words])
        assert options.what(parts, options) == 0
        return capsys.readouterr().out

    def refused(*words):
        options = parse(["study", *words])
        with pytest.raises(StudyError) as raised:
            options.what(parts, options)
        return str(raised.value)

    assert "There is no study yet" in say("list")
    arms = ("--arms", "bare", "warm=prompt:plain", "--limit", "4")
    assert "is fixed: 4 questions on 2 arms" in say("new", "mine", *arms, "--ratings", "4", "--prices", "label=1")
    assert "There is a study 'mine' already" in refused("new", "mine", *arms)
    assert "All 8 answers are there." in say("run", "mine")
    assert "8/8" in say("list")
    shown = say("show", "mine")
    assert "bare against warm decides, by similarity; margin 5 points" in shown
    assert "template plain version 1" in shown and "ratings" in shown
    assert "'yours' is no study; the studies are: 'mine'" in refused("show", "yours")
    assert "'magic' is none of bare" in refused("new", "next", "--arms", "bare", "magic")
    assert "names an adapter" in refused("new", "next", "--arms", "bare", "prompt:plain:mine")
    assert "is no price" in refused("new", "next", *arms, "--prices", "label=much")
    assert "which comparison decides" in refused("new", "next", "--arms", "bare", "prompt", "lora")
    assert "is removed" in say("remove", "mine")


def test_the_arms_asked_again_are_the_same_study_until_one_changes(parts, capsys):
    def say():
        options = parse(["study", "--limit", "4", "--arms", "bare", "prompt", "lora"])
        assert options.what(parts, options) == 0
        return capsys.readouterr().out, [view.study for view in parts.studies.views()]

    out, (first,) = say()
    assert "All 12 answers are there." in out and first.plan.decides == ("bare", "prompt")
    out, studies = say()
    assert [one.id for one in studies] == [first.id]
    parts.templates.save("plain", TEMPLATE.format(name="plain").replace("work for", "love"), "warmer")
    out, studies = say()
    assert len(studies) == 2 and "All 12 answers are there." in out


def wait_for_answers(parts, study_id, count):
    deadline = time.monotonic() + 100
    while sum(parts.studies.view(study_id).answered.values()) < count:
        assert time.monotonic() < deadline
        time.sleep(0.02)


class Counting:
    """A backend that remembers which answers were begun."""

    def __init__(self, backend, asked):
        self.backend, self.asked = backend, asked

    def draft(self, question, spec):
        draft = self.backend.draft(question, spec)
        return replace(draft, pieces=self.pieces(draft.pieces, (spec.name, question.id)))

    def pieces(self, pieces, key):
        self.asked.append(key)
        yield from pieces
