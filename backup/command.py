"""Backups in the terminal: what `launch.py backup` and `launch.py restore` do and print."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from backup.archive import Reader, reading, sync_folder, writing
from core.backups import RESTORING, Part
from core.errors import BackupError, DuodeskError
from core.settings import Settings
from core.types import now

TOLD_S = 1.0  # between two lines of progress
SPARE = 64 << 20  # bytes of disk beyond what the files of a backup take
# What answers depend on, and what must then fit the restored adapters, studies and answers.
TOLD_SETTINGS = ("model", "adapter", "template", "company", "knowledge", "questions", "chunk_chars", "redaction")


def add_backup_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="a new .zip file, or a folder that gets one named by the moment")


def add_restore_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="what `backup` wrote")
    parser.add_argument("--replace", action="store_true", help="also when something is there: it is backed up first")
    parser.add_argument("--check", action="store_true", help="only looks whether it is whole and fits")


def make(parts: Sequence[Part], settings: Settings, options: argparse.Namespace) -> int:
    """Raises BackupError, and what the parts raise; then there is no file."""
    file: Path = options.file
    if file.suffix != ".zip":
        file = file / f"duodesk-{now():%Y%m%d-%H%M%S}.zip"
    _save(parts, settings, file, worthless=False)
    print(f"Backed up to {file} ({file.stat().st_size:,} bytes). It holds what people said and hashes of passwords:")
    print("keep it as safe as the database, and on another disk.")
    return 0


def bring_back(parts: Sequence[Part], settings: Settings, options: argparse.Namespace) -> int:
    """Nothing changes before the whole file was read and found right. Raises BackupError, and what the parts raise."""
    data = settings.path("data")
    with reading(options.file.absolute()) as source:
        progress = _Progress()
        if not options.check:
            _check_room(source, data)
        source.verify(lambda done, total: progress.tell(f"checking: {100 * done // max(1, total)}%"))
        for part in parts:
            part.check(source, source.parts.get(part.name, {}))
        print(f"{options.file} is whole: {_content(source)}, made {source.made_at:%Y-%m-%d %H:%M} UTC.")
        if options.check:
            return 0
        _make_way(parts, settings, source, options.replace)
        told = _restore(parts, source, data, progress)
    print("Restored.", *told, *_other_settings(source, settings), sep="\n")
    return 0


def _save(parts: Sequence[Part], settings: Settings, file: Path, worthless: bool) -> None:
    """`worthless`: also where there is no database yet."""
    progress = _Progress()
    with writing(file) as target:
        kind = settings.database_url.partition(":")[0]  # the address may hold a password
        target.settings = asdict(settings) | {"database": kind, "servers": ""}
        for part in parts:
            target.parts[part.name] = info = part.save(target, progress.tell)
            if not info.get("schema", "any") and not worthless:
                raise BackupError(
                    f"There is no database of Duodesk in {settings.path('data')}; correct `data` or `database`."
                )
            print(f"{part.name}: {_counts(info)}", flush=True)


def _make_way(parts: Sequence[Part], settings: Settings, source: Reader, replace: bool) -> None:
    """Backs up what would be replaced. Raises BackupError when there is something and nobody said `replace`."""
    data = settings.path("data")
    try:
        there = [one for part in parts for one in part.in_the_way(source)]
        if not there:
            return
        if not replace:
            raise BackupError(
                f"There is something already ({', '.join(there[:8])}{', …' if len(there) > 8 else ''}); restore "
                "into an empty data folder and database, or say --replace: it is then backed up first."
            )
        file = data / "backups" / f"before-restore-{now():%Y%m%d-%H%M%S-%f}.zip"
        print(f"What is there now goes to {file} first:", flush=True)
        _save(parts, settings, file, worthless=True)
    except BackupError:
        raise
    except DuodeskError as error:
        raise BackupError(
            f"What is there cannot be backed up first: {error} Move {data} away, or choose an empty database, then "
            "restore."
        ) from error


def _restore(parts: Sequence[Part], source: Reader, data: Path, progress: _Progress) -> list[str]:
    """A mark stays when this is cut off: half of one state and half of another must not be served."""
    mark = data / RESTORING
    try:
        data.mkdir(parents=True, exist_ok=True)
        mark.write_text(str(source.path), encoding="utf-8")
        sync_folder(data)
    except OSError as error:
        raise BackupError(f"The data folder {data} cannot be written ({error.strerror}).") from error
    told: list[str] = []
    there = [part for part in parts if part.name in source.parts]
    for part in there:
        try:
            told += part.restore(source, source.parts[part.name], progress.tell)
        except DuodeskError:
            if part is there[0]:  # the database, of which nothing has changed then
                mark.unlink()
            raise
        print(f"{part.name}: {_counts(source.parts[part.name])}", flush=True)
    mark.unlink()
    return told


def _check_room(source: Reader, data: Path) -> None:
    folder = next(one for one in (data, *data.parents) if one.exists())
    free, needed = shutil.disk_usage(folder).free, source.size + SPARE
    if free < needed:
        raise BackupError(
            f"Only {free >> 20:,} MB are free for {data}, and {needed >> 20:,} are needed; make room first."
        )


def _other_settings(source: Reader, settings: Settings) -> list[str]:
    here = asdict(settings)
    other = [f"{name} = {source.settings.get(name)!r}, here {here[name]!r}" for name in TOLD_SETTINGS]
    other = [line for line, name in zip(other, TOLD_SETTINGS, strict=True) if source.settings.get(name) != here[name]]
    return [f"It was made with other settings: {'; '.join(other)}."] if other else []


def _content(source: Reader) -> str:
    return "; ".join(f"{name}: {_counts(info)}" for name, info in source.parts.items())


def _counts(info: object) -> str:
    """Of a part, in a few words."""
    counts = dict(info) if isinstance(info, dict) else {}
    counts = counts.get("rows", counts)
    found = [
        f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items() if isinstance(count, int) and count
    ]
    return ", ".join(found) or "nothing"


class _Progress:
    """Prints at most a line a second."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def tell(self, words: str) -> None:
        if time.monotonic() - self._last > TOLD_S:
            print(f"{words} …", file=sys.stderr, flush=True)
            self._last = time.monotonic()
