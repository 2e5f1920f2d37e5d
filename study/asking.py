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
from core.types import Answer, Arm, ArmName, ArmSpec, Passage, Question, Turn, new_id

MEASURED = ("first_token_s", "total_s", "prompt_tokens", "new_tokens")


@dataclass(frozen=True)
class Said:
    """One arm's answer to one question; an answer that failed has an error and no text."""

    question: Question
    arm: ArmName
    answer: Answer

    @property
    def text(self) -> str:
        return self.answer.text

    @property
    def error(self) -> str:
        return self.answer.error


def ask_all(
    backend: Backend, questions: Sequence[Question], specs: Sequence[ArmSpec], out: Path, at_once: int = 1
) -> list[Said]:
    """Answers each question once per arm, one JSON line each in `out`; in the order of the questions, then the arms.

    Only answers made by exactly the present arms to exactly these words count: a new adapter, model, template or
    index is asked anew. `at_once` answers are under way at a time. Those that failed are not kept: a rerun asks them
    again. Raises DuodeskError when an arm cannot answer at all.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    arms = {spec.name: backend.draft(questions[0], spec).arm for spec in specs}  # nothing is generated
    done = _read(out, questions, arms)
    missing = [(question, spec) for question in questions for spec in specs if (question.id, spec.name) not in done]
    started, before, total = time.perf_counter(), len(done), len(questions) * len(specs)
    with out.open("a", encoding="utf-8") as file, ThreadPoolExecutor(at_once) as pool:
        asking = [pool.submit(ask, backend, question, spec) for question, spec in missing]
        try:
            for finished in as_completed(asking):
                said = finished.result()
                done[said.question.id, said.arm] = said
                if said.error:
                    continue
                file.write(json.dumps(_row(said), ensure_ascii=False) + "\n")
                file.flush()
                if len(done) % 20 == 0 or len(done) == total:
                    speed = (len(done) - before) / (time.perf_counter() - started)
                    print(f"{len(done)}/{total} answers, {speed:.1f} a second", flush=True)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    return [done[question.id, spec.name] for question in questions for spec in specs]


def ask(backend: Backend, question: Question, spec: ArmSpec) -> Said:
    """One answer with its times; one that failed has an error in place of a text."""
    started, first, last = time.perf_counter(), None, None
    try:
        draft = backend.draft(question, spec)
        text = ""
        for last in draft.pieces:
            if first is None and last.text:
                first = time.perf_counter() - started
            text += last.text
    except DuodeskError as error:
        return Said(question, spec.name, Answer(new_id(), question.id, error=str(error)))
    answer = Answer(
        id=new_id(),
        question_id=question.id,
        arm=draft.arm,
        text=text.strip(),
        passages=draft.passages,
        prompt=draft.prompt,
        outcome="complete",
        first_token_s=first,
        total_s=time.perf_counter() - started,
        prompt_tokens=last.prompt_tokens if last else 0,
        new_tokens=last.new_tokens if last else 0,
    )
    return Said(question, spec.name, answer)


def _row(said: Said) -> dict[str, Any]:
    answer = said.answer
    return {
        "question": said.question.id,
        "asked": said.question.text,
        "arm": said.arm,
        "answer": answer.text,
        "passages": [asdict(passage) for passage in answer.passages],
        "prompt": [asdict(turn) for turn in answer.prompt],
        **{name: getattr(answer, name) for name in MEASURED},
        "identity": asdict(answer.arm) if answer.arm else None,
    }


def _read(out: Path, questions: Sequence[Question], arms: Mapping[ArmName, Arm]) -> dict[tuple[str, str], Said]:
    """What an earlier run answered; a line from before prompts were kept cannot be graded and does not count."""
    known = {(question.id, question.text): question for question in questions}
    identities = {name: asdict(arm) for name, arm in arms.items()}
    done: dict[tuple[str, str], Said] = {}
    for line in out.read_text(encoding="utf-8").splitlines() if out.exists() else []:
        row = json.loads(line)
        question = known.get((row["question"], row.get("asked")))
        if question and "prompt" in row and row["arm"] in arms and row.get("identity") == identities[row["arm"]]:
            answer = Answer(
                id=new_id(),
                question_id=question.id,
                arm=arms[row["arm"]],
                text=row["answer"],
                passages=tuple(Passage(**passage) for passage in row["passages"]),
                prompt=tuple(Turn(**turn) for turn in row["prompt"]),
                outcome="complete",
                **{name: row[name] for name in MEASURED},
            )
            done[question.id, row["arm"]] = Said(question, row["arm"], answer)
    return done
