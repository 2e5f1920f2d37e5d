"""Kills the real program with SIGKILL at random moments under load, and looks after each kill for what was lost.

python -m tests.kills --kills 200 --seed 1      on SQLite and on Postgres (Debian's), half of the kills each
python -m tests.kills --kills 3 --only sqlite --parts

Three kinds of process are killed: one that composes the real parts and uses them in many threads (chats, blind
comparisons, ratings, templates, indexing, backups), the process of a training run, and the app as `launch.py` serves
it, with callers of its API. Each gets a data folder that has seen all kills before. The processes are forked from this
one, which has imported everything and started nothing, so that a kill takes seconds and not ten of them; what is served
is a fresh `launch.py` each time. The moments are drawn, from 0 to some seconds; a seed draws the same moments again,
not what is under way at them.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import os
import random
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.integration.postgres import PostgresServer, server_programs
from tests.kills.house import House, demolish, furnish, make_weights, prepare_run

READY_S = 120
CHECK_S = 180
# Of ten kills: of the parts, of a training, of the served app.
SHARES = ["parts", "parts", "training", "parts", "parts", "served", "parts", "parts", "training", "parts"]
FOR_TRAINING = ("torch", "transformers", "trl", "peft", "datasets", "finetune.worker", "finetune.train")


@dataclass
class Figures:
    """What came of one data folder."""

    database: str
    kills: Counter[str] = field(default_factory=Counter)
    in_start: int = 0
    ledger: list[dict[str, Any]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    trained: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    def lines(self) -> Iterator[str]:
        said = Counter(line["kind"] for line in self.ledger)
        kinds = ", ".join(f"{count} {kind}" for kind, count in self.kills.most_common())
        yield f"{self.database}: {self.kills.total()} kills ({kinds}; {self.in_start} before the start was over)"
        yield "  acknowledged: " + ", ".join(f"{count:,} {kind}" for kind, count in sorted(said.items()))
        yield f"  trainings that came to their end after kills: {self.trained}"
        for error, count in self.refused.most_common(5):
            yield f"  refused {count} times: {error}"
        yield f"  problems: {len(self.problems)}"
        yield from (f"    {problem}" for problem in self.problems[:20])


class Child:
    """A forked process that runs `work` with the end of a pipe, and what it has said so far."""

    def __init__(self, work: Callable[[int], Any], log: Path) -> None:
        read, write = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(read)
            os.setpgid(0, 0)
            _quiet(log)
            code = 1
            try:
                work(write)
                code = 0
            except SystemExit as ended:
                code = int(ended.code or 0)
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(code)
        os.close(write)
        self.code: int | None = None
        self._pipe, self._rest = read, b""

    def hear(self, seconds: float, until: str = "") -> list[dict[str, Any]]:
        """What it says within so many seconds, or until a line of a kind, or its end."""
        heard, deadline = [], time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if not select.select([self._pipe], [], [], left)[0]:
                break
            block = os.read(self._pipe, 1 << 16)
            if not block:
                self.wait()
                break
            heard += self._lines(block)
            if until and any(line["kind"] == until for line in heard):
                break
        return heard

    def kill(self) -> list[dict[str, Any]]:
        """SIGKILL; then what it had said before."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        heard = []
        while block := os.read(self._pipe, 1 << 16):
            heard += self._lines(block)
        self.wait()
        os.close(self._pipe)
        return heard

    def wait(self) -> int:
        if self.code is None:  # a process can be waited for once
            self.code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.code

    def _lines(self, block: bytes) -> list[dict[str, Any]]:
        *whole, self._rest = (self._rest + block).split(b"\n")
        return [json.loads(line) for line in whole]


def _quiet(log: Path) -> None:
    with log.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)


class Killing:
    """Kills in one data folder, one after the other."""

    def __init__(self, house: House, database: str, rng: random.Random, longest_s: float) -> None:
        self.house = house
        self.longest_s = longest_s
        self.rng = rng
        self.figures = Figures(database)
        self._log = house.folder / "log.txt"
        self._run: Path | None = None
        self._runs = 0

    def furnish(self) -> None:
        """Also imports here what was imported there: each process to be killed then starts with it."""

        def work(pipe: int) -> None:
            furnish(self.house)
            names = [name for name in sys.modules if name.partition(".")[0] != "__main__"]
            with os.fdopen(pipe, "wb") as whole:
                whole.write((json.dumps({"kind": "modules", "names": names}) + "\n").encode())

        self._whole(lambda _: make_weights(self.house), "making weights")  # by torch, which nothing here needs after it
        self._whole(work, "furnishing")
        for name in self._said[-1]["names"]:
            with contextlib.suppress(Exception):
                importlib.import_module(name)
        assert threading.active_count() == 1, "a process with threads must not be forked"

    def once(self, kind: str) -> None:
        {"parts": self._parts, "training": self._training, "served": self._served}[kind]()
        self.figures.kills[kind] += 1
        self._check()

    def _parts(self) -> None:
        from tests.kills.load import work

        seed = self.rng.randrange(1 << 30)
        self._live(Child(lambda pipe: work(self.house, seed, pipe), self._log), lambda: None)

    def _served(self) -> None:
        from tests.kills.served import call, start

        process, port = start(self.house)
        seed = self.rng.randrange(1 << 30)
        callers = Child(lambda pipe: call(port, seed, pipe), self._log)
        self._live(callers, lambda: _end(process))

    def _live(self, child: Child, first: Callable[[], None]) -> None:
        """Lets it live for a while, from its start or, mostly, from when it is ready; `first` is killed before it."""
        if self.rng.random() < 0.15:
            heard = child.hear(self.rng.uniform(0, 1.5), until="ready")
            self.figures.in_start += 0 if heard else 1
        else:
            heard = child.hear(READY_S, until="ready")
            if not heard:
                self.figures.problems.append(f"it did not start again (exit code {child.code}): {self._last_words()}")
        heard += child.hear(self.rng.uniform(0, self.longest_s))
        first()
        heard += child.kill()
        if child.code != -signal.SIGKILL:
            self.figures.problems.append(f"it ended by itself with {child.code}: {self._last_words()}")
        self._note([line for line in heard if line["kind"] != "ready"])

    def _training(self) -> None:
        """Goes on with the run that was killed before, or begins a new one; killed unless it comes to its end."""
        from finetune.worker import main

        if self._run is None:
            self._runs += 1
            name = f"trained-{self._runs}"
            self._whole(lambda pipe: os.write(pipe, json.dumps(self._prepared(name)).encode() + b"\n"), "preparing")
            self._run = Path(self._said[-1]["run"])
        run = self._run
        child = Child(lambda pipe: sys.exit(main(run)), self._log)
        if self.rng.random() < 0.5:
            child.hear(self.rng.uniform(0, 6))
        else:  # while the adapter is saved, and what becomes of its run
            deadline = time.monotonic() + CHECK_S
            while child.code is None and time.monotonic() < deadline and not _is_at_its_end(run):
                child.hear(0.02)
            child.hear(self.rng.uniform(0, 0.6))
        if child.code is None:
            child.kill()
            return
        if child.code != 0:
            self.figures.problems.append(f"a training ended with {child.code}: {self._last_words()}")
        self.figures.trained += 1
        self._check()
        self._run = None
        self._training()

    def _prepared(self, name: str) -> dict[str, str]:
        return {"kind": "prepared", "run": str(prepare_run(self.house, name))}

    def _note(self, heard: list[dict[str, Any]]) -> None:
        for line in heard:
            if line["kind"] == "refused":
                self.figures.refused[f"{line['action']}: {line['error'][:300]}"] += 1
            elif line["kind"] == "bug":
                self.figures.problems.append(f"{line['action']}: {line['error']}")
            else:
                self.figures.ledger.append(line | {"fresh": True})

    def _check(self) -> None:
        from tests.kills.checks import problems

        deaths = self.figures.kills.total() + 1

        def look(pipe: int) -> None:
            found = problems(self.house, self.figures.ledger, deaths)
            for problem in found[:50]:
                os.write(pipe, (json.dumps({"kind": "problem", "text": problem}) + "\n").encode())

        self._whole(look, "checking")
        self.figures.problems += [f"after kill {deaths - 1}: {line['text']}" for line in self._said]
        for line in self.figures.ledger:
            line.pop("fresh", None)

    def _whole(self, work: Callable[[int], Any], what: str) -> None:
        """Runs something to its end in a process of its own; what it said is in `_said`."""
        child = Child(work, self._log)
        self._said = child.hear(CHECK_S)
        if child.code != 0:
            child.kill()
            self.figures.problems.append(f"{what} ended with {child.code}: {self._last_words()}")

    def _last_words(self) -> str:
        return self._log.read_text(errors="replace")[-1500:]


def _is_at_its_end(run: Path) -> bool:
    try:
        return "after training" in json.loads((run / "state.json").read_text())["message"]
    except (OSError, ValueError):
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def run(
    kills: int, seed: int, databases: list[str], shares: list[str], longest_s: float, folder: Path
) -> list[Figures]:
    done = []
    for number, database in enumerate(databases):
        rng, server = random.Random(f"{seed} {database}"), None
        home = folder / database
        home.mkdir(parents=True)
        url = f"sqlite:///{home / 'data' / 'duodesk.sqlite3'}"
        if database == "postgres":
            programs = server_programs()
            if programs is None:
                print("No PostgreSQL server found; install Debian's postgresql.", flush=True)
                continue
            server = PostgresServer(programs)
            url = server.url
        try:
            killing = Killing(House(home, url), database, rng, longest_s)
            killing.furnish()
            share = kills // len(databases) + (number < kills % len(databases))
            for at in range(share):
                killing.once(shares[at % len(shares)])
                print(
                    f"\r{database}: {at + 1} of {share}, {len(killing.figures.problems)} problems ", end="", flush=True
                )
            print(flush=True)
            done.append(killing.figures)
        finally:
            if server:
                server.remove()
    return done


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=2.0, help="longest life after the start is over")
    parser.add_argument("--only", choices=["sqlite", "postgres"], help="one kind of database")
    parser.add_argument("--parts", action="store_true", help="neither trainings nor the served app")
    parser.add_argument("--keep", action="store_true", help="leaves the data folders there")
    options = parser.parse_args()
    begun = time.monotonic()
    os.environ["OMP_NUM_THREADS"] = "1"  # torch's threads would wait for each other on a busy machine
    for name in [] if options.parts else FOR_TRAINING:
        importlib.import_module(name)
    folder = Path(tempfile.mkdtemp(prefix="duodesk-kills-"))
    shares = ["parts"] if options.parts else SHARES
    databases = [options.only] if options.only else ["sqlite", "postgres"]
    try:
        done = run(options.kills, options.seed, databases, shares, options.seconds, folder)
    finally:
        if options.keep:
            print(f"The data folders are in {folder}.")
        else:
            demolish(House(folder, ""))
    print(*(line for one in done for line in one.lines()), sep="\n")
    print(f"{sum(one.kills.total() for one in done)} kills in {time.monotonic() - begun:.0f} s, seed {options.seed}")
    return 1 if any(one.problems for one in done) else 0


if __name__ == "__main__":
    sys.exit(main())
