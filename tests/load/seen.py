"""What people saw, as they note it down while they are at the pages: the other side of what is on record."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["chat", "compare", "api"]
Asking = tuple[str, str, str | None]  # the arm's cell, template and adapter

MARK = "load-"  # begins the word that makes each question one of its own


@dataclass(frozen=True)
class Asked:
    """A question with its answers as they were shown.

    `arms` are those asked for, in a comparison of lane a and lane b. `shown` holds the texts by side: left and right in
    a comparison, else the one text under an empty name.
    """

    kind: Kind
    owner: str
    chat: str
    text: str
    arms: tuple[Asking, ...]
    shown: dict[str, str]
    vote: str = ""


@dataclass(frozen=True)
class Rated:
    """A vote on a study's pair that the page has taken."""

    rating: str
    rater: str
    choice: str
    left: str
    right: str


def write(path: Path, noted: Iterable[Asked | Rated]) -> None:
    lines = (json.dumps([type(one).__name__, asdict(one)]) for one in noted)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def read(path: Path) -> tuple[list[Asked], list[Rated]]:
    asked, rated = [], []
    for line in path.read_text(encoding="utf-8").splitlines():
        kind, record = json.loads(line)
        if kind == "Rated":
            rated.append(Rated(**record))
        else:
            asked.append(Asked(**record | {"arms": tuple(tuple(arm) for arm in record["arms"])}))
    return asked, rated
