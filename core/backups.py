"""What a backup is made of: each part saves itself into one file, and can be brought back from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Any, Protocol

RESTORING = ".restoring"  # in the data folder, while a restore is under way

Info = Mapping[str, Any]  # what a part says of itself in the manifest: JSON
Tell = Callable[[str], None]  # told in a few words how far a long step is


class Target(Protocol):
    """A backup that is being written. Names have slashes and are below the part's own."""

    def member(self, name: str) -> AbstractContextManager[IO[bytes]]: ...

    def add(self, name: str, file: Path) -> None:
        """Raises OSError when the file cannot be read."""
        ...


class Source(Protocol):
    """A backup whose checksums were found right."""

    def names(self, part: str) -> list[str]:
        """Of the members below a part's name, without it."""
        ...

    def same(self, name: str, file: Path) -> bool:
        """Whether a file has the bytes of a member."""
        ...

    def open(self, name: str) -> AbstractContextManager[IO[bytes]]: ...

    def lines(self, name: str) -> Iterator[Any]:
        """The documents of a JSON lines member; none without the member."""
        ...


class Part(Protocol):
    """Something that is kept. `name` is its folder in the file. Every method may raise DuodeskError."""

    @property
    def name(self) -> str: ...

    def save(self, target: Target, tell: Tell) -> Info:
        """Saves a state that was whole at one moment, while others go on reading and writing."""
        ...

    def check(self, source: Source, info: Info) -> None:
        """Raises BackupError when this program cannot bring it back. Changes nothing."""
        ...

    def in_the_way(self, source: Source) -> Sequence[str]:
        """What is there now and would be replaced, in a few words each."""
        ...

    def restore(self, source: Source, info: Info, tell: Tell) -> Sequence[str]:
        """Brings it back, in place of what is there. Returns sentences for the person who asked for it."""
        ...
