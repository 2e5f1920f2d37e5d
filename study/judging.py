"""An LLM judges all pairs of a study's deciding comparison; its labels are kept with the study.

They never decide: the verdict page shows how far the judge agrees with people, and uses it to narrow their win rate.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

from core.comparison import normalise
from core.errors import StudyError
from core.studies import Study, StudyStore, TestQuestion
from core.types import Answer
from study.grading.judge import Judge, Verdict, judge_pair

EVERY = 10  # labels between two writes
Progress = Callable[[int, int, str], None]  # done, total, a sentence


def judge_study(
    store: StudyStore,
    study_id: str,
    judge: Judge,
    at_once: int = 4,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
) -> int:
    """Judges the questions that both deciding arms have answered, each in both orders; returns how many have a label.

    `at_once` questions are under way at a time. Labels of this judge on these very answers are kept, so that a rerun
    goes on where one ended, by `stop` or by an error. Raises UnknownStudy; StudyError when there is nothing to judge;
    JudgeError, after having kept what there is.
    """
    study = store.study(study_id)
    pairs = _pairs(study, store)
    if not pairs:
        first, second = study.plan.decides
        raise StudyError(f"There is no question that both {first} and {second} have answered yet; run the study first.")
    kept: Mapping[str, Any] = study.experiments.get("judge") or {}
    labels = _still_right(kept, study, judge, pairs)
    missing = [question for question in pairs if question not in labels]

    def keep() -> None:
        content = {"model": judge.model, "server": judge.base_url, "pair": list(study.plan.decides), "labels": labels}
        store.keep_experiment(study_id, "judge", content)

    with ThreadPoolExecutor(at_once) as pool:
        judging = {pool.submit(_judge, judge, *pairs[question]): question for question in missing}
        try:
            for finished in as_completed(judging):
                if stop and stop.is_set():
                    break
                question = judging[finished]
                labels[question] = _label(finished.result(), study, pairs[question])
                if len(labels) % EVERY == 0:
                    keep()
                if progress:
                    progress(len(labels), len(pairs), f"{len(labels):,} of {len(pairs):,} pairs judged")
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            keep()
    return len(labels)


Pair = tuple[TestQuestion, Answer, Answer]


def _pairs(study: Study, store: StudyStore) -> dict[str, Pair]:
    """Question and both complete answers, by the question's id."""
    said: dict[tuple[str, str], Answer] = {}
    for one in store.answers(study.id):
        if one.answer.outcome == "complete":
            said.setdefault((one.answer.question_id, one.arm), one.answer)
    first, second = study.plan.decides
    return {
        one.id: (one, said[one.id, first], said[one.id, second])
        for one in study.questions
        if (one.id, first) in said and (one.id, second) in said
    }


def _still_right(
    kept: Mapping[str, Any], study: Study, judge: Judge, pairs: Mapping[str, Pair]
) -> dict[str, dict[str, Any]]:
    """The labels that this judge has given to these very answers."""
    same = (kept.get("model"), kept.get("server"), kept.get("pair")) == (
        judge.model,
        judge.base_url,
        list(study.plan.decides),
    )
    return {
        question: dict(label)
        for question, label in (kept.get("labels") or {}).items()
        if same and question in pairs and label.get("answers") == [one.id for one in pairs[question][1:]]
    }


def _judge(judge: Judge, question: TestQuestion, first: Answer, second: Answer) -> Verdict:
    """Answers as people see them, without the marks of citations."""
    left, right = normalise(first.text), normalise(second.text)
    return judge_pair(judge, question.question, left, right, question.history, question.reference)


def _label(verdict: Verdict, study: Study, pair: Pair) -> dict[str, Any]:
    first, second = study.plan.decides
    names = {"left": first, "right": second, "tie": "tie"}
    return {
        "winner": names[verdict.winner],
        "consistent": verdict.consistent,
        "answers": [pair[1].id, pair[2].id],
    }
