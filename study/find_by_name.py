"""The study or split that somebody means in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from core.errors import DuodeskError
from core.splits import Split
from core.studies import Study

SHORTEST_ID = 6  # characters; what is shorter is a slip, or a variable that is empty

T = TypeVar("T", Study, Split)


def find_by_name(wanted: str, there: Sequence[T], one: str, several: str, error: type[DuodeskError]) -> T:
    """The only one with this name, or else whose identifier begins so; `one` and `several` are what they are called.

    Raises `error` when there is none or more than one.
    """
    found = [each for each in there if each.plan.name == wanted]
    if not found and len(wanted) >= SHORTEST_ID:
        found = [each for each in there if each.id.startswith(wanted)]
    if len(found) != 1:
        names = ", ".join(f"'{each.plan.name}'" for each in there) or "none yet"
        raise error(f"'{wanted}' is {'more than one' if found else 'no'} {one}; the {several} are: {names}.")
    return found[0]
