"""A split's results as data: a row for each chat that counts, with JSONL also the plan and all findings."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

from core.export import csv_row
from core.splits import SplitExport
from study.report.export import file_name
from study.report.plain import plain
from study.splits.findings import SplitFindings
from study.splits.observed import ChatOutcome

COLUMNS = (
    *("split", "arm", "visitor", "chat_id", "began_at", "messages", "thumbs_up", "thumbs_down", "stopped", "failed"),
    *("regenerated", "reworded", "unsupported", "declined", "first_token_s", "total_s", "prompt_tokens", "new_tokens"),
)


def export_split(kind: SplitExport, found: SplitFindings, folder: Path) -> Path:
    """Writes one file into the folder, named after the split, and returns it. Texts of customers are not in it: the
    export of transcripts has them, under the same identifiers."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{file_name(found.split.plan.name)}.{kind}"
    chats = [_row(found.split.plan.name, chat) for chat in found.chats]
    if kind == "csv":
        lines = [csv_row(COLUMNS), *(csv_row(chat[column] for column in COLUMNS) for chat in chats)]
        file.write_bytes("".join(lines).encode("utf-8-sig"))
        return file
    names = {one.name for one in fields(found)} - {"split", "chats", "counted"}
    rows = [
        {"kind": "split", **plain(found.split)},
        *({"kind": "chat", **chat} for chat in chats),
        {"kind": "findings", **{name: plain(getattr(found, name)) for name in sorted(names)}},
    ]
    file.write_text("".join(json.dumps(row, allow_nan=False) + "\n" for row in rows), encoding="utf-8")
    return file


def _row(split: str, chat: ChatOutcome) -> dict[str, Any]:
    """Seconds and tokens are sums over the chat's answers."""
    outcomes = [answer.outcome for answer in chat.answers]
    return {
        "split": split,
        "arm": chat.arm,
        "visitor": chat.visitor,
        "chat_id": chat.id,
        "began_at": chat.messages[0].question.created_at.isoformat(),
        "messages": len(chat.messages),
        "thumbs_up": sum(thumb.value > 0 for thumb in chat.thumbs),
        "thumbs_down": sum(thumb.value < 0 for thumb in chat.thumbs),
        "stopped": outcomes.count("stopped"),
        "failed": outcomes.count("failed"),
        "regenerated": sum(len(message.answers) > 1 for message in chat.messages),
        "reworded": sum(message.withdrawn for message in chat.messages),
        "unsupported": sum(bool(one.unsupported) for one in chat.checks.values()),
        "declined": sum(one.declined for one in chat.checks.values()),
        "first_token_s": sum(answer.first_token_s or 0.0 for answer in chat.answers),
        "total_s": sum(answer.total_s for answer in chat.answers),
        "prompt_tokens": sum(answer.prompt_tokens for answer in chat.answers),
        "new_tokens": sum(answer.new_tokens for answer in chat.answers),
    }
