"""API keys: who may use the HTTP API, and with which arms."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol

from core.errors import ApiKeyError
from core.types import ARM_NAMES, SPLIT, new_id, now

NAME = re.compile(r"[\w.-]{1,64}")
PREFIX = "duo-"
SHOWN = 10  # characters of a key that lists show
USE_NOTED = timedelta(minutes=1)  # how exactly the last use is known: noting each one would be a write a request


@dataclass(frozen=True)
class ApiKey:
    """What is kept of a key: enough to know it again, nothing that could be used in its place. No `arms`: all.

    An entry of `arms` is a model of the API, such as 'prompt' or 'lora:friendly', and allows what it is the beginning
    of: 'prompt' stands for that arm with any template. 'split' stands for whatever a split draws.
    """

    name: str
    shown: str
    digest: str = field(repr=False)
    arms: tuple[str, ...] = ()
    id: str = field(default_factory=new_id)
    created_at: datetime = field(default_factory=now)
    used_at: datetime | None = None
    revoked_at: datetime | None = None

    def allows(self, model: str) -> bool:
        return not self.arms or any(f"{model}:".startswith(f"{arm}:") for arm in self.arms)


class ApiKeyStore(Protocol):
    """Keeps keys. Every call is one transaction and may come from any process."""

    def add(self, key: ApiKey) -> None:
        """Raises ApiKeyError when a key of this name is in force."""
        ...

    def all(self) -> list[ApiKey]:
        """Oldest first, revoked ones included."""
        ...

    def find(self, digest: str) -> ApiKey | None:
        """A key that is not revoked."""
        ...

    def exist(self) -> bool:
        """Whether a key was ever made."""
        ...

    def used(self, key_id: str, at: datetime) -> None: ...

    def revoke(self, name: str, at: datetime) -> None:
        """Raises ApiKeyError when no key of this name is in force."""
        ...


def make_key(store: ApiKeyStore, name: str, arms: Sequence[str] = ()) -> str:
    """Makes a key and returns it; it can never be read again. Raises ApiKeyError."""
    if not NAME.fullmatch(name):
        raise ApiKeyError(f"'{name[:64]}' cannot be a name; use up to 64 letters, digits, dots, hyphens, underscores.")
    for arm in arms:
        if arm.split(":")[0] not in (*ARM_NAMES, SPLIT):
            raise ApiKeyError(f"There is no arm '{arm}'; the arms are {', '.join(ARM_NAMES)}, and {SPLIT}.")
    secret = PREFIX + secrets.token_urlsafe(32)
    store.add(ApiKey(name, secret[:SHOWN], _digest(secret), tuple(arms)))
    return secret


def known_key(store: ApiKeyStore, secret: str) -> ApiKey | None:
    """The key in force that this is, and notes its use."""
    digest = _digest(secret)
    key = store.find(digest)
    if key is None or not hmac.compare_digest(key.digest, digest):
        return None
    at = now()
    if key.used_at is None or at - key.used_at > USE_NOTED:
        store.used(key.id, at)
        key = replace(key, used_at=at)
    return key


def _digest(secret: str) -> str:
    """What is stored of a key.

    A password needs a slow hash (argon2) because people choose words that can be guessed. A key has 256 random bits:
    nobody can try them all however fast the hash is, and a slow one would only make every request slow.
    """
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
