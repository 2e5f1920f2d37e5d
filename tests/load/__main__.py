"""The load test: people chat, compare, rate and call the API while an adapter is being trained, all on this machine.

python -m tests.load                               50 people and 10 raters for 5 minutes, a training beside them
python -m tests.load --seconds 30 --no-training    a shorter look

Afterwards every question, answer and vote that people saw is compared with the store. The exit code is 0 if nothing
went wrong; the report is printed and written to OUT/load.json, the logs lie beside it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from core.settings import ROOT
from tests.load.checks import check
from tests.load.home import add_study, make_home, served, training
from tests.load.report import lines
from tests.load.seen import read
from tests.load.usage import Usage

PEOPLE_END_S = 500  # longer than people ever take to finish


def main() -> int:
    # A shell's background job ignores it, and so would the programs started here, which are to end by it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    options = _options()
    options.out.mkdir(parents=True, exist_ok=True)
    if (options.out / "data").exists():
        print(f"{options.out} holds an earlier run; name another folder with --out.", file=sys.stderr)
        return 2
    told = run(options)
    (options.out / "load.json").write_text(json.dumps(told, indent=1), encoding="utf-8")
    print(*lines(told), sep="\n")
    return 1 if told["wrong"] else 0


def run(options: argparse.Namespace) -> dict[str, Any]:
    """The whole load; what it found."""
    _say("preparing: the index, and a study to rate")
    home = make_home(options.out, options.articles, options.slots, options.queue, options.prefix_cache_mb)
    study = add_study(home, options.questions)
    _say("starting the app" + (" and a training" if options.training else ""))
    with contextlib.ExitStack() as stack:
        if options.training:
            stack.enter_context(training(home))
        url, pid = stack.enter_context(served(home))
        usage = stack.enter_context(Usage(pid))
        time.sleep(3)
        _say(f"{options.people} people and {options.raters} raters come, for {options.seconds:g} s")
        load_before = os.getloadavg()
        people = _people(options, url, study.id)
    _say("comparing what they saw with what is on record")
    asked, rated = read(options.out / "seen.jsonl")
    findings = check(home.parts, asked, rated, study.id, options.replays)
    home.parts.store.close()
    log = home.log("server").read_text(encoding="utf-8")
    wrong = [trouble for phase in people.values() for trouble in phase["troubles"]] + findings.wrong
    wrong += [f"the server's log holds a traceback:\n{log[-6000:]}"] * ("Traceback" in log)
    usual = people["usual"]
    return {
        "options": {name: str(value) for name, value in vars(options).items()},
        "cores": os.cpu_count(),
        "load average before": load_before,
        "people": people,
        "usage": usage.told(usual["began"], usual["seconds"]),
        "questions": len(asked),
        "votes": len(rated),
        "compared": dict(findings.compared),
        "wrong": wrong,
    }


def _people(options: argparse.Namespace, url: str, study_id: str) -> dict[str, Any]:
    """Runs the people in a process of their own."""
    comparers, callers = options.people // 6, options.people // 4
    counts = {
        "chatters": options.people - comparers - callers,
        "comparers": comparers,
        "callers": callers,
        "raters": options.raters,
        "crowd": options.crowd if options.crowd >= 0 else options.slots + options.queue + 8,
    }
    words = {"url": url, "study": study_id, "out": options.out, "seconds": options.seconds, "think": options.think}
    command = [sys.executable, "-m", "tests.load.people"]
    command += [f"--{name}={value}" for name, value in (words | counts).items()]
    with (options.out / "people.log").open("w") as out:
        done = subprocess.run(
            command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, timeout=options.seconds + PEOPLE_END_S
        )
    if done.returncode:
        raise SystemExit(f"the people broke down:\n{(options.out / 'people.log').read_text()[-6000:]}")
    people: dict[str, Any] = json.loads((options.out / "people.json").read_text())
    return people


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.load", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("/tmp/duodesk-load"), help="an empty folder")
    parser.add_argument("--people", type=int, default=50, help="of whom 1/6 compare and 1/4 call the API")
    parser.add_argument("--raters", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--think", type=float, default=12, help="seconds between an answer and the next question")
    parser.add_argument(
        "--crowd", type=int, default=-1, help="who then ask at once; default: 8 more than there is room"
    )
    parser.add_argument("--no-training", dest="training", action="store_false")
    parser.add_argument("--questions", type=int, default=120, help="of the study that is rated")
    parser.add_argument("--articles", type=int, default=1000, help="of the help centre, at most")
    parser.add_argument("--replays", type=int, default=400, help="answers that are made once more at the end")
    parser.add_argument("--slots", type=int, default=16)
    parser.add_argument("--queue", type=int, default=64)
    parser.add_argument("--prefix-cache-mb", type=int, default=256)
    return parser.parse_args()


def _say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
