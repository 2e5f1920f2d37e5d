"""Guessing passwords: what is counted, and that nobody gets more tries by sending them all at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from core import accounts as module
from core.accounts import TRIES, TRIES_OF_ADDRESS, Account, Accounts
from core.errors import SignInError

RIGHT = "correct horse battery"
MOST, MOST_OF_ADDRESS = (int(limit.split()[0]) for limit in (TRIES, TRIES_OF_ADDRESS))


@pytest.fixture
def accounts(store, monkeypatch) -> Accounts:
    monkeypatch.setattr(module, "_matches", lambda _, password: password == RIGHT)  # argon2 takes its time
    for name in ("ann", "bob"):
        store.accounts.store.add_account(Account(name, "editor", ""))
    return store.accounts


def test_tries_that_come_all_at_once_are_no_more_than_the_limit(accounts, monkeypatch):
    looked_at, together = [], threading.Barrier(4 * MOST)

    def slow(_, password):
        looked_at.append(password)
        return False

    monkeypatch.setattr(module, "_matches", slow)

    def guess(number):
        together.wait(30)
        with pytest.raises(SignInError):
            accounts.sign_in("ann", f"guess {number}", "1.2.3.4")

    with ThreadPoolExecutor(4 * MOST) as pool:
        list(pool.map(guess, range(4 * MOST)))
    assert len(looked_at) == MOST


def test_right_passwords_count_for_nothing_however_many_come_from_one_address(accounts):
    for _ in range(MOST_OF_ADDRESS + 1):
        assert accounts.sign_in("ann", RIGHT, "1.2.3.4")


def test_an_address_with_too_many_wrong_tries_is_refused_and_locks_no_more_accounts(accounts):
    for number in range(MOST_OF_ADDRESS):
        with pytest.raises(SignInError, match="is wrong"):
            accounts.sign_in(f"made up {number}", "a guess", "6.6.6.6")
    for _ in range(MOST + 1):
        with pytest.raises(SignInError, match="too many"):
            accounts.sign_in("bob", "a guess", "6.6.6.6")
    assert accounts.sign_in("bob", RIGHT, "1.2.3.4")
