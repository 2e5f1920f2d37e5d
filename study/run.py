"""Puts test questions to arms and counts the answers whose facts are right.

The full study comes with its own issue.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.protocols import Backend
from core.studies import TestQuestion
from core.types import Answer, ArmName, ArmSpec, Question
from study.asking import ask_all
from study.grading.grade import Grade, evidence_for, grade
from study.grading.unsupported import Evidence
from study.questions import read_questions


@dataclass(frozen=True)
class Graded:
    """One arm's answer to one test question, graded."""

    question: TestQuestion
    arm: ArmName
    answer: Answer
    grade: Grade

    @property
    def failed(self) -> bool:
        """Whether there is no answer, but an error in its place."""
        return bool(self.answer.error)

    @property
    def retrieved(self) -> bool:
        """Whether the article that holds the answer was among the passages."""
        return any(passage.source == self.question.article for passage in self.answer.passages)


def answer_all(
    backend: Backend, path: Path, specs: Sequence[ArmSpec], out: Path, limit: int = 0, at_once: int = 1
) -> list[Graded]:
    """Answers each question of a file or folder once per arm, as study.asking does, and grades the answers.

    Grades are made anew at each run, so that a better grader needs no new answers. Raises QuestionsError.
    """
    every = read_questions(path)
    questions = every[:: max(1, len(every) // limit)][:limit] if limit else every
    asked = [Question(question.id, "study", question.question, question.history) for question in questions]
    said = ask_all(backend, asked, specs, out, at_once)
    passages = {passage.text for one in said for passage in one.answer.passages}
    known = Evidence([*(question.reference for question in every), *sorted(passages)])
    graded = []
    for place, question in enumerate(questions):
        mine = said[place * len(specs) : (place + 1) * len(specs)]
        evidence = evidence_for(question, [one.answer for one in mine], known)
        graded += [Graded(question, one.arm, one.answer, grade(question, one.answer, evidence)) for one in mine]
    return graded


def print_shares(graded: Sequence[Graded]) -> None:
    """A table: for each arm, the share of answerable questions with all facts right, of facts, of refusals, and of
    all answers with something unsupported in them."""
    arms = list(dict.fromkeys(one.arm for one in graded))
    columns = ("all facts", "of facts", "declined rightly", "declined wrongly", "unsupported")
    print(f"{'arm':<12}", "{:>16} {:>9} {:>17} {:>17} {:>17}".format(*columns))
    for arm in arms:
        grades = [one.grade for one in graded if one.arm == arm]
        answerable = [one for one in grades if one.facts_required]
        found, required = (sum(getattr(one, name) for one in answerable) for name in ("facts_found", "facts_required"))
        print(
            f"{arm:<12} {share(sum(one.strict for one in answerable), len(answerable)):>16} "
            f"{found / max(required, 1):>8.1%} "
            f"{share(sum(one.rightly_declined for one in grades), len(grades) - len(answerable)):>17} "
            f"{share(sum(one.wrongly_declined for one in grades), len(answerable)):>17} "
            f"{share(sum(bool(one.unsupported) for one in grades), len(grades)):>17}"
        )
    with_sources = [one for one in graded if one.arm.endswith("prompt") and one.question.answerable]
    if with_sources:
        hits = sum(one.retrieved for one in with_sources)
        print(f"the right article was among the passages: {share(hits, len(with_sources))}")


def share(part: int, whole: int) -> str:
    """`part/whole (percentage)`, or a dash when there is nothing to share."""
    return f"{part}/{whole} ({part / whole:.1%})" if whole else "-"
