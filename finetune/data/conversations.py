"""Records as rounds: pairs of question and answer, lists of turns, and tables with a turn a row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from core.errors import TrainingError
from core.training import Columns, Round
from core.types import Role, Turn
from finetune.data.columns import turn_fields
from core.record_files import Record

ROLES: dict[str, Role] = {
    **dict.fromkeys(("user", "customer", "human", "client", "visitor", "end-user", "klant", "kunde"), "user"),
    **dict.fromkeys(("assistant", "agent", "gpt", "bot", "ai", "chatbot", "model", "support", "operator"), "assistant"),
    **dict.fromkeys(("system", "developer", "tool", "function", "note"), "system"),
}
ROLE_FIELDS = ("role", "from", "speaker", "sender", "author")
TEXT_FIELDS = ("content", "value", "text", "message")
SHAPE = '[{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]'


def rounds_in(record: Record, columns: Columns, place: str) -> list[Round]:
    """The rounds of one record, in order. Raises TrainingError when it is not of the shape that `columns` says."""
    row, fields = record
    topic = _text(fields.get(columns.topic), place)
    if columns.messages:
        return _answered(_turns(fields.get(columns.messages), place), topic, row)
    question, answer = fields.get(columns.question), fields.get(columns.answer)
    if isinstance(question, list) and isinstance(answer, list):  # TRL's conversational prompt and completion
        return _answered(_turns(question + answer, place), topic, row)[-1:]
    history = fields.get("history")
    said = tuple(_turns(history, place)) if isinstance(history, list) else ()
    return [Round(_text(question, place), _text(answer, place), said, topic, row)]


def rounds_of_table(records: Iterable[Record], columns: Columns, place: str) -> list[Round]:
    """The rounds of a table with a turn a row, in its order within a conversation; `row` is where one begins."""
    conversations: dict[str, list[Record]] = {}
    for record in records:
        found = turn_fields(record[1])
        if not found:
            raise TrainingError(
                f"{place}, row {record[0]} lacks a conversation, a role or a text; each turn needs all three."
            )
        conversations.setdefault(_text(record[1][found[0]], place), []).append(record)
    rounds = []
    for turns in conversations.values():
        row, first = turns[0]
        said = []
        for at, fields in turns:
            _, speaker, text = turn_fields(fields) or ("", "", "")
            said.append(_turn(fields[speaker], fields.get(columns.messages, fields[text]), f"{place}, row {at}"))
        rounds += _answered(said, _text(first.get(columns.topic), place), row)
    return rounds


def _answered(turns: Iterable[Turn], topic: str, row: int) -> list[Round]:
    """A round for each answer that follows a question. Messages sent in a row by one side become one message."""
    said: list[Turn] = []
    for turn in turns:
        if turn.role == "system":
            continue
        if said and said[-1].role == turn.role:
            said[-1] = Turn(turn.role, f"{said[-1].text}\n{turn.text}".strip())
        else:
            said.append(turn)
    return [
        Round(said[at - 1].text, said[at].text, tuple(said[: at - 1]), topic, row)
        for at in range(1, len(said))
        if said[at].role == "assistant"
    ]


def _turns(value: Any, place: str) -> list[Turn]:
    if not isinstance(value, list):
        raise TrainingError(f"{place} holds no list of turns; it must be like {SHAPE}.")
    if value and all(isinstance(item, list) and len(item) == 2 for item in value):  # [[question, answer], …]
        roles: tuple[Role, Role] = ("user", "assistant")
        return [Turn(roles[at], _text(pair[at], place)) for pair in value for at in (0, 1)]
    return [_turn_of(item, place) for item in value]


def _turn_of(item: Any, place: str) -> Turn:
    fields = item if isinstance(item, Mapping) else {}
    role = next((fields[name] for name in ROLE_FIELDS if name in fields), None)
    texts = [fields[name] for name in TEXT_FIELDS if name in fields]
    if role is None or not texts:
        raise TrainingError(f"{place} has a turn without a role or a text; each list must be like {SHAPE}.")
    return _turn(role, texts[0], place)


def _turn(role: Any, content: Any, place: str) -> Turn:
    known = ROLES.get(str(role).strip().lower())
    if not known:
        raise TrainingError(
            f"{place} has a turn by {str(role)[:40]!r}, which could be either side; "
            "name the customer 'user' and the agent 'assistant'."
        )
    if isinstance(content, list):  # parts, as vision models have them
        content = "\n".join(part["text"] for part in content if isinstance(part, dict) and _is_text(part.get("text")))
    # What a tool or the system gets is dropped later, whatever it is.
    return Turn(known, "" if known == "system" else _text(content, place))


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _text(value: Any, place: str) -> str:
    if value is None:
        return ""
    if isinstance(value, (dict, list)):
        raise TrainingError(f"{place} has a list or an object where a text should be; choose another field.")
    # JSON can escape half a character, which nothing can save as UTF-8.
    return str(value).encode("utf-8", "replace").decode("utf-8").strip()
