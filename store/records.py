"""Between the rows of the tables and the records of core: the columns bear the names of the fields."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from hashlib import sha256
from typing import Any

from core.api_keys import ApiKey
from core.splits import Split, SplitArm, SplitPlan
from core.studies import Prices, Rating, Study, StudyAnswer, StudyArm, StudyPlan, TestQuestion
from core.types import Answer, Arm, ArmSpec, Chat, Decoding, Pair, Passage, Question, Thumb, Turn, Vote
from store.tables import clean, fold

Row = Mapping[Any, Any]


def question_row(question: Question) -> dict[str, Any]:
    """All but the history, which is derived from the chat."""
    row = asdict(question)
    del row["history"]
    return row | {"folded": fold(question.text), "withdrawn": False}


def answer_row(answer: Answer) -> dict[str, Any]:
    arm = answer.arm
    return _kept(answer) | {
        "folded": fold(answer.text),
        "arm_name": arm.name if arm else None,
        "template": arm.template if arm else None,
        "adapter": arm.adapter if arm else None,
    }


def study_row(study: Study) -> dict[str, Any]:
    """All but the questions, which have a table of their own."""
    row = asdict(study)
    del row["questions"]
    return row


def split_row(split: Split) -> dict[str, Any]:
    """With the plan's moment as text: a plan is JSON."""
    row = asdict(split)
    row["plan"]["until"] = split.plan.until.isoformat()
    return row | {"name": split.plan.name, "open": True if split.ended_at is None else None}


def study_answer_row(answer: StudyAnswer, question: TestQuestion) -> dict[str, Any]:
    return _kept(answer.answer) | {
        "study_id": answer.study_id,
        "arm_name": answer.arm,
        "digest": digest(answer.answer.arm, question),
    }


def rating_row(rating: Rating) -> dict[str, Any]:
    """Nobody is NULL, which is no rater's name."""
    return asdict(rating) | {"rater": rating.rater or None}


def digest(arm: Arm | None, question: TestQuestion) -> str:
    """The same for the same words put to an arm that is the same in everything, and for nothing else."""
    asked = [asdict(arm) if arm else None, question.question, [asdict(turn) for turn in question.history]]
    return sha256(json.dumps(clean(asked), sort_keys=True).encode()).hexdigest()


def chat_record(row: Row) -> Chat:
    nested = {
        "specs": tuple(ArmSpec(**spec) for spec in row["specs"]),
        "opening": turns(row["opening"]),
    }
    return Chat(**_fields(Chat, row) | nested)


def question_record(row: Row) -> Question:
    return Question(**_fields(Question, {**row, "history": ()}))


def answer_record(row: Row) -> Answer:
    nested = {
        "arm": _arm(row["arm"]) if row["arm"] else None,
        "passages": tuple(Passage(**passage) for passage in row["passages"]),
        "prompt": turns(row["prompt"]),
    }
    return Answer(**_fields(Answer, {**row, "place": 0}) | nested)


def pair_record(row: Row) -> Pair:
    return Pair(**_fields(Pair, row))


def vote_record(row: Row) -> Vote:
    return Vote(**_fields(Vote, row) | {"criteria": _criteria(row)})


def thumb_record(row: Row) -> Thumb:
    return Thumb(**_fields(Thumb, row))


def study_record(row: Row, questions: Sequence[Row]) -> Study:
    plan = row["plan"]
    nested = {
        "arms": tuple(StudyArm(arm["name"], ArmSpec(**arm["spec"])) for arm in plan["arms"]),
        "decides": tuple(plan["decides"]),
        "prices": Prices(**plan["prices"]),
    }
    made = {
        "plan": StudyPlan(**plan | nested),
        "questions": tuple(study_question_record(question) for question in questions),
        "arms": {name: _arm(arm) for name, arm in row["arms"].items()},
        "notes": tuple(row["notes"]),
    }
    return Study(**_fields(Study, {**row, **made}))


def split_record(row: Row) -> Split:
    plan = row["plan"]
    nested = {
        "arms": tuple(SplitArm(arm["name"], ArmSpec(**arm["spec"]), arm["share"]) for arm in plan["arms"]),
        "until": datetime.fromisoformat(plan["until"]),
        "prices": Prices(**plan["prices"]),
    }
    made = {"plan": SplitPlan(**plan | nested), "made": {name: _arm(arm) for name, arm in row["made"].items()}}
    return Split(**_fields(Split, {**row, **made}))


def study_question_record(row: Row) -> TestQuestion:
    nested = {
        "facts": None if row["facts"] is None else tuple(tuple(spellings) for spellings in row["facts"]),
        "history": turns(row["history"]),
    }
    return TestQuestion(**_fields(TestQuestion, row) | nested)


def study_answer_record(row: Row) -> StudyAnswer:
    return StudyAnswer(row["study_id"], row["arm_name"], answer_record(row))


def api_key_record(row: Row) -> ApiKey:
    return ApiKey(**_fields(ApiKey, row) | {"arms": tuple(row["arms"])})


def turns(stored: Iterable[dict[str, Any]]) -> tuple[Turn, ...]:
    return tuple(Turn(**turn) for turn in stored)


def rating_record(row: Row) -> Rating:
    return Rating(**_fields(Rating, row) | {"rater": row["rater"] or "", "criteria": _criteria(row)})


def _kept(answer: Answer) -> dict[str, Any]:
    """All but the place in line, which nothing on record has."""
    row = asdict(answer)
    del row["place"]
    return row


def _fields(record: type, row: Row) -> dict[str, Any]:
    return {field.name: row[field.name] for field in fields(record)}


def _arm(stored: dict[str, Any]) -> Arm:
    decoding = stored["decoding"]
    return Arm(**stored | {"decoding": Decoding(**decoding | {"stop": tuple(decoding.get("stop", ()))})})


def _criteria(row: Row) -> dict[str, tuple[int, int]]:
    return {name: (left, right) for name, (left, right) in row["criteria"].items()}
