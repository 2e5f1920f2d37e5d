"""Test questions with the answers that people gave to them: what an adapter's answers are compared with."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import QuestionsError
from study.questions import read_questions

# The names that a column may have, the first found counts.
COLUMNS = {
    "question": ("question", "instruction", "prompt", "query", "input"),
    "answer": ("answer", "response", "reference", "completion", "output"),
    "topic": ("intent", "topic", "category"),
    "split": ("split",),
}


@dataclass(frozen=True)
class Reference:
    """A question and the answer it got from a person. `id` is its row in the file, from 1; `topic` may be empty."""

    id: str
    question: str
    answer: str
    topic: str = ""


def read_references(path: Path) -> list[Reference]:
    """The test rows of a .csv or .jsonl file, also .gz; where there is a column `split`, those whose value is test.

    Columns are found by their names; rows without a question or an answer are left out. Raises QuestionsError.
    """
    try:
        rows = list(_rows(path))
    except (OSError, ValueError, csv.Error) as error:
        why = getattr(error, "strerror", None) or error
        raise QuestionsError(f"The test file {path} cannot be read: {why}; give a .csv or .jsonl file.") from error
    fields = list(dict.fromkeys(key for row in rows for key in row))
    names = {use: next((name for name in known if name in fields), "") for use, known in COLUMNS.items()}
    if missing := [use for use in ("question", "answer") if not names[use]]:
        found_names = ", ".join(fields) or "nothing"
        raise QuestionsError(
            f"The test file {path} has no column for {' and '.join(missing)} (found: {found_names}); "
            f"name them {' and '.join(missing)}."
        )
    found = [
        Reference(str(number), *(str(row.get(names[use]) or "").strip() for use in ("question", "answer", "topic")))
        for number, row in enumerate(rows, 1)
        if not names["split"] or str(row.get(names["split"])).strip().lower() == "test"
    ]
    complete = [one for one in found if one.question and one.answer]
    if not complete:
        raise QuestionsError(
            f"The test file {path} holds no row with a question and an answer"
            f"{' and the value test in its column split' if names['split'] else ''} ({len(rows)} rows in all)."
        )
    return complete


def question_texts(path: Path) -> list[str]:
    """The test questions of a file, or of every one in a folder, as texts: those that no training may have seen.

    Raises QuestionsError.
    """
    if path.is_dir() or path.suffix == ".jsonl":
        return [question.question for question in read_questions(path)]
    return [reference.question for reference in read_references(path)]


def _rows(path: Path) -> Iterator[Mapping[str, Any]]:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
        if ".csv" in path.suffixes[-2:]:
            header = file.readline()
            file.seek(0)
            separator = max(",;\t", key=header.count)
            for row in csv.DictReader(file, delimiter=separator):
                yield {str(key).strip().lower(): value for key, value in row.items()}
        elif ".jsonl" in path.suffixes[-2:]:
            for number, line in enumerate(file, 1):
                if line.strip():
                    row = json.loads(line)
                    if not isinstance(row, dict):
                        raise ValueError(f"line {number} is not a JSON object")
                    yield {key.lower(): value for key, value in row.items()}
        else:
            raise ValueError(f"its name ends in '{path.suffix}'")
