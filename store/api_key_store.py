"""API keys in the database, so that one that is revoked is refused by all app processes at once."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

from sqlalchemy import Engine, insert, select, update
from sqlalchemy.exc import IntegrityError

from core.api_keys import ApiKey
from core.errors import ApiKeyError
from store.database import transaction
from store.failures import violated
from store.records import api_key_record
from store.tables import api_keys


class SqlApiKeyStore:
    """Implements core.api_keys.ApiKeyStore; every method may raise StoreError. Reached as `store.api_keys`."""

    def __init__(self, engine: Engine) -> None:
        """`engine` comes from store.database.open_engine and its schema is at head."""
        self._engine = engine

    def add(self, key: ApiKey) -> None:
        with transaction(self._engine) as connection:
            try:
                connection.execute(insert(api_keys).values(asdict(key)))
            except IntegrityError as error:
                if violated(error) != "unique":
                    raise
                raise ApiKeyError(
                    f"There is a key '{key.name}' already; choose another name or revoke that one first."
                ) from error

    def all(self) -> list[ApiKey]:
        with transaction(self._engine) as connection:
            rows = connection.execute(select(api_keys).order_by(api_keys.c.seq)).mappings()
            return [api_key_record(row) for row in rows]

    def find(self, digest: str) -> ApiKey | None:
        wanted = select(api_keys).where(api_keys.c.digest == digest, api_keys.c.revoked_at.is_(None))
        with transaction(self._engine) as connection:
            row = connection.execute(wanted).mappings().first()
        return api_key_record(row) if row else None

    def exist(self) -> bool:
        with transaction(self._engine) as connection:
            return connection.execute(select(api_keys.c.seq).limit(1)).first() is not None

    def used(self, key_id: str, at: datetime) -> None:
        with transaction(self._engine) as connection:
            connection.execute(update(api_keys).where(api_keys.c.id == key_id).values(used_at=at))

    def revoke(self, name: str, at: datetime) -> None:
        in_force = update(api_keys).where(api_keys.c.name == name, api_keys.c.revoked_at.is_(None))
        with transaction(self._engine) as connection:
            if connection.execute(in_force.values(revoked_at=at)).rowcount == 0:
                raise ApiKeyError(
                    f"There is no key '{name}' in force; `python3 launch.py keys list` shows those there are."
                )
