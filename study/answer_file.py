"""Answers kept in a JSON Lines file, so that a rerun goes on where one ended."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from core.errors import StudyError
from core.json_lines import drop_cut_off_line, read_json_lines
from core.protocols import Backend
from core.types import Answer, Arm, ArmSpec, Passage, Question, Turn, new_id
from study.asking import Ask, ask_all

MEASURED = ("first_token_s", "total_s", "prompt_tokens", "new_tokens")

Answers = dict[tuple[str, str], Answer]  # by question's id and arm's name


def ask_into_file(
    backend: Backend, questions: Sequence[Question], specs: Sequence[ArmSpec], out: Path, at_once: int = 1
) -> Answers:
    """Answers each question once per arm, one JSON line each in `out`.

    Only answers made by exactly the present arms to exactly these words count: a new adapter, model, template or
    index is asked anew. Those that failed are not kept: a rerun asks them again. Raises DuodeskError when an arm
    cannot answer at all, and StudyError when the file cannot be read or written.
    """
    with _as_study_error(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        out.open("a").close()  # whether it can be written is told before anything is asked
        drop_cut_off_line(out)
    arms: dict[str, Arm] = {spec.name: backend.draft(questions[0], spec).arm for spec in specs}  # nothing is generated
    done = _read(out, questions, arms)
    todo = [Ask(spec.name, spec, one) for one in questions for spec in specs if (one.id, spec.name) not in done]
    started, before, total = time.perf_counter(), len(done), len(questions) * len(specs)
    with contextlib.closing(ask_all(backend, todo, at_once)) as asking:
        for task, answer in filter(None, asking):
            done[task.question.id, task.arm] = answer
            if answer.error:
                continue
            _append(out, _row(task, answer))
            if len(done) % 20 == 0 or len(done) == total:
                speed = (len(done) - before) / (time.perf_counter() - started)
                print(f"{len(done)}/{total} answers, {speed:.1f} a second", flush=True)
    return done


def _append(out: Path, row: Mapping[str, Any]) -> None:
    with _as_study_error(out), out.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row, ensure_ascii=False) + "\n")


@contextlib.contextmanager
def _as_study_error(out: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        raise StudyError(f"The answers cannot be kept in {out} ({error}); mend or remove it.") from error


def _row(task: Ask, answer: Answer) -> dict[str, Any]:
    return {
        "question": task.question.id,
        "asked": task.question.text,
        "history": [asdict(turn) for turn in task.question.history],
        "arm": task.arm,
        "answer": answer.text,
        "passages": [asdict(passage) for passage in answer.passages],
        "prompt": [asdict(turn) for turn in answer.prompt],
        **{name: getattr(answer, name) for name in MEASURED},
        "identity": asdict(answer.arm) if answer.arm else None,
    }


def _read(out: Path, questions: Sequence[Question], arms: Mapping[str, Arm]) -> Answers:
    """What an earlier run answered."""
    known = {(question.id, question.text, question.history): question for question in questions}
    identities = {name: json.loads(json.dumps(asdict(arm))) for name, arm in arms.items()}  # as a line holds them
    done: Answers = {}
    with _as_study_error(out):
        rows = list(read_json_lines(out))
    for row in rows:
        history = tuple(Turn(**turn) for turn in row.get("history", ()))
        question = known.get((row["question"], row.get("asked"), history))
        if question and row["arm"] in arms and row.get("identity") == identities[row["arm"]]:
            done[question.id, row["arm"]] = Answer(
                id=new_id(),
                question_id=question.id,
                arm=arms[row["arm"]],
                text=row["answer"],
                passages=tuple(Passage(**passage) for passage in row["passages"]),
                prompt=tuple(Turn(**turn) for turn in row["prompt"]),
                outcome="complete",
                **{name: row[name] for name in MEASURED},
            )
    return done
