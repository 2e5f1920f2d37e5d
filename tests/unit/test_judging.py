"""The judge's labels: made for all pairs, kept as they come, gone on with, and made anew for other answers."""

import threading
from dataclasses import replace

import pytest

from core.errors import JudgeError, StudyError
from study import judging
from study.grading.judge import Judge, Verdict
from study.judging import judge_study
from tests import simulated_study as simulated

JUDGE = Judge("http://127.0.0.1:1/v1", "wise")
TWO = {"prompt": 0.5, "lora": 0.8}


class Kept:
    """The part of a StudyStore that judging uses."""

    def __init__(self, study, answers):
        self._study, self._answers, self.writes = study, answers, 0

    def study(self, study_id):
        return self._study

    def answers(self, study_id):
        return self._answers

    def keep_experiment(self, study_id, kind, content):
        self.writes += 1
        self._study = replace(self._study, experiments={kind: content})


@pytest.fixture
def kept():
    study = simulated.study(TWO, 25, decides=("lora", "prompt"))
    return Kept(study, simulated.answers(study, TWO))


@pytest.fixture
def asked(monkeypatch):
    """Prefers the longer answer and remembers every question."""
    questions = []

    def judge_pair(judge, question, left, right, history, reference):
        questions.append(question)
        winner = "left" if len(left) > len(right) else "right" if len(right) > len(left) else "tie"
        return Verdict(winner, winner, winner)

    monkeypatch.setattr(judging, "judge_pair", judge_pair)
    return questions


def labels(kept):
    return kept.study("").experiments["judge"]["labels"]


def test_every_pair_of_the_deciding_comparison_gets_a_label(kept, asked):
    told = []
    assert judge_study(kept, "s1", JUDGE, progress=lambda *at: told.append(at)) == 25
    assert len(labels(kept)) == 25
    texts = {(one.answer.question_id, one.arm): one.answer.text for one in kept.answers("")}
    for question, label in labels(kept).items():
        lora, prompt = len(texts[question, "lora"]), len(texts[question, "prompt"])
        assert label["winner"] == ("lora" if lora > prompt else "prompt" if prompt > lora else "tie")
    assert told[-1] == (25, 25, "25 of 25 pairs judged")


def test_a_rerun_asks_nothing_twice(kept, asked):
    judge_study(kept, "s1", JUDGE)
    assert judge_study(kept, "s1", JUDGE) == 25
    assert len(asked) == 25


def test_an_error_keeps_what_was_judged_and_a_rerun_goes_on(kept, asked, monkeypatch):
    working, lock = judging.judge_pair, threading.Lock()

    def failing(*given):
        with lock:
            if len(asked) >= 12:
                raise JudgeError("The judge cannot be reached.")
            return working(*given)

    monkeypatch.setattr(judging, "judge_pair", failing)
    with pytest.raises(JudgeError):
        judge_study(kept, "s1", JUDGE, at_once=2)
    done = len(labels(kept))
    assert 0 < done <= 12
    monkeypatch.setattr(judging, "judge_pair", working)
    judge_study(kept, "s1", JUDGE)
    assert len(labels(kept)) == 25
    assert len(asked) <= 12 + 25 - done


def test_it_stops_when_told_and_keeps_what_there_is(kept, asked):
    stop = threading.Event()
    judge_study(kept, "s1", JUDGE, at_once=1, stop=stop, progress=lambda done, *_: stop.set() if done == 3 else None)
    assert 3 <= len(labels(kept)) < 25


def test_another_judge_and_other_answers_are_judged_anew(kept, asked):
    judge_study(kept, "s1", JUDGE)
    judge_study(kept, "s1", replace(JUDGE, model="wiser"))
    assert len(asked) == 50 and kept.study("").experiments["judge"]["model"] == "wiser"
    kept._answers[0] = replace(kept._answers[0], answer=replace(kept._answers[0].answer, id="new", text="Another."))
    judge_study(kept, "s1", replace(JUDGE, model="wiser"))
    assert len(asked) == 51


def test_the_key_is_not_kept(kept, asked):
    judge_study(kept, "s1", replace(JUDGE, api_key="secret"))
    assert "secret" not in str(kept.study("").experiments)


def test_without_answers_there_is_nothing_to_judge(kept, asked):
    kept._answers = []
    with pytest.raises(StudyError, match="no question that both lora and prompt have answered"):
        judge_study(kept, "s1", JUDGE)
