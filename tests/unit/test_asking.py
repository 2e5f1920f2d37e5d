"""Many questions at once: each is asked once, ends early when it must, and a file never passes an older arm's answers
off as the present one's."""

import contextlib
import threading
import time
from dataclasses import replace

import pytest

from core.errors import ModelError, StudyError
from core.types import Question, Turn
from study.answer_file import ask_into_file
from study.asking import Ask, ask_all
from tests.conftest import LORA, PROMPT

QUESTION = Question("q1", "study", "How long?")


def asks(count):
    return [Ask("p", PROMPT, replace(QUESTION, id=str(number))) for number in range(count)]


def test_every_question_is_asked_once_with_so_many_at_once(backend):
    under_way, most = [], []
    draft = backend.draft

    def counting(question, spec):
        made = draft(question, spec)

        def pieces():
            under_way.append(question.id)
            most.append(len(under_way))
            time.sleep(0.02)
            yield from made.pieces
            under_way.remove(question.id)

        return replace(made, pieces=pieces())

    backend.draft = counting
    answers = [one for one in ask_all(backend, asks(12), at_once=3) if one]
    assert sorted(task.question.id for task, _ in answers) == sorted(str(number) for number in range(12))
    assert {(answer.outcome, answer.text, answer.arm.name) for _, answer in answers} == {
        ("complete", "Hello there.", "prompt")
    }
    assert max(most) == 3


def test_closing_gives_up_what_is_under_way_soon(backend):
    draft = backend.draft
    begun = threading.Event()

    def endless(question, spec):
        made = draft(question, spec)

        def pieces():
            piece = next(made.pieces)
            begun.set()
            while True:
                time.sleep(0.01)
                yield piece

        return replace(made, pieces=pieces())

    backend.draft = endless
    with contextlib.closing(ask_all(backend, asks(4), at_once=2)) as asking:
        assert next(asking) is None, "a sign that answers are under way"
        assert begun.is_set()
        closed = time.monotonic()
    assert time.monotonic() - closed < 10, "these answers would never end"


def test_an_answer_that_fails_has_its_error_and_the_others_go_on(backend):
    backend.error = ModelError("out of memory")
    answers = [answer for _, answer in filter(None, ask_all(backend, asks(2)))]
    assert [(answer.outcome, answer.error, answer.text) for answer in answers] == [("failed", "out of memory", "")] * 2


def test_a_bug_is_raised(backend):
    backend.error = RuntimeError("a bug")
    with pytest.raises(RuntimeError):
        list(ask_all(backend, asks(2)))


def test_a_rerun_asks_only_what_is_missing_and_what_another_arm_answered(tmp_path, backend):
    out = tmp_path / "out.jsonl"

    def answers(*specs, question=QUESTION):
        found = ask_into_file(backend, [question], specs, out)
        return {arm: answer.text for (_, arm), answer in found.items()}

    backend.words = ["30 days"]
    assert answers(PROMPT) == {"prompt": "30 days"}
    with out.open("a") as file:
        file.write('{"question": "q1", "as')  # a program that was killed while it wrote
    backend.words = ["no idea"]
    assert answers(PROMPT) == {"prompt": "30 days"}
    assert answers(PROMPT, LORA) == {"prompt": "30 days", "lora": "no idea"}
    assert answers(PROMPT, question=replace(QUESTION, history=(Turn("user", "Hi"),))) == {"prompt": "no idea"}
    backend.words, backend.model_hash = ["anew"], "another"
    assert answers(PROMPT) == {"prompt": "anew"}
    backend.model_hash = "abc123"
    assert answers(PROMPT, LORA) == {"prompt": "30 days", "lora": "no idea"}


def test_an_answer_that_failed_is_asked_again(tmp_path, backend):
    out = tmp_path / "out.jsonl"
    backend.error = ModelError("out of memory")
    assert [one.error for one in ask_into_file(backend, [QUESTION], [PROMPT], out).values()] == ["out of memory"]
    backend.error, backend.words = None, ["30 days"]
    assert [one.text for one in ask_into_file(backend, [QUESTION], [PROMPT], out).values()] == ["30 days"]


def test_an_answer_with_any_line_break_is_kept(tmp_path, backend):
    out, said = tmp_path / "out.jsonl", "30\u2028days\u2029or\u0085so"
    for backend.words in ([said], ["not asked again"]):
        assert [one.text for one in ask_into_file(backend, [QUESTION], [PROMPT], out).values()] == [said]


def test_answers_that_cannot_be_kept_are_one_sentence_and_nothing_is_asked(tmp_path, backend):
    (tmp_path / "taken").touch()
    (tmp_path / "broken.jsonl").write_text("{\n{}\n")
    for out in (tmp_path, tmp_path / "taken" / "out.jsonl", tmp_path / "broken.jsonl"):
        with pytest.raises(StudyError, match=f"cannot be kept in {out}"):
            ask_into_file(backend, [QUESTION], [PROMPT], out)
