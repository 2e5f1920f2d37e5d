"""A study as files: the page by itself, its data as CSV or JSONL, and preference pairs for DPO.

- html: one file that asks for nothing from elsewhere, opens from the disk and prints well.
- csv: a zip of answers.csv (one row an answer with all grades, columns ANSWERS) and ratings.csv (columns RATINGS), both
  in UTF-8 as Excel opens it; a text that a spreadsheet would take for a formula begins with an apostrophe.
- jsonl: one object a line with its `kind`: study, answer, rating, and last the findings. Null: not known, or no limit.
- preferences: one object a line with `prompt` (history and question), `chosen` and `rejected`, each a list of
  `{role, content}`, as TRL's conversational preference format has it. A pair of answers counts once, by most votes;
  ties, equal votes and the same words twice say nothing and are left out, repetitions too. The answers were made with
  system messages and passages that differ, so that none of these stand in the prompt.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from core.errors import StudyError
from core.export import csv_row
from core.studies import ExportKind, Rating, Study, StudyAnswer
from core.types import CRITERIA, Answer
from study.analysis.findings import Findings, findings
from study.analysis.graded import GradedAnswer
from study.analysis.votes import winner
from study.report.html import text
from study.report.page import page
from study.report.plain import plain
from study.report.tools import ReportTools

ANSWERS = (
    *("question_id", "topic", "area", "article", "question_kind", "question", "reference", "answerable"),
    *("arm", "cell", "answer_id", "answer", "outcome", "error", "facts_found", "facts_required", "facts", "strict"),
    *("declined", "rightly_declined", "wrongly_declined", "unsupported", "acceptable", "retrieved", "rouge_l", "chrf"),
    *("similarity", "characters", "prompt_tokens", "new_tokens", "first_token_s", "total_s", "sources", "model"),
    *("model_hash", "template", "template_version", "template_hash", "adapter", "adapter_hash", "index_version"),
    *("engine", "answered_at"),
)
RATINGS = (
    *("rating_id", "question_id", "question", "left", "right", "rater", "choice", "preferred", "repeats", "second_to"),
    *(f"{name}_{side}" for name in CRITERIA for side in ("left", "right")),
    *("comment", "guessed_left", "place", "rated_at"),
)


def export(
    kind: ExportKind,
    study: Study,
    answers: Sequence[StudyAnswer],
    ratings: Sequence[Rating],
    tools: ReportTools,
    folder: Path,
) -> Path:
    """Writes one file into the folder, named after the study, and returns it.

    Raises StudyError for preferences where no vote prefers an answer.
    """
    write: Mapping[ExportKind, Callable[[], tuple[str, str | bytes]]] = {
        "html": lambda: (".html", _whole_page(findings(study, answers, ratings, tools))),
        "csv": lambda: (".zip", _zip_of_csv(findings(study, answers, ratings, tools), ratings)),
        "jsonl": lambda: (".jsonl", _lines(findings(study, answers, ratings, tools), answers, ratings)),
        "preferences": lambda: ("-preferences.jsonl", _preferences(study, answers, ratings)),
    }
    folder.mkdir(parents=True, exist_ok=True)
    ending, content = write[kind]()
    file = folder / f"{file_name(study.plan.name)}{ending}"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def file_name(name: str) -> str:
    return re.sub(r"\W+", "-", name.lower()).strip("-")[:80] or "study"


def _whole_page(found: Findings) -> str:
    nothing_else = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    return (
        '<!doctype html>\n<html lang="en" class="by-itself"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{nothing_else}">'
        f"<title>{text(found.study.plan.name)}</title></head><body>{page(found)}</body></html>\n"
    )


def _zip_of_csv(found: Findings, ratings: Sequence[Rating]) -> bytes:
    asked = {question.id: question.question for question in found.study.questions}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as files:
        for name, columns, rows in (
            ("answers.csv", ANSWERS, map(_answer_cells, found.graded)),
            ("ratings.csv", RATINGS, (_rating_cells(one, asked) for one in ratings)),
        ):
            lines = [csv_row(columns), *(csv_row(row.get(column) for column in columns) for row in rows)]
            files.writestr(name, "".join(lines).encode("utf-8-sig"))
    return packed.getvalue()


def _answer_cells(one: GradedAnswer) -> dict[str, Any]:
    question, answer, grade = one.question, one.answer, one.grade
    made_by = answer.arm
    return {
        "question_id": question.id,
        "topic": question.topic,
        "area": question.area,
        "article": question.article,
        "question_kind": question.kind,
        "question": question.question,
        "reference": question.reference,
        "arm": one.arm,
        "cell": made_by.name if made_by else None,
        "answer_id": answer.id,
        "answer": answer.text,
        "outcome": answer.outcome,
        "error": answer.error,
        **{field.name: getattr(grade, field.name) for field in fields(grade)},
        "facts": grade.share,
        "strict": grade.strict,
        "rightly_declined": grade.rightly_declined,
        "wrongly_declined": grade.wrongly_declined,
        "unsupported": "; ".join(mention.text for mention in grade.unsupported),
        "acceptable": one.acceptable,
        "retrieved": one.retrieved if answer.passages else None,
        "sources": "\n".join(passage.source for passage in answer.passages),
        **(
            {field.name: getattr(made_by, field.name) for field in fields(made_by) if field.name != "name"}
            if made_by
            else {}
        ),
        "answered_at": answer.created_at.isoformat(),
    }


def _rating_cells(one: Rating, asked: Mapping[str, str]) -> dict[str, Any]:
    criteria = {
        f"{name}_{side}": score
        for name, scores in one.criteria.items()
        for side, score in zip(("left", "right"), scores, strict=True)
    }
    return {
        "rating_id": one.id,
        "question_id": one.question_id,
        "question": asked.get(one.question_id),
        **{name: getattr(one, name) for name in ("left", "right", "rater", "choice", "repeats", "second_to")},
        "preferred": winner(one) if one.choice else None,
        **criteria,
        **{name: getattr(one, name) for name in ("comment", "guessed_left", "place")},
        "rated_at": one.rated_at.isoformat() if one.rated_at else None,
    }


def _lines(found: Findings, answers: Sequence[StudyAnswer], ratings: Sequence[Rating]) -> str:
    told = {field.name: getattr(found, field.name) for field in fields(found) if field.name not in ("study", "graded")}
    rows = [
        {"kind": "study", **plain(found.study)},
        *({"kind": "answer", **plain(one)} for one in answers),
        *({"kind": "rating", **plain(one)} for one in ratings),
        {"kind": "findings", **plain(told)},
    ]
    return _jsonl(rows)


def _preferences(study: Study, answers: Sequence[StudyAnswer], ratings: Sequence[Rating]) -> str:
    rows = list(_preferred(study, answers, ratings))
    if not rows:
        raise StudyError("No vote of this study prefers one answer to another yet, so there are no preference pairs.")
    return _jsonl(rows)


def _preferred(
    study: Study, answers: Sequence[StudyAnswer], ratings: Sequence[Rating]
) -> Iterator[dict[str, list[dict[str, str]]]]:
    said: dict[tuple[str, str], Answer] = {}
    for one in answers:
        if one.answer.outcome == "complete" and one.answer.text.strip():
            said.setdefault((one.answer.question_id, one.arm), one.answer)
    votes: dict[tuple[str, frozenset[str]], Counter[str]] = {}
    for rating in ratings:
        if rating.choice and rating.repeats is None:
            votes.setdefault((rating.question_id, frozenset((rating.left, rating.right))), Counter())[
                winner(rating)
            ] += 1
    questions = {question.id: question for question in study.questions}
    for (asked, arms), counts in votes.items():
        (best, most), *rest = counts.most_common(2)
        if best not in arms or (rest and rest[0][1] == most):
            continue
        other = next(arm for arm in arms if arm != best)
        chosen, rejected = said.get((asked, best)), said.get((asked, other))
        if chosen is None or rejected is None or chosen.text.strip() == rejected.text.strip():
            continue
        question = questions[asked]
        turns = [*((turn.role, turn.text) for turn in question.history), ("user", question.question)]
        yield {
            "prompt": [{"role": role, "content": words} for role, words in turns],
            "chosen": [{"role": "assistant", "content": chosen.text}],
            "rejected": [{"role": "assistant", "content": rejected.text}],
        }


def _jsonl(rows: Sequence[Mapping[str, Any]]) -> str:
    """ASCII with escapes, so that no reader breaks a line elsewhere."""
    return "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows)
