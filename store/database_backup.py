"""The database as a part of a backup: its rows as JSON lines, a file for each table, the same from SQLite and Postgres.

So a backup needs no program of the database's, fits any version of its server, and moves what is there from one kind of
database to the other.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import IO, Any

from sqlalchemy import JSON, Connection, DateTime, MetaData, Table, func, insert, inspect, select, text
from sqlalchemy.exc import SQLAlchemyError

from core.backups import Info, Source, Target, Tell
from core.errors import BackupError
from store import tables
from store.database import known_revisions, open_engine, revisions, transaction, upgrade_to, upgrading
from store.failures import explain, place

# Nobody's sign-in comes back, and nobody stays locked out; counts of what was replaced do not make a database worth
# keeping.
LEFT_OUT = ("sessions", "rate_limits")
WORTHLESS = ("redactions",)
AT_ONCE = 500  # rows
TOLD = 20_000  # rows between two words of progress


class DatabaseBackup:
    """Implements core.backups.Part over the database at `url`, see store.open_store."""

    name = "database"

    def __init__(self, url: str) -> None:
        self._engine = open_engine(url)

    def save(self, target: Target, tell: Tell) -> Info:
        """The state of one moment, of whichever schema this program knows; who writes meanwhile is not kept waiting."""
        rows = {}
        with self._snapshot() as connection:
            if connection is None or not (found := revisions(connection)):
                return {"schema": "", "rows": {}}
            if not found <= known_revisions():
                raise BackupError(f"The database {self._place} was made by a newer Duodesk; back it up with that one.")
            for table in _tables(connection):
                with target.member(f"{self.name}/{table.name}.jsonl") as file:
                    rows[table.name] = _write(connection, table, file, tell)
        return {"schema": found.pop(), "rows": rows}

    def check(self, source: Source, info: Info) -> None:
        schema = info.get("schema", "")
        if schema and schema not in known_revisions():
            raise BackupError(
                f"The backup was made by a newer Duodesk (schema {schema}); update this program, then restore it."
            )
        for name in source.names(self.name):
            if name.removesuffix(".jsonl") not in tables.metadata.tables:
                raise BackupError(f"The backup holds a table '{name}' that no Duodesk has; do not use it.")

    def in_the_way(self, source: Source) -> Sequence[str]:
        with self._snapshot() as connection:
            if connection is None or not revisions(connection):
                return []
            counted = [table for table in _tables(connection) if table.name not in WORTHLESS]
            counts = {table.name: connection.scalar(select(func.count()).select_from(table)) for table in counted}
        return [f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items() if count]

    def restore(self, source: Source, info: Info, tell: Tell) -> Sequence[str]:
        """In one transaction: until its end, and when it fails, all is as before. A backup of an older schema is
        brought to today's."""
        try:
            with upgrading(self._engine) as connection:
                removals = _removals(connection)
                _drop(connection)
                if schema := info.get("schema"):
                    upgrade_to(connection, schema)
                    self._fill(connection, source, tell)
                upgrade_to(connection, "head")
                known = set(connection.scalars(select(tables.audit.c.at)))
                if later := [line for line in removals if line["at"] not in known]:
                    connection.execute(insert(tables.audit), later)
        except (TypeError, ValueError, KeyError) as error:  # a row that is none
            raise self._unusable(str(error)) from error
        if not later:
            return []
        return [
            f"Data was removed {len(later):,} times that this backup knows nothing of (`launch.py audit` lists them); "
            "what is back now has to be removed again with `launch.py forget` or `purge`."
        ]

    def _fill(self, connection: Connection, source: Source, tell: Tell) -> None:
        for table in _tables(connection):
            lines = source.lines(f"{self.name}/{table.name}.jsonl")
            names: list[str] = next(lines, [])
            if unknown := set(names) - set(table.columns.keys()):
                raise self._unusable(f"the table {table.name} has no {', '.join(sorted(unknown))}")
            done = 0
            while batch := list(islice(lines, AT_ONCE)):
                rows = [_row(table, dict(zip(names, line, strict=True))) for line in batch]
                try:
                    connection.execute(insert(table), rows)
                except SQLAlchemyError as error:
                    raise self._unusable(explain(error, self._engine.url)) from error
                done += len(batch)
                if done % TOLD == 0:
                    tell(f"database: {done:,} {table.name.replace('_', ' ')}")
            if connection.dialect.name == "postgresql":
                _advance(connection, table)

    @contextmanager
    def _snapshot(self) -> Iterator[Connection | None]:
        """A transaction that sees one moment. None where there is no database file yet: looking must not make one."""
        postgres = self._engine.dialect.name == "postgresql"
        if not postgres and not Path(str(self._engine.url.database)).exists():
            yield None
            return
        options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True} if postgres else {}
        with transaction(self._engine, **options) as connection:
            yield connection

    @property
    def _place(self) -> str:
        return place(self._engine.url)

    def _unusable(self, reason: str) -> BackupError:
        return BackupError(f"The backup's rows do not fit the database ({reason}); {self._place} is as it was.")


def _tables(connection: Connection) -> list[Table]:
    """Those of ours that the database has, in the order in which they refer to each other, as they are there: an
    older schema has other columns than this program."""
    there = set(inspect(connection).get_table_names())
    found = MetaData()
    found.reflect(connection, only=sorted(there & tables.metadata.tables.keys() - set(LEFT_OUT)))
    for table in found.tables.values():
        for column in table.columns:
            if isinstance(column.type, JSON):
                column.type = JSON(none_as_null=True)
    return found.sorted_tables


def _write(connection: Connection, table: Table, file: IO[bytes], tell: Tell) -> int:
    """The names of the columns, then the rows in order. Returns how many."""
    file.write(_line(list(table.columns.keys())))
    rows = connection.execution_options(yield_per=AT_ONCE).execute(select(table).order_by(table.c.seq))
    count = 0
    for count, row in enumerate(rows, 1):
        file.write(_line([_plain(value) for value in row]))
        if count % TOLD == 0:
            tell(f"database: {count:,} {table.name.replace('_', ' ')}")
    return count


def _line(values: Sequence[Any]) -> bytes:
    return (json.dumps(values, ensure_ascii=False, separators=(",", ":")) + "\n").encode()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return (value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)).isoformat()
    return value


def _row(table: Table, values: dict[str, Any]) -> dict[str, Any]:
    moments = [column.name for column in table.columns if isinstance(column.type, DateTime)]
    return values | {name: datetime.fromisoformat(values[name]) for name in moments if values.get(name)}


def _drop(connection: Connection) -> None:
    """All that Duodesk has made in a database; what others keep beside it stays."""
    found = MetaData()
    there = set(inspect(connection).get_table_names())
    found.reflect(connection, only=sorted(there & {*tables.metadata.tables, "alembic_version"}))
    found.drop_all(connection)


def _advance(connection: Connection, table: Table) -> None:
    """The next row that is added comes behind those there are."""
    if last := connection.scalar(select(func.max(table.c.seq))):
        connection.execute(
            text("SELECT setval(pg_get_serial_sequence(:name, 'seq'), :last)"), {"name": table.name, "last": last}
        )


def _removals(connection: Connection) -> list[dict[str, Any]]:
    """The audit lines, which no restore may take away."""
    if "audit" not in inspect(connection).get_table_names():
        return []
    rows = connection.execute(select(tables.audit).order_by(tables.audit.c.seq)).mappings()
    return [{name: value for name, value in row.items() if name != "seq"} for row in rows]
