"""The run over test questions: resumes, and never passes an older arm's answers off as the present one's."""

import json

from core.errors import ModelError
from study.run import answer_all
from tests.conftest import LORA, PROMPT

QUESTION = {
    "id": "q1",
    "topic": "returns",
    "article": "returns.md",
    "kind": "plain",
    "history": [],
    "question": "How long?",
    "facts": [["30 days"]],
    "reference": "30 days.",
}


def test_a_rerun_asks_only_what_is_missing_and_what_another_arm_answered(tmp_path, backend):
    questions, out = tmp_path / "questions.jsonl", tmp_path / "out.jsonl"
    questions.write_text(json.dumps(QUESTION))

    def answers(*specs):
        return [(one.arm, one.text) for one in answer_all(backend, questions, specs, out)]

    backend.words = ["30 days"]
    assert answers(PROMPT) == [("prompt", "30 days")]
    backend.words = ["no idea"]
    assert answers(PROMPT, LORA) == [("prompt", "30 days"), ("lora", "no idea")]
    backend.model_hash = "another"
    assert answers(PROMPT) == [("prompt", "no idea")]


def test_an_answer_that_failed_is_asked_again(tmp_path, backend, monkeypatch):
    questions, out = tmp_path / "questions.jsonl", tmp_path / "out.jsonl"
    questions.write_text(json.dumps(QUESTION))
    draft, calls = backend.draft, []

    def failing(question, spec):
        calls.append(question.id)
        if len(calls) == 2:  # the first one asks what the arm is made of
            raise ModelError("out of memory")
        return draft(question, spec)

    monkeypatch.setattr(backend, "draft", failing)
    backend.words = ["30 days"]
    assert [bool(one.error) for one in answer_all(backend, questions, [PROMPT], out)] == [True]
    assert [one.answer.text for one in answer_all(backend, questions, [PROMPT], out)] == ["30 days"]
