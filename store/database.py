"""From a URL to an engine with its schema at head."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from sqlite3 import OperationalError
from typing import Any

import psycopg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DisconnectionError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry
from tenacity import retry, retry_if_exception, stop_after_delay, wait_random

from core.errors import StoreError
from store.failures import explain, place
from store.tables import metadata

BUSY_S = 15
_UPGRADE_LOCK = 0x4475_6F64  # any number that no other program picks as its Postgres advisory lock
_alembic_guard = threading.Lock()  # Alembic keeps its context in module globals

_COMMON: dict[str, Any] = {
    "json_serializer": partial(json.dumps, ensure_ascii=False, separators=(",", ":")),
    "hide_parameters": True,  # what customers write has no place in messages of errors
}


def open_engine(url: str) -> Engine:
    """An engine for `sqlite:///path` or `postgresql://...`; connects to nothing yet. Raises StoreError."""
    target = _parse(url)
    return _sqlite(target) if target.get_backend_name() == "sqlite" else _postgres(target)


@contextmanager
def transaction(engine: Engine, **options: Any) -> Iterator[Connection]:
    """A connection for one transaction, given back at its end; what the database refuses becomes a StoreError."""
    try:
        with engine.connect().execution_options(**options) as connection, connection.begin():
            yield connection
    except SQLAlchemyError as error:
        raise StoreError(explain(error, engine.url)) from error


def upgrade(engine: Engine) -> None:
    """Brings the schema to head; of several programs that start at once, one does and the others wait.

    Raises StoreError when the database cannot be written, or is newer than this program.
    """
    with upgrading(engine) as connection:
        found = revisions(connection)
        if not found <= known_revisions():
            raise StoreError(
                f"The database {place(engine.url)} was made by a newer Duodesk (schema {', '.join(sorted(found))}); "
                "update this program or choose another database."
            )
        if found != set(ScriptDirectory.from_config(_alembic()).get_heads()):
            upgrade_to(connection, "head")


@contextmanager
def upgrading(engine: Engine) -> Iterator[Connection]:
    """A transaction in which this program alone changes the schema; makes the folder of a SQLite file where needed."""
    if engine.dialect.name == "sqlite":
        _make_folder(engine.url)
    with _alembic_guard, transaction(engine, sqlite_begin="IMMEDIATE") as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _UPGRADE_LOCK})
        yield connection


def upgrade_to(connection: Connection, revision: str) -> None:
    """Only within `upgrading`."""
    config = _alembic()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def revisions(connection: Connection) -> set[str]:
    """The schema of a database: one revision, or none in an empty one."""
    return set(MigrationContext.configure(connection).get_current_heads())


def known_revisions() -> set[str]:
    """Those that this program can bring to head."""
    return {one.revision for one in ScriptDirectory.from_config(_alembic()).walk_revisions()}


def _make_folder(url: URL) -> None:
    try:
        Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"The folder of the database {place(url)} cannot be made ({error.strerror}); choose another path."
        ) from error


def _alembic() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def vacuum(engine: Engine) -> None:
    """Gives back the room of removed rows, on SQLite with the write-ahead log emptied: their text is then in no file.

    On Postgres the server reuses the room in its own time. Raises StoreError when others use the database for long.
    """
    borrowed = engine.raw_connection()
    connection: Any = borrowed.driver_connection
    try:
        if engine.dialect.name == "postgresql":
            borrowed.rollback()  # it was tested in a transaction, in which there is no VACUUM
            connection.autocommit = True
            connection.execute(f"VACUUM {', '.join(metadata.tables)}")
            return
        connection.execute("VACUUM")
        busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise OperationalError("its write-ahead log is in use")
    except (OperationalError, psycopg.Error) as error:
        raise StoreError(
            f"What was removed is gone from the database {place(engine.url)}, but may still stand in unused parts of "
            f"its files until the program that uses it at this moment lets go of it ({error})."
        ) from error
    finally:
        borrowed.invalidate()  # it is lent to nobody else in this state


def _parse(url: str) -> URL:
    """The URL with its driver named. The messages never repeat the URL: it may hold a password."""
    forms = "sqlite:///path/to/file or postgresql://user:password@host/database"
    try:
        target = make_url(url)
    except (ArgumentError, ValueError):
        raise StoreError(f"The database URL cannot be read; write {forms}.") from None
    match target.drivername:
        case "sqlite" if target.database and target.database != ":memory:":
            return target
        case "sqlite":
            raise StoreError(f"The database URL names no file, so nothing would be kept; write {forms}.")
        case "postgresql" | "postgres" | "postgresql+psycopg":
            return target.set(drivername="postgresql+psycopg")
    raise StoreError(f"The database URL starts with {target.drivername!r}, which is not supported; write {forms}.")


def _sqlite(url: URL) -> Engine:
    """A pool of connections, each lent to one call at a time: the last to close would empty the write-ahead log, which
    takes several times as long as a write. As many more as are wanted at once are opened and closed again."""
    engine = create_engine(url, max_overflow=-1, connect_args={"timeout": BUSY_S}, **_COMMON)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, record: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # sqlite3 would begin and commit at its own discretion
        connection.execute("PRAGMA foreign_keys = ON")
        _write_ahead(connection)
        connection.execute("PRAGMA synchronous = FULL")  # an acknowledged write survives a power cut too
        connection.execute("PRAGMA secure_delete = ON")  # what is removed or replaced is overwritten
        record.info["file"] = _file(url)

    @event.listens_for(engine, "checkout")
    def still_there(_: Any, record: ConnectionPoolEntry, __: Any) -> None:
        """Lest it is written into a file that was moved away or replaced, or was read-only when it was opened."""
        if record.info["file"] != _file(url):
            raise DisconnectionError("another file stands in its place")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(f"BEGIN {connection.get_execution_options().get('sqlite_begin', 'DEFERRED')}")

    return engine


def _file(url: URL) -> tuple[int, int, bool] | None:
    """Which file stands at the path, and whether it can be written; None if none does."""
    path = Path(str(url.database))
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, os.access(path, os.W_OK)


def _is_held(error: BaseException) -> bool:
    """By others, for a moment; a full disk or a folder that cannot be written is no reason to wait."""
    name = str(getattr(error, "sqlite_errorname", ""))
    return name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_PROTOCOL"))


@retry(
    retry=retry_if_exception(_is_held),
    wait=wait_random(0.01, 0.1),
    stop=stop_after_delay(BUSY_S),
    reraise=True,
)
def _write_ahead(connection: Any) -> None:
    """Readers and a writer do not block each other. SQLite does not itself wait for this switch when others hold it.

    Its answer is read to the end: until then the switch is under way, and nothing else can be committed."""
    connection.execute("PRAGMA journal_mode = WAL").fetchall()


def _postgres(url: URL) -> Engine:
    """A pool of connections, each lent to one call at a time and tested before it is lent."""
    defaults = {"connect_timeout": "10", "client_encoding": "utf8"}
    url = url.set(query={**defaults, **url.query})
    return create_engine(url, pool_pre_ping=True, **_COMMON)
