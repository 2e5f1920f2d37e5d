"""Splits in the database, so that all app processes draw from the same one."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Engine, distinct, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from core.errors import SplitError, UnknownSplit
from core.splits import Split, SplitCounts
from core.types import now
from store.database import transaction
from store.failures import violated
from store.records import split_record, split_row
from store.tables import chats, questions, splits


class SqlSplitStore:
    """Implements core.splits.SplitStore; every method may raise StoreError. Reached as `store.splits`."""

    def __init__(self, engine: Engine) -> None:
        """`engine` comes from store.database.open_engine and its schema is at head."""
        self._engine = engine

    def add(self, split: Split) -> None:
        """A split whose time is over leaves its place; its end stays the planned one."""
        with transaction(self._engine, sqlite_begin="IMMEDIATE") as connection:
            for row in connection.execute(select(splits).where(splits.c.open)).mappings().all():
                before = split_record(row)
                if before.runs(now()):
                    raise SplitError(f"The split '{before.plan.name}' is running; end it before you begin another.")
                over = {"ended_at": before.end, "open": None}
                connection.execute(update(splits).where(splits.c.id == before.id).values(over))
            try:
                connection.execute(insert(splits).values(split_row(split)))
            except IntegrityError as error:
                if violated(error) != "unique":
                    raise
                raise SplitError(
                    f"There is a split '{split.plan.name}' already, or another one began at this moment; choose "
                    "another name, or look which one runs."
                ) from error

    def split(self, split_id: str) -> Split:
        with transaction(self._engine) as connection:
            row = connection.execute(select(splits).where(splits.c.id == split_id)).mappings().first()
        if row is None:
            raise UnknownSplit(f"There is no split {split_id}.")
        return split_record(row)

    def splits(self) -> list[Split]:
        with transaction(self._engine) as connection:
            rows = connection.execute(select(splits).order_by(splits.c.seq.desc())).mappings()
            return [split_record(row) for row in rows]

    def end(self, split_id: str, at: datetime) -> None:
        split = self.split(split_id)
        if not split.runs(at):
            raise SplitError(f"The split '{split.plan.name}' has ended already.")
        open_one = update(splits).where(splits.c.id == split_id, splits.c.ended_at.is_(None))
        with transaction(self._engine) as connection:
            connection.execute(open_one.values(ended_at=at, open=None))

    def counts(self, split_id: str) -> dict[str, SplitCounts]:
        """Of chats that hold a question."""
        asked = select(questions.c.chat_id).where(questions.c.chat_id == chats.c.id).exists()
        found = (
            select(chats.c.split_arm, func.count(distinct(chats.c.owner)), func.count())
            .where(chats.c.split == split_id, asked)
            .group_by(chats.c.split_arm)
        )
        with transaction(self._engine) as connection:
            return {arm: SplitCounts(visitors, count) for arm, visitors, count in connection.execute(found)}
