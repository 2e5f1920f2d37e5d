"""What went wrong in the database, in one sentence for the person who runs it."""

from __future__ import annotations

from typing import Literal

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, SQLAlchemyError

# By the beginning of SQLite's error name or of Postgres's SQLSTATE.
_REASONS = {
    "SQLITE_FULL": "has no room left on its disk; free some space and try again",
    "SQLITE_READONLY": "cannot be written; check the rights of the file and its folder",
    "SQLITE_CANTOPEN": "cannot be opened; check the path and the rights of the folder",
    "SQLITE_PERM": "cannot be opened; check the rights of the file",
    "SQLITE_BUSY": "is held by another program; close that program or try again",
    "SQLITE_LOCKED": "is held by another program; close that program or try again",
    "SQLITE_NOTADB": "is not a SQLite database; choose another path or move the file away",
    "SQLITE_CORRUPT": "is damaged; restore it from a backup",
    "SQLITE_IOERR": "cannot be read or written because the disk reports an error; check the disk and its free space",
    "25006": "is read-only; connect to the primary server, or to a user who may write",
    "28": "refuses this user or password; check both in the database URL",
    "3D000": "does not exist; create it with createdb or correct the database URL",
    "42501": "refuses this user; grant the user the right to create and write tables",
    "53100": "has no room left on the server's disk; free some space and try again",
    "53300": "has no connection left; raise the server's max_connections or try again",
    "57": "was shut down or cut the connection; start it or try again",
    "08": "lost the connection; check the server and try again",
}


def place(url: URL) -> str:
    """Where the database is, without user, password or options."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    host = url.host or "the local server"
    return f"{url.database or 'postgres'} on {host}:{url.port}" if url.port else f"{url.database} on {host}"


def explain(error: SQLAlchemyError, url: URL) -> str:
    """One sentence on `error`: which database, what it reported, what to do. Holds no password."""
    original = error.orig if isinstance(error, DBAPIError) else None
    found = _without_secrets(str(original or error).partition("\n")[0].strip().rstrip("."), url)
    code = getattr(original, "sqlite_errorname", None) or getattr(original, "sqlstate", None) or ""
    for beginning, reason in _REASONS.items():
        if code.startswith(beginning):
            return f"The database {place(url)} {reason} ({found})."
    if isinstance(error, OperationalError):  # no code: psycopg gives none before it is connected
        return (
            f"The database {place(url)} cannot be reached; "
            f"check that its server runs and that the database URL is right ({found})."
        )
    return f"The database {place(url)} reports an error ({found})."


def violated(error: IntegrityError) -> Literal["unique", "reference", "other"]:
    """Which kind of constraint refused a row."""
    code = getattr(error.orig, "sqlite_errorname", None) or getattr(error.orig, "sqlstate", None)
    match code:
        case "SQLITE_CONSTRAINT_UNIQUE" | "23505":
            return "unique"
        case "SQLITE_CONSTRAINT_FOREIGNKEY" | "23503":
            return "reference"
    return "other"


def _without_secrets(message: str, url: URL) -> str:
    for secret in (url.password, url.query.get("password")):
        if secret:
            message = message.replace(str(secret), "***")
    return message
