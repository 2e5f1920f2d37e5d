"""Accounts in the terminal: what `launch.py users` asks for and prints."""

from __future__ import annotations

import argparse
import getpass
import sys

from core.accounts import ROLES, Accounts
from core.errors import AccountError


def add_arguments(parser: argparse.ArgumentParser, shared: argparse.ArgumentParser) -> None:
    """`shared` has the flags of the settings, which every word after `users` takes as well."""
    what = parser.add_subparsers(dest="what", required=True, metavar="what")
    what.add_parser("list", help="all accounts with their roles", parents=[shared])
    for name, meaning in (("add", "a new account"), ("role", "another role"), ("password", "another password")):
        one = what.add_parser(name, help=meaning, parents=[shared])
        one.add_argument("name")
        if name != "password":
            one.add_argument("role", choices=ROLES, help="each may do what those before it may")
        if name != "role":
            one.add_argument("--stdin", action="store_true", help="read the password from standard input")
    what.add_parser("remove", help="ends the account and its sessions", parents=[shared]).add_argument("name")


def run(accounts: Accounts, options: argparse.Namespace) -> int:
    """Raises AccountError."""
    match options.what:
        case "list":
            for account in accounts.store.accounts():
                print(f"{account.name:<24} {account.role:<8} since {account.created_at:%Y-%m-%d}")
        case "add":
            accounts.add(options.name, options.role, _password(options.stdin))
            print(f"The account '{options.name}' may sign in as {options.role}.")
        case "role":
            accounts.store.change_account(options.name, role=options.role)
            print(f"The account '{options.name}' is {options.role} from now on; it has to sign in again.")
        case "password":
            accounts.set_password(options.name, _password(options.stdin))
            print(f"The password of '{options.name}' is changed; its sessions are ended.")
        case "remove":
            accounts.store.remove_account(options.name)
            print(f"The account '{options.name}' is removed; its sessions are ended.")
    return 0


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    first = getpass.getpass("Password: ")
    if first != getpass.getpass("The same again: "):
        raise AccountError("The two passwords differ; nothing was changed.")
    return first
