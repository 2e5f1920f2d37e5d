"""Puts test questions to arms and counts the answers whose facts are right.

The full study comes with its own issue.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.protocols import Backend
from core.types import ArmName, ArmSpec, Question
from study.asking import Said, ask_all
from study.facts import Grade, grade
from study.questions import TestQuestion, read_questions

FAILED = "[failed:"


@dataclass(frozen=True)
class Graded:
    """One arm's answer to one test question, graded."""

    question: TestQuestion
    arm: ArmName
    answer: str
    grade: Grade
    sources: tuple[str, ...]

    @property
    def failed(self) -> bool:
        """Whether there is no answer, but an error in its place."""
        return self.answer.startswith(FAILED)

    @property
    def retrieved(self) -> bool:
        """Whether the article that holds the answer was among the passages."""
        return self.question.article in self.sources


def answer_all(
    backend: Backend, path: Path, specs: Sequence[ArmSpec], out: Path, limit: int = 0, at_once: int = 1
) -> list[Graded]:
    """Answers each question of a file or folder once per arm, as study.asking does, and grades the answers.

    Grades are made anew at each run, so that a better grader needs no new answers. Raises QuestionsError.
    """
    questions = read_questions(path)
    if limit:
        questions = questions[:: max(1, len(questions) // limit)][:limit]
    known = {question.id: question for question in questions}
    asked = [Question(question.id, "study", question.question, question.history) for question in questions]
    return [_graded(known[said.question.id], said) for said in ask_all(backend, asked, specs, out, at_once)]


def _graded(question: TestQuestion, said: Said) -> Graded:
    text = f"{FAILED} {said.error}]" if said.error else said.text
    return Graded(question, said.arm, text, grade(question, text), said.sources)


def print_shares(graded: Sequence[Graded]) -> None:
    """A table: for each arm, the share of answerable questions with all facts right, of facts, of refusals."""
    arms = list(dict.fromkeys(one.arm for one in graded))
    columns = ("all facts", "of facts", "declined rightly", "declined wrongly")
    print(f"{'arm':<12}", "{:>16} {:>9} {:>17} {:>17}".format(*columns))
    for arm in arms:
        mine = [one for one in graded if one.arm == arm]
        answerable = [one for one in mine if one.question.answerable]
        unanswerable = [one for one in mine if not one.question.answerable]
        right = sum(one.grade.right for one in answerable)
        found, required = sum(one.grade.found for one in answerable), sum(one.grade.required for one in answerable)
        print(
            f"{arm:<12} {share(right, len(answerable)):>16} {found / max(required, 1):>8.1%} "
            f"{share(sum(one.grade.declined for one in unanswerable), len(unanswerable)):>17} "
            f"{share(sum(one.grade.declined for one in answerable), len(answerable)):>17}"
        )
    with_sources = [one for one in graded if one.arm.endswith("prompt") and one.question.answerable]
    if with_sources:
        hits = sum(one.retrieved for one in with_sources)
        print(f"the right article was among the passages: {share(hits, len(with_sources))}")


def share(part: int, whole: int) -> str:
    """`part/whole (percentage)`, or a dash when there is nothing to share."""
    return f"{part}/{whole} ({part / whole:.1%})" if whole else "-"
