"""Puts test questions to arms, many at once, and counts the answers whose facts are right.

The full study comes with its own issue.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core.errors import DuodeskError
from core.protocols import Backend
from core.types import ArmName, ArmSpec, Question
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
    """Answers each question once per arm, one JSON line each in `out`; a rerun goes on where an earlier one ended.

    Only answers made by exactly the present arms count: a new adapter, model, template or index is asked anew.
    `at_once` answers are under way at a time. Those that failed are not kept: a rerun asks them again.
    """
    questions = read_questions(path)
    if limit:
        questions = questions[:: max(1, len(questions) // limit)][:limit]
    out.parent.mkdir(parents=True, exist_ok=True)
    identities = {spec.name: _identity(backend, questions[0], spec) for spec in specs}
    done = _read(out, questions, identities)
    missing = [(question, spec) for question in questions for spec in specs if (question.id, spec.name) not in done]
    started, before, total = time.perf_counter(), len(done), len(questions) * len(specs)
    with out.open("a", encoding="utf-8") as file, ThreadPoolExecutor(at_once) as pool:
        answering = [pool.submit(_answer, backend, question, spec) for question, spec in missing]
        try:
            for finished in as_completed(answering):
                graded = finished.result()
                done[graded.question.id, graded.arm] = graded
                if graded.failed:
                    continue
                row = asdict(graded) | {"question": graded.question.id, "asked": graded.question.question}
                row["identity"] = identities[graded.arm]
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
                file.flush()
                if len(done) % 20 == 0 or len(done) == total:
                    speed = (len(done) - before) / (time.perf_counter() - started)
                    print(f"{len(done)}/{total} answers, {speed:.1f} a second", flush=True)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    return [done[question.id, spec.name] for question in questions for spec in specs]


def _identity(backend: Backend, question: TestQuestion, spec: ArmSpec) -> dict[str, Any]:
    """What the arm is made of now. A draft tells it before anything is generated. Raises DuodeskError."""
    return asdict(backend.draft(Question(question.id, "study", question.question), spec).arm)


def _answer(backend: Backend, question: TestQuestion, spec: ArmSpec) -> Graded:
    try:
        draft = backend.draft(Question(question.id, "study", question.question, question.history), spec)
        text = "".join(piece.text for piece in draft.pieces).strip()
        sources = tuple(passage.source for passage in draft.passages)
    except DuodeskError as error:
        text, sources = f"{FAILED} {error}]", ()
    return Graded(question, spec.name, text, grade(question, text), sources)


def _read(
    out: Path, questions: Sequence[TestQuestion], identities: dict[ArmName, dict[str, Any]]
) -> dict[tuple[str, str], Graded]:
    """What an earlier run answered, graded anew so that a better grader needs no new answers."""
    known = {question.id: question for question in questions}
    done: dict[tuple[str, str], Graded] = {}
    for line in out.read_text(encoding="utf-8").splitlines() if out.exists() else []:
        row = json.loads(line)
        question = known.get(row["question"])
        if question and row["arm"] in identities and row.get("identity") == identities[row["arm"]]:
            graded = grade(question, row["answer"])
            done[question.id, row["arm"]] = Graded(question, row["arm"], row["answer"], graded, tuple(row["sources"]))
    return done


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
