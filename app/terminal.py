"""What a person sees in the terminal: one answer with its sources, what became of documents, the export."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from core.comparison import veil
from core.errors import ExportError
from core.export import to_csv, to_jsonl
from core.parts import Parts
from core.types import ArmSpec, TranscriptFilter

WRITERS = {".jsonl": to_jsonl, ".csv": to_csv}


def ask(parts: Parts, options: argparse.Namespace) -> int:
    """Streams the answer to one question; it is stored like any other."""
    settings = parts.settings
    chat = parts.desk.open_chat(owner="terminal")
    shown = ""
    spec = ArmSpec(options.arm, settings.template, settings.adapter)
    for answer in parts.desk.ask(chat.id, options.question, spec):
        print(answer.text[len(shown) :], end="", flush=True)
        shown = answer.text
    print()
    if answer.error:
        print(answer.error, file=sys.stderr)
        return 1
    for number, passage in enumerate(answer.passages, 1):
        print(f"  [{number}] {passage.title} ({passage.source})")
    print(
        f"  {options.arm}, template {settings.template}: first token {answer.first_token_s or 0:.2f} s, "
        f"total {answer.total_s:.2f} s, {answer.prompt_tokens} + {answer.new_tokens} tokens"
    )
    return 0


def index(parts: Parts, options: argparse.Namespace) -> int:
    """Indexes files and folders and says what became of each."""

    def progress(done: int, total: int, name: str) -> None:
        print(f"{done}/{total} {name}", flush=True)

    report = parts.retriever.index([Path(path) for path in options.paths], progress)
    counts = (
        f"{kind}: {len(getattr(report, kind))}" for kind in ("added", "replaced", "unchanged", "removed", "failed")
    )
    print(f"Documents {', '.join(counts)}.")
    for path, reason in report.failed:
        print(f"{path}: {reason}", file=sys.stderr)
    return 1 if report.failed else 0


def export(parts: Parts, options: argparse.Namespace) -> int:
    """Writes every exchange to a file, without what is still blind. Raises ExportError."""
    file = Path(options.file)
    write = WRITERS.get(file.suffix.lower())
    if write is None:
        raise ExportError(f"An export is a .jsonl or a .csv, and '{file}' is neither; give it one of these endings.")
    exchanges = [veil(exchange) for exchange in parts.store.search(TranscriptFilter())]
    try:
        with file.open("w", encoding="utf-8", newline="") as lines:
            lines.writelines(write(exchanges))
    except OSError as error:
        raise ExportError(f"The export cannot be written to {file}: {error.strerror}; choose another file.") from error
    print(f"{len(exchanges)} exchanges written to {file}.")
    return 0
