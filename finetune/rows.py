"""Past conversations as training rows, rendered by the very templates that will ask for the answers."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import TrainingError
from core.protocols import Retriever, Templates
from core.types import Template, Turn


@dataclass(frozen=True)
class Round:
    """A customer's message, the turns before it, and the agent's answer."""

    history: tuple[Turn, ...]
    question: str
    answer: str


def read_transcripts(paths: Sequence[Path]) -> list[Round]:
    """All rounds in JSONL files (or folders of them) with a `messages` list a line. Raises TrainingError."""
    files = [file for path in paths for file in (sorted(path.glob("*.jsonl")) if path.is_dir() else [path])]
    missing = [str(file) for file in files if not file.is_file()]
    if missing or not files:
        raise TrainingError(
            f"No transcripts found: {', '.join(missing) or ', '.join(map(str, paths))} holds no .jsonl."
        )
    rounds = [found for file in files for found in _rounds_of(file)]
    if not rounds:
        raise TrainingError(f"{', '.join(map(str, files))} holds no answered question; add transcripts first.")
    return rounds


def _rounds_of(file: Path) -> Iterator[Round]:
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            messages = [Turn(message["role"], str(message["content"])) for message in json.loads(line)["messages"]]
        except (ValueError, KeyError, TypeError) as error:
            raise TrainingError(
                f"{file}, line {number} is not a transcript ({type(error).__name__}: {error}); each line must be "
                '{"messages": [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]}.'
            ) from error
        said = [turn for turn in messages if turn.role != "system"]
        for at in range(1, len(said)):
            if said[at].role == "assistant" and said[at - 1].role == "user":
                yield Round(tuple(said[: at - 1]), said[at - 1].text, said[at].text)


def training_rows(
    rounds: Sequence[Round],
    template: Template,
    templates: Templates,
    retriever: Retriever,
    company: str,
    passages_share: float,
    seed: int,
) -> list[dict[str, Any]]:
    """TRL's prompt/completion rows: every round without passages and, for a share of them, once more with passages.

    The adapter serves the arms lora and lora+prompt alike, so that it must know both shapes of a prompt.
    """
    drawn = random.Random(seed)
    rows = [_row(r, templates.render(template, r.question, r.history, (), company)) for r in rounds]
    for r in rounds:
        if drawn.random() < passages_share:
            found = retriever.search(r.question, template.depth)
            rows.append(_row(r, templates.render(template, r.question, r.history, found, company)))
    return rows


def _row(said: Round, prompt: Sequence[Turn]) -> dict[str, Any]:
    return {
        "prompt": [{"role": turn.role, "content": turn.text} for turn in prompt],
        "completion": [{"role": "assistant", "content": said.answer}],
    }
