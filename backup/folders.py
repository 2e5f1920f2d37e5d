"""Files that lie in a folder as a part of a backup: templates, their versions, adapters, training runs."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from backup.archive import BLOCK, sync_folder
from core.backups import Info, Source, Target, Tell
from core.errors import BackupError
from core.types import new_id, now


class Files:
    """Implements core.backups.Part over single files, each of them complete by itself."""

    def __init__(self, name: str, folder: Path, wanted: str) -> None:
        """`wanted` is a regular expression of whole names below the folder. Others are neither saved nor restored."""
        self.name = name
        self.folder = folder
        self.wanted = re.compile(wanted)

    def save(self, target: Target, tell: Tell) -> Info:
        saved = 0
        for file in self._files():
            name = file.relative_to(self.folder).as_posix()
            try:
                target.add(f"{self.name}/{name}", file)
                saved += 1
            except FileNotFoundError:
                continue  # removed at this moment
        return {"files": saved}

    def check(self, source: Source, info: Info) -> None:
        for name in source.names(self.name):
            if not self._is_wanted(name):
                raise BackupError(f"The backup holds {self.name}/{name}, which has no place there; do not use it.")

    def in_the_way(self, source: Source) -> Sequence[str]:
        return [f"{self.name}/{one}" for one in self._different(source)]

    def restore(self, source: Source, info: Info, tell: Tell) -> Sequence[str]:
        """What the backup does not hold stays as it is."""
        try:
            for name in self._names(source):
                file = self.folder / name
                file.parent.mkdir(parents=True, exist_ok=True)
                unfinished = file.with_name(f".{file.name}.{new_id()}.unfinished")
                self._write(source, name, unfinished)
                unfinished.replace(file)
                sync_folder(file.parent)
        except OSError as error:
            raise BackupError(
                f"{self.folder} cannot be written ({error.strerror or error}); nothing is lost."
            ) from error
        return []

    def _files(self) -> list[Path]:
        return [file for file in sorted(self.folder.glob("*")) if self._is_wanted(file.name) and file.is_file()]

    def _is_wanted(self, name: str) -> bool:
        return bool(self.wanted.fullmatch(name)) and not any(part.startswith(".") for part in name.split("/"))

    def _names(self, source: Source) -> list[str]:
        """Of the members that are not there yet as they were."""
        return [name for name in source.names(self.name) if not self._there(source, name)]

    def _there(self, source: Source, name: str) -> bool:
        return (self.folder / name).is_file() and source.same(f"{self.name}/{name}", self.folder / name)

    def _different(self, source: Source) -> list[str]:
        return [name for name in self._names(source) if (self.folder / name).exists()]

    def _write(self, source: Source, name: str, file: Path) -> None:
        with source.open(f"{self.name}/{name}") as read, file.open("wb") as write:
            shutil.copyfileobj(read, write, BLOCK)
            write.flush()
            os.fsync(write.fileno())


class Folders(Files):
    """The same over folders one level deep: what lies in one belongs together and is seen as a whole or not at all."""

    def restore(self, source: Source, info: Info, tell: Tell) -> Sequence[str]:
        """A folder that is there and differs is kept beside, under a name that begins with a dot."""
        kept = []
        changed = {name.split("/")[0] for name in self._names(source)}
        try:
            for one in sorted(changed):
                tell(f"{self.name}: {one}")
                unfinished = self.folder / f".{one}.{new_id()}.unfinished"
                unfinished.mkdir(parents=True)
                for name in source.names(self.name):
                    if name.startswith(f"{one}/"):
                        self._write(source, name, unfinished / name.removeprefix(f"{one}/"))
                sync_folder(unfinished)
                if (self.folder / one).exists():
                    beside = self.folder / f".{one}.replaced-{now():%Y%m%d-%H%M%S-%f}"
                    (self.folder / one).rename(beside)
                    kept.append(f"What {self.folder / one} was is kept in {beside}.")
                unfinished.rename(self.folder / one)
                sync_folder(self.folder)
        except OSError as error:
            raise BackupError(
                f"{self.folder} cannot be written ({error.strerror or error}); nothing is lost."
            ) from error
        return kept

    def _files(self) -> list[Path]:
        files = sorted(self.folder.glob("*/*"))
        return [one for one in files if self._is_wanted(one.relative_to(self.folder).as_posix()) and one.is_file()]

    def _different(self, source: Source) -> list[str]:
        return sorted({one for name in self._names(source) if (self.folder / (one := name.split("/")[0])).exists()})
