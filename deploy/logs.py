"""What all processes log, on one terminal."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOOK_S = 0.3


@contextmanager
def shown(folder: Path) -> Iterator[None]:
    """Prints what is added to the logs, each line with the name of its file."""
    done = threading.Event()
    sizes = {file: file.stat().st_size for file in folder.glob("*.log")}

    def look() -> None:
        for file in sorted(folder.glob("*.log")):
            with file.open("rb") as log:
                log.seek(sizes.get(file, 0))
                new = log.read()
            whole = new[: new.rfind(b"\n") + 1]
            sizes[file] = sizes.get(file, 0) + len(whole)
            for line in whole.decode(errors="replace").splitlines():
                print(f"{file.stem:<12} | {line}", flush=True)

    def follow() -> None:
        while not done.wait(LOOK_S):
            look()

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        look()
