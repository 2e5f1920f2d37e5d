"""Whether somebody holds a lock file, without taking it away from anyone."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from filelock import FileLock, Timeout


def is_held(lock: Path) -> bool:
    """Whether a process holds the lock of this file now. Any number of readers may ask at once."""
    try:
        file = lock.open("rb")
    except FileNotFoundError:
        return False  # nobody has ever held it
    with file:
        return not _can_share(file)


def _can_share(file: BinaryIO) -> bool:
    """Whether nobody holds a file's lock for itself: FileLock takes it with flock, which knows shared locks as well."""
    try:
        import fcntl
    except ImportError:  # not on Windows, where one reader at a time has to take the lock itself
        lock = FileLock(file.name, timeout=0)
        try:
            lock.acquire()
        except Timeout:
            return False
        lock.release()
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
