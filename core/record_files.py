"""Files that people bring, as records: CSV, JSON lines or a JSON array, plain or gzipped."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.errors import DuodeskError

MAX_BYTES = 200 * 10**6  # uncompressed; parsed, text takes several times as much memory
TABLES = (".csv", ".tsv")
LINES = (".jsonl", ".ndjson", ".json")
MAX_FIELDS = 1000
GZIP = b"\x1f\x8b"

Record = tuple[int, dict[str, Any]]  # its place from 1 (JSON: line or item; CSV: row below the header), its fields


def records(file: Path, error: type[DuodeskError]) -> list[Record]:
    """All records of a file. Raises `error` for one that is too large, or broken, with the line."""
    try:
        return _checked(file, _parsed_as(file, _text(file)))
    except _Unreadable as why:
        raise error(str(why)) from why


class _Unreadable(Exception):
    """The sentence for the person who brought the file."""


def _checked(file: Path, found: Iterator[Record]) -> list[Record]:
    """All of them, unless they have more fields than anybody has named by hand."""
    names: set[str] = set()
    kept = []
    for record in found:
        names.update(record[1])
        if len(names) > MAX_FIELDS:
            raise _Unreadable(
                f"{file} has more than {MAX_FIELDS:,} fields; leave out those that hold neither questions nor answers."
            )
        kept.append(record)
    return kept


def _parsed_as(file: Path, text: str) -> Iterator[Record]:
    """What the name says, or else how it begins."""
    start = text.lstrip()[:1]
    if ending(file) not in TABLES:
        if start == "[":
            return _array(file, text)
        if start == "{" or ending(file) in LINES:
            return _lines(file, text)
    return _table(file, text)


def ending(file: Path) -> str:
    """The last suffix, that of what is compressed for a .gz."""
    name = file.name.lower().removesuffix(".gz")
    return Path(name).suffix


def _text(file: Path) -> str:
    content = _content(file)
    utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    for encoding in ("utf-16",) if utf16 else ("utf-8-sig", "cp1252"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise _Unreadable(f"{file} is not a text file; save it as CSV or as JSON lines in UTF-8.")


def _content(file: Path) -> bytes:
    """The uncompressed bytes. Unpacking stops at the limit, so that a gzip bomb costs no more than a large file."""
    try:
        with file.open("rb") as raw:
            packed = raw.read(len(GZIP)) == GZIP
        if not packed and file.stat().st_size > MAX_BYTES:
            raise _too_large(file, f"is {file.stat().st_size / 10**6:,.0f} MB")
        with gzip.open(file) if packed else file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise _Unreadable(f"{file} cannot be read ({error}); check the file, or save it again.") from error
    if len(content) > MAX_BYTES:
        raise _too_large(file, f"unpacks to more than {MAX_BYTES / 10**6:,.0f} MB")
    return content


def _too_large(file: Path, found: str) -> _Unreadable:
    return _Unreadable(f"{file} {found}, and at most {MAX_BYTES / 10**6:,.0f} MB are read; take a sample of it.")


def _array(file: Path, text: str) -> Iterator[Record]:
    for number, item in enumerate(_parsed(file, text, 1), 1):
        yield number, _object(file, f"item {number}", item)


def _lines(file: Path, text: str) -> Iterator[Record]:
    # Not splitlines(): JSON may hold U+2028 and the like inside a string.
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield number, _object(file, f"line {number}", _parsed(file, line, number))


def _parsed(file: Path, text: str, line: int) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise _Unreadable(
            f"{file}, line {line + error.lineno - 1} is not JSON ({error.msg} at character {error.colno}); "
            "mend or remove that line."
        ) from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, brackets thousands deep
        raise _Unreadable(f"{file}, line {line} cannot be read as JSON; mend or remove that line.") from error


def _object(file: Path, place: str, item: Any) -> dict[str, Any]:
    if isinstance(item, dict):
        return item
    raise _Unreadable(
        f"{file}, {place} is not an object with named fields; each must be like "
        '{"question": "…", "answer": "…"} or {"messages": [{"role": "user", "content": "…"}, …]}.'
    )


def _table(file: Path, text: str) -> Iterator[Record]:
    head = text.lstrip().partition("\n")[0]
    try:
        delimiter = max(",;\t", key=lambda sign: len(next(csv.reader([head], delimiter=sign), [])))
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        filled = (row for row in rows if any(cell.strip() for cell in row))
        fields = [name.strip() for name in next(filled, [])]
        for number, row in enumerate(filled, 1):
            if any(cell.strip() for cell in row[len(fields) :]):
                raise _Unreadable(
                    f"{file}, row {number} (line {rows.line_num}) has {len(row)} cells but the header names "
                    f"{len(fields)}; put quotation marks around cells that hold the separator '{delimiter}'."
                )
            yield number, dict(zip(fields, row + [""] * (len(fields) - len(row)), strict=False))
    except csv.Error as error:
        raise _Unreadable(
            f"{file} is not a readable table ({error}); look for a quotation mark that is not closed."
        ) from error
