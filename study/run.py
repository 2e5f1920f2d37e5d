"""Puts the test questions of a file to arms."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from core.protocols import Backend
from core.types import ArmSpec, Question
from study.asking import Said, ask_all
from study.questions import read_questions


def answer_all(
    backend: Backend, path: Path, specs: Sequence[ArmSpec], out: Path, limit: int = 0, at_once: int = 1
) -> list[Said]:
    """Answers each question of a file or folder once per arm, as study.asking does. Raises QuestionsError."""
    every = read_questions(path)
    questions = every[:: max(1, len(every) // limit)][:limit] if limit else every
    asked = [Question(question.id, "study", question.question, question.history) for question in questions]
    return ask_all(backend, asked, specs, out, at_once)
