"""The versions of the templates: per template one file of JSON lines that only ever grows.

Every answer names a template and its version; here that version's full text is found again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from core.types import TemplateVersion, now


class TemplateHistory:
    """Reads need no lock: a line is complete or it is ignored. Who appends holds `locked()`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other threads and other processes from changing templates meanwhile."""
        from filelock import FileLock

        self.folder.mkdir(parents=True, exist_ok=True)
        # A fresh lock object each time also keeps the threads of one process apart.
        with FileLock(self.folder / ".lock"):
            yield

    def names(self) -> set[str]:
        """The templates that ever had a version."""
        return {file.stem for file in self.folder.glob("*.jsonl")}

    def read(self, name: str) -> list[TemplateVersion]:
        """The versions of a template, oldest first; a line torn by a crash is left out."""
        try:
            lines = self._file(name).read_bytes().split(b"\n")
        except FileNotFoundError:
            return []
        return [version for line in lines if (version := _parse(line))]

    def append(self, name: str, text: str, note: str, meaning_hash: str) -> TemplateVersion:
        """Records a text as the next version; it is on the disk when this returns."""
        earlier = self.read(name)
        number = earlier[-1].version + 1 if earlier else 1
        version = TemplateVersion(number, now(), note, text, meaning_hash)
        line = json.dumps({**vars(version), "saved_at": version.saved_at.isoformat()})
        with self._file(name).open("ab") as file:
            # The line break in front closes a line that a crash may have torn; empty lines mean nothing.
            file.write(f"\n{line}\n".encode())
            file.flush()
            os.fsync(file.fileno())
        return version

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.jsonl"


def _parse(line: bytes) -> TemplateVersion | None:
    try:
        raw = json.loads(line)
        return TemplateVersion(**{**raw, "saved_at": datetime.fromisoformat(raw["saved_at"])})
    except (ValueError, TypeError, KeyError):
        return None
