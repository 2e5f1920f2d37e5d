"""Lines of files that were made of conversations, such as training rounds and exports: found and removed."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from core.errors import StoreError
from core.personal_data import redact
from core.types import Exchange

TELLING = 25  # characters from which on a question is taken for this person's alone; shorter ones need their answer


class Traces:
    """Tells whether a line was made of certain conversations: by their identifiers, or by what was said in them."""

    def __init__(self, exchanges: Iterable[Exchange]) -> None:
        self._ids: set[str] = set()
        self._answers: dict[str, set[str]] = {}  # by question
        self._questions: dict[str, set[str]] = {}  # by answer
        for exchange in exchanges:
            self._ids |= {exchange.chat.id, exchange.question.id, *(answer.id for answer in exchange.answers)}
            answers = {text for answer in exchange.answers for text in _spellings(answer.text)}
            for question in _spellings(exchange.question.text):
                self._answers.setdefault(question, set()).update(answers)
                for answer in answers:
                    self._questions.setdefault(answer, set()).add(question)

    def in_line(self, texts: Sequence[str]) -> bool:
        """`texts` is all text of one line. A rendered prompt holds its question among other words."""
        said = {text.strip() for text in texts}
        if not said.isdisjoint(self._ids):
            return True
        if any(len(asked) >= TELLING or self._answers[asked] & said for asked in said & self._answers.keys()):
            return True
        asked = {question for answer in said & self._questions.keys() for question in self._questions[answer]}
        return any(question in text for question in asked for text in said)

    def in_text(self, text: str) -> bool:
        """Whether a whole document quotes them."""
        return any(asked in text for asked in self._answers if len(asked) >= TELLING)


def remove_lines(folders: Iterable[Path], traces: Traces) -> dict[Path, int]:
    """Rewrites the .jsonl and .csv files below the folders that hold such lines, and returns how many went from each.

    A file is replaced as a whole. Raises StoreError when one cannot be read or written; nothing is half done in it.
    """
    removed = {}
    for file in sorted({file for folder in folders for file in _files(folder)}):
        try:
            lines = list(_lines(file))
            kept = [line for line, texts in lines if not traces.in_line(texts)]
            if len(kept) < len(lines):
                _replace(file, kept)
                removed[file] = len(lines) - len(kept)
        except FileNotFoundError:
            continue  # removed at this moment
        except (OSError, csv.Error) as error:
            raise StoreError(
                f"The file {file} may hold what is to be removed, but cannot be changed: {error}."
            ) from error
    return removed


def _spellings(text: str) -> set[str]:
    """As it is on record and as it is where all contacts were replaced, also the company's own."""
    return {spelt for one in (text, redact(text)[0]) if (spelt := one.strip())}


def _files(folder: Path) -> Iterator[Path]:
    for place, _, names in os.walk(folder):
        yield from ((Path(place) / name).resolve() for name in names if name.endswith((".jsonl", ".csv")))


def _lines(file: Path) -> Iterator[tuple[str, list[str]]]:
    """Each line as it stands, with its texts. A row of CSV may take several lines."""
    with file.open(encoding="utf-8", errors="surrogateescape", newline="") as lines:
        if file.suffix == ".csv":
            usual = csv.field_size_limit(sys.maxsize)  # answers may be long; the limit is the whole program's
            try:
                remembered = _Remembering(lines)
                for row in csv.reader(remembered):
                    yield remembered.taken(), [cell.removeprefix("'") for cell in row]
            finally:
                csv.field_size_limit(usual)
            return
        for line in lines:
            try:
                yield line, list(_texts(json.loads(line)))
            except ValueError:  # a last line that was cut off
                yield line, [line]


class _Remembering:
    """Lines for a CSV reader, which remembers those that it took for its last row."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._taken: list[str] = []

    def __iter__(self) -> _Remembering:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self._taken.append(line)
        return line

    def taken(self) -> str:
        taken, self._taken = "".join(self._taken), []
        return taken


def _texts(value: Any) -> Iterator[str]:
    """All text in a JSON document, that of keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _replace(file: Path, lines: Sequence[str]) -> None:
    new = file.with_name(f".{file.name}.new")
    with new.open("w", encoding="utf-8", errors="surrogateescape", newline="") as out:
        out.writelines(lines)
    new.chmod(file.stat().st_mode)
    new.replace(file)
