"""Documents are converted in a process of their own: a hostile or broken one can cost no more than that process.

The parsers behind unpack what a file tells them to unpack and follow where it leads: a few kilobytes may ask for
terabytes, or for a walk without end.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import signal
import warnings
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType

from backends.ingest import Document, convert, is_plain
from core.errors import DocumentError

SECONDS = 60  # for any document
SECONDS_PER_MB = 30  # and more for a large one; a page of a PDF takes a tenth of a second
MEMORY = 2 << 30  # bytes, of the whole process


class Conversion:
    """Converts documents one after the other until it is left (`with`); the process starts with the first that needs
    it and anew after one that was too much."""

    def __init__(self, seconds: float = SECONDS, memory: int = MEMORY) -> None:
        self.seconds = seconds
        self.memory = memory
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None

    def __enter__(self) -> Conversion:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def convert(self, path: Path, content: bytes) -> Document:
        """See `ingest.convert`. Raises DocumentError also for a file that takes too long or too much memory."""
        if is_plain(path):
            return convert(path, content)
        longest = self.seconds + SECONDS_PER_MB * len(content) / 1e6
        try:
            pipe = self._pipe or self._start()
            pipe.send((path, content))
            if pipe.poll(longest):
                told = pipe.recv()
                if isinstance(told, DocumentError):
                    raise told
                return told
            why = f"takes longer than {longest:.0f} seconds to read"
        except (EOFError, OSError):
            why = f"cannot be read within {self.memory / 1e9:.1f} GB of memory"
        self._end()
        raise DocumentError(
            f"'{path.name}' {why}, which is more than a sound document of its size needs; save it anew or split it."
        )

    def _start(self) -> Connection:
        context = multiprocessing.get_context("spawn")  # this process has threads, which a fork would cut off
        ours, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs, self.memory), name="conversion", daemon=True)
        self._process.start()
        theirs.close()  # so that the end of the process is the end of the pipe
        self._pipe = ours
        ours.recv()  # it is there; what loading the parsers takes is no document's fault
        return ours

    def _end(self) -> None:
        if self._process and self._pipe:
            self._process.kill()
            self._process.join()
            self._pipe.close()
        self._process = self._pipe = None


def _work(pipe: Connection, memory: int) -> None:
    """The process: answers each (path, content) with a Document or a DocumentError until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the process that started this one
    logging.disable(logging.WARNING)  # the parsers remark on much that is odd about a file
    warnings.simplefilter("ignore")
    with contextlib.suppress(ImportError):  # there is no such limit on Windows
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    import markitdown.converters  # noqa: F401

    pipe.send("ready")
    while True:
        try:
            path, content = pipe.recv()
        except EOFError:
            return
        try:
            pipe.send(_answer(path, content))
        except MemoryError:
            os._exit(1)


def _answer(path: Path, content: bytes) -> Document | DocumentError:
    try:
        return convert(path, content)
    except DocumentError as error:
        return error
