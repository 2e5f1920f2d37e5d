"""Grades the answers of arms and counts those whose facts are right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.studies import TestQuestion
from core.types import Answer
from study.grading.grade import Grade, evidence_for, grade
from study.grading.unsupported import Evidence


@dataclass(frozen=True)
class Graded:
    """One arm's answer to one test question, graded."""

    question: TestQuestion
    arm: str
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


def grade_all(questions: Sequence[TestQuestion], answers: Mapping[str, Mapping[str, Answer]]) -> list[Graded]:
    """The answers of each arm, by question's id, with their grades; in the order of the questions, then the arms.

    Grades are made anew each time, so that a better grader needs no new answers.
    """
    passages = {passage.text for given in answers.values() for one in given.values() for passage in one.passages}
    known = Evidence([*(question.reference for question in questions), *sorted(passages)])
    graded = []
    for question in questions:
        mine = {arm: given[question.id] for arm, given in answers.items() if question.id in given}
        evidence = evidence_for(question, list(mine.values()), known)
        graded += [Graded(question, arm, answer, grade(question, answer, evidence)) for arm, answer in mine.items()]
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
