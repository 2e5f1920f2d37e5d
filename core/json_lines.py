"""JSON Lines files that Duodesk itself appends to, one value a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def read_json_lines(file: Path) -> Iterator[Any]:
    """The values of a file, none when there is no file. A last line that a dying process left cut off is left out.

    Raises ValueError for any other line that is not JSON, OSError.
    """
    if not file.exists():
        return
    with file.open(encoding="utf-8") as lines:  # not splitlines(): a text may hold U+2028 and the like
        for number, line in enumerate(lines, 1):
            try:
                yield json.loads(line)
            except ValueError as error:
                if line.endswith("\n"):
                    raise ValueError(f"line {number} is not JSON") from error


def drop_cut_off_line(file: Path) -> None:
    """What follows the last line break is removed, so that a line can be appended. Raises OSError."""
    content = file.read_bytes() if file.exists() else b""
    if not content.endswith(b"\n") and content:
        file.write_bytes(content[: content.rfind(b"\n") + 1])
