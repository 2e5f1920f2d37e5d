"""Accounts, sessions and rate limits in the database, so that they hold in all app processes at once."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from limits import RateLimitItem, parse
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter
from sqlalchemy import ColumnElement, Engine, delete, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from core.accounts import SESSION_HOURS, Account, Role
from core.errors import AccountError
from store.database import transaction
from store.failures import violated
from store.tables import accounts, rate_limits, sessions

CLOCKS_DIFFER = timedelta(
    hours=1
)  # at most, between the machines of one Duodesk, or before and after a small correction
LONGEST_WINDOW_S = 3600  # of any limit; what is counted until later was counted before the clock was set back


class SqlAccountStore:
    """Implements core.accounts.AccountStore; every method may raise StoreError."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add_account(self, account: Account) -> None:
        with transaction(self._engine) as connection:
            try:
                connection.execute(insert(accounts).values(asdict(account)))
            except IntegrityError as error:
                if violated(error) != "unique":
                    raise
                raise AccountError(f"There is an account '{account.name}' already; choose another name.") from error

    def account(self, name: str) -> Account | None:
        with transaction(self._engine) as connection:
            row = connection.execute(select(accounts).where(accounts.c.name == name)).mappings().first()
        return _account(row) if row else None

    def accounts(self) -> list[Account]:
        with transaction(self._engine) as connection:
            return [_account(row) for row in connection.execute(select(accounts).order_by(accounts.c.name)).mappings()]

    def change_account(self, name: str, role: Role | None = None, password_hash: str | None = None) -> None:
        given = {"role": role, "password_hash": password_hash}
        with transaction(self._engine, sqlite_begin="IMMEDIATE") as connection:
            changed = update(accounts).where(accounts.c.name == name)
            if not connection.execute(changed.values({k: v for k, v in given.items() if v is not None})).rowcount:
                raise _unknown(name)
            connection.execute(delete(sessions).where(sessions.c.name == name))

    def remove_account(self, name: str) -> None:
        with transaction(self._engine, sqlite_begin="IMMEDIATE") as connection:
            connection.execute(delete(sessions).where(sessions.c.name == name))
            if not connection.execute(delete(accounts).where(accounts.c.name == name)).rowcount:
                raise _unknown(name)

    def open_session(self, digest: str, name: str, until: datetime) -> None:
        with transaction(self._engine) as connection:
            connection.execute(insert(sessions).values(digest=digest, name=name, until=until))

    def session(self, digest: str, at: datetime) -> Account | None:
        found = select(accounts).join(sessions, sessions.c.name == accounts.c.name)
        with transaction(self._engine) as connection:
            # One that ends later than any can was opened before the clock was set back, nobody knows how long ago.
            latest = at + timedelta(hours=SESSION_HOURS) + CLOCKS_DIFFER
            wanted = found.where(sessions.c.digest == digest, sessions.c.until > at, sessions.c.until <= latest)
            row = connection.execute(wanted).mappings().first()
        return _account(row) if row else None

    def close_session(self, digest: str) -> None:
        with transaction(self._engine) as connection:
            connection.execute(delete(sessions).where(sessions.c.digest == digest))


class SqlLimiter:
    """Implements core.accounts.Limiter with fixed windows."""

    def __init__(self, engine: Engine) -> None:
        self._limiter = FixedWindowRateLimiter(_SqlStorage(engine))

    def hit(self, limit: str, key: str) -> bool:
        return self._limiter.hit(_parsed(limit), key)

    def take_back(self, limit: str, key: str) -> None:
        self._limiter.hit(_parsed(limit), key, cost=-1)

    def wait(self, limit: str, key: str) -> int:
        return max(1, math.ceil(self._limiter.get_window_stats(_parsed(limit), key).reset_time - time.time()))

    def clear(self, limit: str, key: str) -> None:
        self._limiter.clear(_parsed(limit), key)


class _SqlStorage(Storage):
    """Counters of the `limits` library in a table; times are seconds since 1970."""

    STORAGE_SCHEME: list[str] | None = ["duodesk"]  # noqa: RUF012 (its base class declares it so)

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self._engine = engine

    @property
    def base_exceptions(self) -> type[Exception]:
        return SQLAlchemyError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        at = time.time()
        dialect = postgresql if self._engine.dialect.name == "postgresql" else sqlite
        first = dialect.insert(rate_limits).values(key=key, count=amount, until=at + expiry)
        with transaction(self._engine, sqlite_begin="IMMEDIATE") as connection:
            connection.execute(delete(rate_limits).where(_ended(at)))
            counted = {"count": rate_limits.c.count + amount}
            statement = first.on_conflict_do_update(index_elements=["key"], set_=counted)
            return int(connection.execute(statement.returning(rate_limits.c.count)).scalar_one())

    def get(self, key: str) -> int:
        row = self._row(key)
        return row[0] if row else 0

    def get_expiry(self, key: str) -> float:
        row = self._row(key)
        return row[1] if row else time.time()

    def check(self) -> bool:
        return True

    def reset(self) -> int | None:
        with transaction(self._engine) as connection:
            return connection.execute(delete(rate_limits)).rowcount

    def clear(self, key: str) -> None:
        with transaction(self._engine) as connection:
            connection.execute(delete(rate_limits).where(rate_limits.c.key == key))

    def _row(self, key: str) -> tuple[int, float] | None:
        wanted = select(rate_limits.c.count, rate_limits.c.until).where(rate_limits.c.key == key)
        with transaction(self._engine) as connection:
            row = connection.execute(wanted.where(~_ended(time.time()))).first()
        return (int(row[0]), float(row[1])) if row else None


def _ended(at: float) -> ColumnElement[bool]:
    return or_(rate_limits.c.until <= at, rate_limits.c.until > at + LONGEST_WINDOW_S)


def _parsed(limit: str) -> RateLimitItem:
    return parse(limit)


def _account(row: Mapping[Any, Any]) -> Account:
    return Account(row["name"], row["role"], row["password_hash"], row["created_at"])


def _unknown(name: str) -> AccountError:
    return AccountError(f"There is no account '{name}'; `launch.py users list` shows those there are.")
