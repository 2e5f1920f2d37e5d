"""From questions to whole exchanges, in a number of queries that does not grow with the page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, Table, select

from core.types import LANES, Exchange, Lane, Turn
from store.records import (
    answer_record,
    chat_record,
    pair_record,
    question_record,
    thumb_record,
    vote_record,
)
from store.tables import answers, chats, pairs, questions, thumbs, votes

BATCH = 500  # questions at a time: databases limit the parameters of a statement


@dataclass(frozen=True)
class Conversation:
    """The turns of some chats in one lane, by chat and then by the question's seq, in order; openings are not in it."""

    turns: dict[str, dict[int, tuple[Turn, Turn]]] = field(default_factory=lambda: defaultdict(dict))

    def before(self, chat_id: str, seq: int | None = None) -> tuple[Turn, ...]:
        """A chat's turns before the question `seq`, or all of them."""
        exchanged = self.turns.get(chat_id, {}).items()
        return tuple(turn for asked, both in exchanged if seq is None or asked < seq for turn in both)


def conversation(connection: Connection, chat_ids: Sequence[str], lane: Lane) -> Conversation:
    """Each question that is not withdrawn with its newest answer of the lane, unless that has no text."""
    said = (
        select(questions.c.chat_id, questions.c.seq, questions.c.text.label("asked"), answers.c.text.label("answered"))
        .join(answers, answers.c.question_id == questions.c.id)
        .where(questions.c.chat_id.in_(chat_ids), ~questions.c.withdrawn, answers.c.lane == lane)
        .order_by(questions.c.seq, answers.c.seq)
    )
    newest = {(row.chat_id, row.seq): row for row in connection.execute(said)}
    found = Conversation()
    for (chat_id, seq), row in newest.items():
        if row.answered.strip():
            found.turns[chat_id][seq] = (Turn("user", row.asked), Turn("assistant", row.answered))
    return found


def read_exchanges(connection: Connection, wanted: Select[tuple[object, ...]]) -> list[Exchange]:
    """The exchanges of the questions that `wanted` selects, in its order."""
    rows = connection.execute(wanted).mappings().all()
    batches = (rows[start : start + BATCH] for start in range(0, len(rows), BATCH))
    return [exchange for batch in batches for exchange in _exchanges(connection, batch)]


def _exchanges(connection: Connection, rows: Sequence[RowMapping]) -> list[Exchange]:
    """Eight queries, from what refers to what is referred to: a vote that is read finds its pair and its answers
    read too, though others write meanwhile."""
    ids = [row["id"] for row in rows]
    chat_ids = sorted({row["chat_id"] for row in rows})
    answer_ids = select(answers.c.id).where(answers.c.question_id.in_(ids))
    pair_ids = select(pairs.c.id).where(pairs.c.question_id.in_(ids))

    votes_of = _grouped(connection, votes, votes.c.pair_id, votes.c.pair_id.in_(pair_ids))
    thumbs_of = _grouped(connection, thumbs, thumbs.c.answer_id, thumbs.c.answer_id.in_(answer_ids))
    pairs_of = _grouped(connection, pairs, pairs.c.question_id, pairs.c.question_id.in_(ids))
    answers_of = _grouped(connection, answers, answers.c.question_id, answers.c.question_id.in_(ids))
    chat_of = _grouped(connection, chats, chats.c.id, chats.c.id.in_(chat_ids))
    past = {lane: conversation(connection, chat_ids, lane) for lane in LANES}

    found = []
    for row in rows:
        chat = chat_record(chat_of[row["chat_id"]][0])
        its_answers = answers_of[row["id"]]
        shown = pairs_of[row["id"]][-1] if pairs_of[row["id"]] else None
        found.append(
            Exchange(
                chat=chat,
                question=question_record(row),
                answers=tuple(answer_record(answer) for answer in its_answers),
                thumbs=tuple(thumb_record(thumb) for answer in its_answers for thumb in thumbs_of[answer["id"]]),
                pair=pair_record(shown) if shown else None,
                votes=tuple(vote_record(vote) for vote in votes_of[shown["id"]]) if shown else (),
                withdrawn=row["withdrawn"],
                history={lane: chat.opening + past[lane].before(row["chat_id"], row["seq"]) for lane in LANES},
            )
        )
    return found


def _grouped(
    connection: Connection, table: Table, key: ColumnElement[str], condition: ColumnElement[bool]
) -> dict[str, list[RowMapping]]:
    """The rows of `table` that meet the condition, oldest first, by the value of `key`."""
    grouped: dict[str, list[RowMapping]] = defaultdict(list)
    for row in connection.execute(select(table).where(condition).order_by(table.c.seq)).mappings():
        grouped[row[key]].append(row)
    return grouped
