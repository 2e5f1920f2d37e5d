"""The store room: what was said and how it was rated, in SQLite or Postgres.

`open_store(url)` is the way in. Importing this package is cheap; SQLAlchemy is loaded when a store is opened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from store.sql_store import SqlStore


def open_store(url: str) -> SqlStore:
    """Opens the database at `url`, creating it or bringing its schema up to date where needed.

    `url` is `sqlite:///path/to/file` or `postgresql://user:password@host/database`.
    Raises StoreError when the database cannot be reached or written, or is newer than this program.
    """
    from store.database import open_engine, upgrade
    from store.sql_store import SqlStore

    engine = open_engine(url)
    upgrade(engine)
    return SqlStore(engine)
