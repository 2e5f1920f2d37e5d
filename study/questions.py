"""Test questions: what customers ask, with the facts a right answer must contain."""

from __future__ import annotations

import json
from pathlib import Path

from core.errors import QuestionsError
from core.studies import TestQuestion
from core.types import Turn


def read_questions(path: Path) -> list[TestQuestion]:
    """All questions of a JSONL file, or of every one in a folder. Raises QuestionsError."""
    files = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
    if not files or not all(file.is_file() for file in files):
        raise QuestionsError(f"No test questions found at {path}; give a .jsonl file or a folder of them.")
    questions = []
    for file in files:
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            try:
                questions.append(_question(json.loads(line)))
            except (ValueError, KeyError, TypeError) as error:
                raise QuestionsError(
                    f"{file}, line {number} is not a test question ({type(error).__name__}: {error}); "
                    "see knowledge/README.md for the fields."
                ) from error
    if not questions:
        raise QuestionsError(f"{path} holds no test question; see knowledge/README.md for the fields.")
    return questions


def _question(row: dict) -> TestQuestion:
    return TestQuestion(
        id=row["id"],
        topic=row["topic"],
        article=row["article"],
        kind=row["kind"],
        question=row["question"],
        facts=tuple(tuple(spellings) for spellings in row["facts"]),
        history=tuple(Turn(turn["role"], turn["content"]) for turn in row["history"]),
        reference=row["reference"],
    )
