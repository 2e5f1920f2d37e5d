"""The file of a backup: a zip whose last member, the manifest, names every other one with its size and SHA-256."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import stat
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from core.errors import BackupError
from core.types import new_id, now

MANIFEST = "manifest.json"
FORMAT, VERSION = "duodesk backup", 1
LARGEST_MANIFEST = 64 << 20  # bytes
BLOCK = 1 << 20


class Writer:
    """Implements core.backups.Target. `parts` and `settings` are what the manifest tells beside the files."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._files: dict[str, dict[str, Any]] = {}
        self._made_at = now()
        self.parts: dict[str, Mapping[str, Any]] = {}
        self.settings: Mapping[str, Any] = {}

    @contextmanager
    def member(self, name: str) -> Iterator[IO[bytes]]:
        with self._archive.open(name, "w", force_zip64=True) as file:
            counted = _Counted(file)
            yield cast(IO[bytes], counted)
        self._files[name] = {"bytes": counted.bytes, "sha256": counted.hash.hexdigest()}

    def add(self, name: str, file: Path) -> None:
        with file.open("rb") as read, self.member(name) as write:
            shutil.copyfileobj(read, write, BLOCK)

    def finish(self) -> None:
        about = {"format": FORMAT, "version": VERSION, "made_at": self._made_at.isoformat()}
        said = about | {"settings": self.settings, "parts": self.parts, "files": self._files}
        self._archive.writestr(MANIFEST, json.dumps(said, indent=1, ensure_ascii=False))


class _Counted:
    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.hash = hashlib.sha256()
        self.bytes = 0

    def write(self, data: bytes) -> int:
        self.hash.update(data)
        self.bytes += len(data)
        return self._file.write(data)


@contextmanager
def writing(target: Path) -> Iterator[Writer]:
    """A new file, readable by its owner alone. It gets its name when it is whole and on the disk, and never before.

    Raises BackupError when it is there already or cannot be written.
    """
    unfinished = target.with_name(f".{target.name}.{new_id()}.unfinished")
    if target.exists():
        raise BackupError(f"The file {target} is there already; choose another name.")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished.touch(mode=0o600, exist_ok=False)
        with unfinished.open("r+b") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
                writer = Writer(archive)
                yield writer
                writer.finish()
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(target)
        sync_folder(target.parent)
    except OSError as error:
        raise BackupError(
            f"The backup {target} cannot be written ({error.strerror or error}); no part of it is left."
        ) from error
    finally:
        with suppress(OSError):  # a disk that has turned read-only has no file of that name either
            unfinished.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Puts the names in a folder on the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class Reader:
    """Implements core.backups.Source. Made by `reading`; `verify` has to come before anything is believed."""

    def __init__(self, path: Path, archive: zipfile.ZipFile, manifest: Mapping[str, Any]) -> None:
        self.path = path
        self._archive = archive
        self._files: Mapping[str, Mapping[str, Any]] = manifest["files"]
        self.parts: Mapping[str, Mapping[str, Any]] = manifest["parts"]
        self.settings: Mapping[str, Any] = manifest["settings"]
        self.made_at = datetime.fromisoformat(manifest["made_at"]).astimezone(UTC)

    @property
    def size(self) -> int:
        """Of all files, unpacked, in bytes."""
        return sum(said["bytes"] for said in self._files.values())

    def names(self, part: str) -> list[str]:
        return [name.removeprefix(f"{part}/") for name in self._files if name.startswith(f"{part}/")]

    def same(self, name: str, file: Path) -> bool:
        said = self._files[name]
        if file.stat().st_size != said["bytes"]:
            return False
        with file.open("rb") as read:
            return hashlib.file_digest(read, "sha256").hexdigest() == said["sha256"]

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        with _read_errors(self.path):
            opened = self._archive.open(name)
        with opened, io.BufferedReader(_Unpacked(self.path, opened), BLOCK) as file:
            yield file

    def lines(self, name: str) -> Iterator[Any]:
        if name in self._files:
            with self.open(name) as file:
                for line in file:
                    with _read_errors(self.path):
                        read = json.loads(line)
                    yield read

    def verify(self, tell: Callable[[int, int], None]) -> None:
        """Reads every file to its end. `tell` gets bytes done and in all. Raises BackupError."""
        done = 0
        for name, said in self._files.items():
            found = hashlib.sha256()
            with self.open(name) as file:
                while block := file.read(BLOCK):
                    found.update(block)
                    done += len(block)
                    tell(done, self.size)
            if found.hexdigest() != said["sha256"]:
                raise BackupError(f"The backup {self.path} is damaged: {name} is not what was saved; take another one.")


class _Unpacked(io.RawIOBase):
    """The bytes of a member. Only its own errors are those of a damaged backup, not those of who reads it."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self._path = path
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        with _read_errors(self._path):
            block = self._file.read(len(buffer))
        buffer[: len(block)] = block
        return len(block)


@contextmanager
def reading(path: Path) -> Iterator[Reader]:
    """Raises BackupError for what is no backup, is not whole, comes from a newer Duodesk or leads outside of itself."""
    if not path.is_file():
        raise BackupError(f"There is no backup {path}; give the file that `launch.py backup` wrote.")
    if not zipfile.is_zipfile(path):
        raise BackupError(f"The file {path} is no backup of Duodesk, or not whole; take another one.")
    with _read_errors(path):
        archive = zipfile.ZipFile(path)
    with archive:
        with _read_errors(path):
            manifest = _manifest(path, archive)
            _check_members(path, archive, manifest["files"])
            reader = Reader(path, archive, manifest)
        yield reader


@contextmanager
def _read_errors(path: Path) -> Iterator[None]:
    """zipfile lets the errors of decompressors through, which have no root of their own."""
    try:
        yield
    except BackupError:
        raise
    except Exception as error:
        raise BackupError(
            f"The backup {path} is damaged ({type(error).__name__}: {error}); take another one."
        ) from error


def _manifest(path: Path, archive: zipfile.ZipFile) -> dict[str, Any]:
    foreign = BackupError(f"The file {path} is no backup of Duodesk; give the file that `launch.py backup` wrote.")
    try:
        entry = archive.getinfo(MANIFEST)
        if entry.file_size > LARGEST_MANIFEST:
            raise foreign
        read = json.loads(archive.read(entry))
    except (KeyError, ValueError, RuntimeError):  # the last one when it is encrypted
        raise foreign from None
    if not isinstance(read, dict) or read.get("format") != FORMAT:
        raise foreign
    if read.get("version") != VERSION:
        raise BackupError(
            f"The backup {path} was made by a newer Duodesk (form {read.get('version')}); update this program first."
        )
    if not all(isinstance(read.get(name), dict) for name in ("settings", "parts", "files")):
        raise foreign
    return read


def _check_members(path: Path, archive: zipfile.ZipFile, files: Mapping[str, Any]) -> None:
    entries = [entry for entry in archive.infolist() if entry.filename != MANIFEST]
    names = [entry.filename for entry in entries]
    for entry in entries:
        name, mode = PurePosixPath(entry.filename), entry.external_attr >> 16
        # zipfile cuts names at NUL characters and turns backslashes into slashes on Windows only.
        odd = "\\" in entry.filename or ":" in entry.filename or entry.orig_filename != entry.filename
        if name.is_absolute() or ".." in name.parts or odd or str(name) != entry.filename:
            raise BackupError(f"The backup {path} holds '{entry.filename}', which leads outside of it; do not use it.")
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            raise BackupError(f"The backup {path} holds '{entry.filename}', which is no plain file; do not use it.")
    known = [(name, said.get("bytes")) for name, said in files.items()]
    if sorted(known) != sorted((entry.filename, entry.file_size) for entry in entries) or len({*names}) < len(names):
        raise BackupError(f"The backup {path} does not hold the files that its manifest names; take another one.")
