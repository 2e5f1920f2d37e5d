"""What the fields of a file seem to hold, judged by their names and, where names do not settle it, by their values."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import fields as fields_of
from dataclasses import replace
from typing import Any

from core.errors import TrainingError
from core.training import Columns

MESSAGES = ("messages", "conversations", "conversation", "turns", "dialogue", "dialog", "chat")
QUESTION = (
    *("question", "prompt", "instruction", "input", "user", "customer", "query", "request", "inquiry", "human"),
    *("vraag", "frage"),
)
ANSWER = (
    *("answer", "response", "output", "completion", "assistant", "agent", "reply", "chosen"),
    *("antwoord", "antwort"),
)
TOPIC = ("intent", "topic", "category", "label")
SPLIT = ("split", "set", "partition", "subset")
SPLIT_VALUES = {"train", "training", "test", "testing", "val", "valid", "validation", "dev", "eval", "holdout"}
# A table with a turn a row names the conversation, who speaks, and what is said.
CONVERSATION = (
    *("conversation id", "conversation", "chat id", "dialogue id", "dialog id", "session id", "thread id"),
    *("ticket id", "case id", "call id", "ticket", "session", "thread", "chat", "dialogue", "dialog"),
)
SPEAKER = ("role", "speaker", "sender", "author", "from", "participant")
TEXT = ("text", "content", "message", "value", "body", "utterance")
# Fields about a question or an answer rather than one: question_id, customer_name, answer_date.
ABOUT = {"id", "ids", "arm", "name", "date", "time", "email", "type", "length", "count", "score", "rating", "language", "url"}

Rows = Sequence[Mapping[str, Any]]


def names_of(rows: Rows) -> tuple[str, ...]:
    """The names of all fields, in the order in which they first appear."""
    return tuple(dict.fromkeys(name for row in rows for name in row if name))


def guess(rows: Rows) -> Columns:
    """What the fields hold as far as it is clear; a name stays empty where nothing fits or several do."""
    names = names_of(rows)
    topic = next(iter(_named(names, TOPIC)), "")
    split = next((name for name in _named(names, SPLIT) if _marks(rows, name)), "")
    shared = Columns(topic=topic, split=split)
    lists = [name for name in _named(names, MESSAGES) if any(isinstance(row.get(name), list) for row in rows)]
    if len(lists) == 1:
        return replace(shared, messages=lists[0])
    if table := turn_fields(names):
        return replace(shared, messages=table[2])
    others = [name for name in names if name not in (topic, split)]
    return replace(shared, question=_only(rows, others, QUESTION), answer=_only(rows, others, ANSWER))


def turn_fields(names: Collection[str]) -> tuple[str, str, str] | None:
    """The fields of a table with a turn a row: conversation, speaker and text; None for any other table."""
    found = [next(iter(_named(names, known)), "") for known in (CONVERSATION, SPEAKER, TEXT)]
    return (found[0], found[1], found[2]) if all(found) else None


def settle(rows: Rows, chosen: Columns | None, place: str) -> Columns:
    """The columns to read by: those chosen, and what is lacking of question, answer or messages guessed.

    Raises TrainingError when a chosen column is not there, or when guessing does not settle which to take.
    """
    names, guessed = names_of(rows), guess(rows)
    columns = chosen or guessed
    for part in (field.name for field in fields_of(Columns)):
        name = getattr(columns, part)
        if name and name not in names:
            raise TrainingError(f"{place} has no field '{name}' for the {part}; it has {_listed(names)}.")
    if columns.messages and (columns.question or columns.answer):
        raise TrainingError(f"Choose either messages={columns.messages} or question and answer for {place}, not both.")
    if not (columns.messages or columns.question or columns.answer):
        columns = replace(columns, messages=guessed.messages)
    if columns.messages:
        return columns
    columns = replace(columns, question=columns.question or guessed.question, answer=columns.answer or guessed.answer)
    lacking = [part for part in ("question", "answer") if not getattr(columns, part)]
    if lacking or columns.question == columns.answer:
        raise TrainingError(
            f"It is not clear which field of {place} holds the {' and which the '.join(lacking or ['answer'])}: it has "
            f"{_listed(names)}; choose with {' '.join(f'{part}=FIELD' for part in lacking or ['answer'])}, or "
            "messages=FIELD for lists of turns."
        )
    return columns


def _only(rows: Rows, names: Iterable[str], known: Sequence[str]) -> str:
    """The one field so named; of several the one that is not empty throughout; otherwise none."""
    found = _named(names, known)
    if len(found) > 1:
        found = [name for name in found if any(row.get(name) for row in rows)]
    return found[0] if len(found) == 1 else ""


def _named(names: Iterable[str], known: Sequence[str]) -> list[str]:
    """The fields with exactly a known name, the better known first; without any, those with such a word in it."""
    words = {name: _words(name) for name in names}
    exact = [name for entry in known for name in words if " ".join(words[name]) == entry]
    if exact:
        return exact
    return [name for name, parts in words.items() if not ABOUT & set(parts) and set(known) & set(parts)]


def _words(name: str) -> list[str]:
    """Customer-Questions, customerQuestion -> customer, question."""
    parts = re.findall(r"[^\W_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name))
    return [part if part in MESSAGES else part.removesuffix("s") for part in map(str.lower, parts)]


def _marks(rows: Rows, name: str) -> bool:
    """Whether this field says of rows what they are for, and nothing else."""
    said = {str(row.get(name) or "").strip().lower() for row in rows} - {""}
    return bool(said) and said <= SPLIT_VALUES


def _listed(names: Collection[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in list(names)[:20])
    return f"{shown}, …" if len(names) > 20 else shown or "no fields"
