"""Who may do what: accounts with a role and a password, and the sessions they open."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, Protocol, get_args

from core.errors import AccountError, SignInError
from core.types import now

Role = Literal["visitor", "rater", "editor", "owner"]

ROLES: tuple[Role, ...] = get_args(Role)  # each may do what those before it may
SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 1024  # hashing takes time that grows with it
SESSION_HOURS = 12
TRIES = "5 per 15 minutes"  # wrong passwords for one account
TRIES_OF_ADDRESS = "30 per 15 minutes"  # and from one network address, whatever the account


@dataclass(frozen=True)
class Account:
    """A person who may sign in."""

    name: str
    role: Role
    password_hash: str = field(repr=False)
    created_at: datetime = field(default_factory=now)


class AccountStore(Protocol):
    """Keeps accounts and sessions. Every call is one transaction and may come from any process."""

    def add_account(self, account: Account) -> None:
        """Raises AccountError when the name is taken."""
        ...

    def account(self, name: str) -> Account | None: ...

    def accounts(self) -> list[Account]:
        """In alphabetical order."""
        ...

    def change_account(self, name: str, role: Role | None = None, password_hash: str | None = None) -> None:
        """Sets what is given and ends the account's sessions. Raises AccountError when there is none."""
        ...

    def remove_account(self, name: str) -> None:
        """With its sessions. Raises AccountError when there is none."""
        ...

    def open_session(self, digest: str, name: str, until: datetime) -> None: ...

    def session(self, digest: str, at: datetime) -> Account | None:
        """Whose session this is, if it has not ended."""
        ...

    def close_session(self, digest: str) -> None: ...


class Limiter(Protocol):
    """Counts what happens too often, for all processes together. A limit reads like '5 per 15 minutes'."""

    def hit(self, limit: str, key: str) -> bool:
        """Counts once more; False when that is beyond the limit."""
        ...

    def take_back(self, limit: str, key: str) -> None:
        """What was counted last does not count after all."""
        ...

    def wait(self, limit: str, key: str) -> int:
        """Seconds, at least 1, until counting begins anew."""
        ...

    def clear(self, limit: str, key: str) -> None: ...


class Accounts:
    """Signs people in and out, and tells who is who."""

    def __init__(self, store: AccountStore, limiter: Limiter) -> None:
        self.store = store
        self.limiter = limiter

    def add(self, name: str, role: Role, password: str) -> None:
        """Raises AccountError for a bad or taken name and a weak password."""
        if not name or not name.replace("-", "").replace(".", "").replace("_", "").isalnum() or len(name) > 64:
            raise AccountError(f"'{name}' cannot be a name; use up to 64 letters, digits, dots, hyphens, underscores.")
        self.store.add_account(Account(name, role, _hashed(name, password)))

    def set_password(self, name: str, password: str) -> None:
        self.store.change_account(name, password_hash=_hashed(name, password))

    def sign_in(self, name: str, password: str, address: str) -> str:
        """A new session's token, to be kept by the browser alone. Raises SignInError.

        Nothing tells whether the name or the password is wrong, neither the words nor the time it takes. After TRIES an
        account is locked for a while even with the right password, so that nobody can guess on.
        """
        # Counted before the password is looked at, so that no number of tries at once gets more than the limit. An
        # address that is refused locks no more accounts.
        if not (self.limiter.hit(TRIES_OF_ADDRESS, address) and self.limiter.hit(TRIES, name)):
            raise SignInError("There were too many wrong passwords; wait a quarter of an hour and try again.")
        account = self.store.account(name)
        if not _matches(account.password_hash if account else _dummy_hash(), password) or account is None:
            raise SignInError("The name or the password is wrong; try again.")
        self.limiter.clear(TRIES, name)
        self.limiter.take_back(TRIES_OF_ADDRESS, address)
        token = secrets.token_urlsafe(32)
        self.store.open_session(_digest(token), account.name, now() + timedelta(hours=SESSION_HOURS))
        return token

    def who(self, token: str) -> Account | None:
        """Whose session a token is."""
        return self.store.session(_digest(token), now()) if token else None

    def sign_out(self, token: str) -> None:
        self.store.close_session(_digest(token))


def may(role: Role, needed: Role) -> bool:
    """Whether somebody with `role` may do what takes `needed`."""
    return ROLES.index(role) >= ROLES.index(needed)


def _digest(token: str) -> str:
    """What is stored of a token: it has 256 random bits, so that a plain hash cannot be turned back."""
    return hashlib.sha256(token.encode()).hexdigest()


def _hashed(name: str, password: str) -> str:
    from argon2 import PasswordHasher

    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise AccountError(
            f"A password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD:,} characters; choose another one."
        )
    if name.lower() in password.lower():
        raise AccountError("The password holds the name; choose another.")
    return PasswordHasher().hash(password)


def _matches(password_hash: str, password: str) -> bool:
    from argon2 import PasswordHasher
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        return len(password) <= LONGEST_PASSWORD and PasswordHasher().verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


_made: list[str] = []


def _dummy_hash() -> str:
    """A hash that no password has, so that an unknown name takes as long as a known one."""
    if not _made:
        from argon2 import PasswordHasher

        _made.append(PasswordHasher().hash(secrets.token_urlsafe(16)))
    return _made[0]
