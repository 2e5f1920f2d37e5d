"""The answers of a study with their grades, and the score that each gets by a measure."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.studies import Measure, Study, StudyAnswer, TestQuestion
from core.types import Answer
from study.grading.grade import Grade, acceptable, evidence_for, grade, with_similarity
from study.grading.unsupported import Evidence
from study.text_scores import Embed

KEPT = 4  # sets of grades in memory: grading takes seconds, and a page is opened more than once

_kept: OrderedDict[tuple, list[GradedAnswer]] = OrderedDict()
_keeping = threading.Lock()  # two people who open one page wait for one grading


@dataclass(frozen=True)
class GradedAnswer:
    """One arm's answer to one test question, graded. `arm` is its name in the study."""

    question: TestQuestion
    arm: str
    answer: Answer
    grade: Grade

    @property
    def failed(self) -> bool:
        """Whether there is no answer, but an error in its place; it counts as an empty one."""
        return self.answer.outcome == "failed"

    @property
    def acceptable(self) -> bool | None:
        """Whether it could be sent as it is; None where the question's facts are not known."""
        return None if self.question.facts is None else acceptable(self.grade)

    @property
    def retrieved(self) -> bool:
        """Whether the article that holds the answer was among the passages."""
        return any(passage.source == self.question.article for passage in self.answer.passages)

    def score(self, measure: Measure) -> float | None:
        """From 0 to 1, a similarity from -1; None where the measure says nothing of this question, as facts of an
        unanswerable one, or a similarity without a reference."""
        if measure == "facts":
            return self.grade.share
        if measure == "ratings" or not self.question.reference.strip():
            return None
        return {
            "similarity": self.grade.similarity,
            "rouge_l": self.grade.rouge_l,
            "chrf": self.grade.chrf,
        }[measure]


def grade_answers(study: Study, answers: Sequence[StudyAnswer], embed: Embed | None = None) -> list[GradedAnswer]:
    """The first answer of each of the study's arms to each of its questions, in the order of questions, then arms.

    Answers of experiments are left out. What any arm's passages say of a question is no invention of another arm, and
    names and contact details from any passage or reference are known of the company at large.
    """
    said: dict[tuple[str, str], Answer] = {}
    for one in answers:
        said.setdefault((one.answer.question_id, one.arm), one.answer)
    arms = [arm.name for arm in study.plan.arms]
    rows = [
        (question, arm, said[question.id, arm])
        for question in study.questions
        for arm in arms
        if (question.id, arm) in said
    ]
    key = (study.questions, tuple((arm, answer) for _, arm, answer in rows), embed is not None)
    with _keeping:
        if key not in _kept:
            _kept[key] = _graded(study, rows, embed)
            while len(_kept) > KEPT:
                _kept.popitem(last=False)
        return _kept[key]


def _graded(study: Study, rows: Sequence[tuple[TestQuestion, str, Answer]], embed: Embed | None) -> list[GradedAnswer]:
    passages = {passage.text for _, _, answer in rows for passage in answer.passages}
    known = Evidence([*(question.reference for question in study.questions), *sorted(passages)])
    of_question: dict[str, list[Answer]] = {}
    for question, _, answer in rows:
        of_question.setdefault(question.id, []).append(answer)
    evidence = {
        question.id: evidence_for(question, of_question[question.id], known)
        for question in study.questions
        if question.id in of_question
    }
    grades = [grade(question, answer, evidence[question.id]) for question, _, answer in rows]
    if embed is not None and rows:
        texts, references = [answer.text for _, _, answer in rows], [question.reference for question, _, _ in rows]
        grades = with_similarity(grades, texts, references, _each_once(embed, {*texts, *references}))
    return [
        GradedAnswer(question, arm, answer, found) for (question, arm, answer), found in zip(rows, grades, strict=True)
    ]


def _each_once(embed: Embed, texts: set[str]) -> Embed:
    """The same, but every text is embedded only once: a question's reference stands beside each arm's answer."""
    import numpy as np

    different = sorted(texts)
    vectors = np.asarray(embed(different), np.float32)
    place: Mapping[str, int] = {text: number for number, text in enumerate(different)}
    return lambda asked: vectors[[place[text] for text in asked]]
