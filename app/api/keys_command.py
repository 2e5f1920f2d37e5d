"""API keys in the terminal: what `launch.py keys` asks for and prints."""

from __future__ import annotations

import argparse
import sys
from datetime import datetime

from core.api_keys import ApiKeyStore, make_key
from core.types import now


def add_key_arguments(parser: argparse.ArgumentParser, shared: argparse.ArgumentParser) -> None:
    """`shared` has the flags of the settings, which every word after `keys` takes as well."""
    what = parser.add_subparsers(dest="what", required=True, metavar="what")

    def word(name: str, meaning: str) -> argparse.ArgumentParser:
        return what.add_parser(name, help=meaning, description=meaning, parents=[shared])

    making = word("make", "a new key, shown once")
    making.add_argument("name", help="whose key it is, such as shop-website")
    making.add_argument(
        "--arm", action="append", default=[], metavar="MODEL", help="only this one, such as prompt; may be repeated"
    )
    word("list", "all keys, by their beginnings")
    word("revoke", "refuses a key from now on").add_argument("name")


def run_keys(keys: ApiKeyStore, options: argparse.Namespace) -> int:
    """Raises ApiKeyError, StoreError."""
    match options.what:
        case "make":
            print(make_key(keys, options.name, options.arm))
            print("This is the only time that the key is shown; the database keeps a hash of it.", file=sys.stderr)
        case "list":
            for key in keys.all():
                state = f"revoked {_day(key.revoked_at)}" if key.revoked_at else "in force"
                arms = ", ".join(key.arms) or "all arms"
                print(
                    f"{key.name:<24} {key.shown}…  {state:<19} made {_day(key.created_at)}, "
                    f"last used {_day(key.used_at)}, {arms}"
                )
        case "revoke":
            keys.revoke(options.name, now())
            print(f"The key '{options.name}' is refused from now on.")
    return 0


def _day(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d}" if moment else "never"
