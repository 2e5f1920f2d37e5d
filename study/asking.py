"""Puts questions to arms, many at once, and keeps the answers in a file, so that a rerun goes on where one ended."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core.errors import DuodeskError
from core.protocols import Backend
from core.types import ArmName, ArmSpec, Question


@dataclass(frozen=True)
class Said:
    """One arm's answer to one question, or the error in its place."""

    question: Question
    arm: ArmName
    text: str
    sources: tuple[str, ...] = ()
    error: str = ""


def ask_all(
    backend: Backend, questions: Sequence[Question], specs: Sequence[ArmSpec], out: Path, at_once: int = 1
) -> list[Said]:
    """Answers each question once per arm, one JSON line each in `out`; in the order of the questions, then the arms.

    Only answers made by exactly the present arms to exactly these words count: a new adapter, model, template or
    index is asked anew. `at_once` answers are under way at a time. Those that failed are not kept: a rerun asks them
    again. Raises DuodeskError when an arm cannot answer at all.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    identities = {spec.name: asdict(backend.draft(questions[0], spec).arm) for spec in specs}  # nothing is generated
    done = _read(out, questions, identities)
    missing = [(question, spec) for question in questions for spec in specs if (question.id, spec.name) not in done]
    started, before, total = time.perf_counter(), len(done), len(questions) * len(specs)
    with out.open("a", encoding="utf-8") as file, ThreadPoolExecutor(at_once) as pool:
        asking = [pool.submit(_ask, backend, question, spec) for question, spec in missing]
        try:
            for finished in as_completed(asking):
                said = finished.result()
                done[said.question.id, said.arm] = said
                if said.error:
                    continue
                file.write(json.dumps(_row(said, identities[said.arm]), ensure_ascii=False) + "\n")
                file.flush()
                if len(done) % 20 == 0 or len(done) == total:
                    speed = (len(done) - before) / (time.perf_counter() - started)
                    print(f"{len(done)}/{total} answers, {speed:.1f} a second", flush=True)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    return [done[question.id, spec.name] for question in questions for spec in specs]


def _ask(backend: Backend, question: Question, spec: ArmSpec) -> Said:
    try:
        draft = backend.draft(question, spec)
        text = "".join(piece.text for piece in draft.pieces).strip()
    except DuodeskError as error:
        return Said(question, spec.name, "", error=str(error))
    return Said(question, spec.name, text, tuple(passage.source for passage in draft.passages))


def _row(said: Said, identity: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "question": said.question.id,
        "asked": said.question.text,
        "arm": said.arm,
        "answer": said.text,
        "sources": said.sources,
        "identity": identity,
    }


def _read(
    out: Path, questions: Sequence[Question], identities: Mapping[ArmName, Mapping[str, Any]]
) -> dict[tuple[str, str], Said]:
    """What an earlier run answered."""
    known = {(question.id, question.text): question for question in questions}
    done: dict[tuple[str, str], Said] = {}
    for line in out.read_text(encoding="utf-8").splitlines() if out.exists() else []:
        row = json.loads(line)
        question = known.get((row["question"], row.get("asked")))
        if question and row["arm"] in identities and row.get("identity") == identities[row["arm"]]:
            done[question.id, row["arm"]] = Said(question, row["arm"], row["answer"], tuple(row["sources"]))
    return done
