"""Between the rows of the tables and the records of core: the columns bear the names of the fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from core.types import Answer, Arm, ArmSpec, Chat, Decoding, Pair, Passage, Question, Thumb, Turn, Vote
from store.tables import fold

Row = Mapping[Any, Any]


def question_row(question: Question) -> dict[str, Any]:
    """All but the history, which is derived from the chat."""
    row = asdict(question)
    del row["history"]
    return row | {"folded": fold(question.text), "withdrawn": False}


def answer_row(answer: Answer) -> dict[str, Any]:
    arm = answer.arm
    return asdict(answer) | {
        "folded": fold(answer.text),
        "arm_name": arm.name if arm else None,
        "template": arm.template if arm else None,
        "adapter": arm.adapter if arm else None,
    }


def chat_record(row: Row) -> Chat:
    return Chat(**_fields(Chat, row) | {"specs": tuple(ArmSpec(**spec) for spec in row["specs"])})


def question_record(row: Row) -> Question:
    return Question(**_fields(Question, {**row, "history": ()}))


def answer_record(row: Row) -> Answer:
    nested = {
        "arm": _arm(row["arm"]) if row["arm"] else None,
        "passages": tuple(Passage(**passage) for passage in row["passages"]),
        "prompt": tuple(Turn(**turn) for turn in row["prompt"]),
    }
    return Answer(**_fields(Answer, row) | nested)


def pair_record(row: Row) -> Pair:
    return Pair(**_fields(Pair, row))


def vote_record(row: Row) -> Vote:
    criteria = {name: (left, right) for name, (left, right) in row["criteria"].items()}
    return Vote(**_fields(Vote, row) | {"criteria": criteria})


def thumb_record(row: Row) -> Thumb:
    return Thumb(**_fields(Thumb, row))


def _fields(record: type, row: Row) -> dict[str, Any]:
    return {field.name: row[field.name] for field in fields(record)}


def _arm(stored: dict[str, Any]) -> Arm:
    return Arm(**stored | {"decoding": Decoding(**stored["decoding"])})
