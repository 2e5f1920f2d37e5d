"""What `launch.py deploy` does: starts everything in its order, keeps it running, and ends it in the reverse order."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import FrameType
from typing import NoReturn

from core.errors import DeploymentError
from core.settings import ROOT, Settings
from deploy.logs import shown
from deploy.nginx import nginx
from deploy.plan import Plan
from deploy.postgres import postgres
from deploy.program import Program, wait_for
from deploy.python_programs import app, chroma, model_server

PATIENCE_S = 180.0  # the first start of a large model takes its time
AGAIN_S = 2.0  # between a process's end and its next start
LOOK_S = 0.3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--apps", type=int, default=2, metavar="N", help="app processes (default: 2)")
    parser.add_argument("--certificate", type=Path, metavar="FILE", help="for https: the certificate, with its chain")
    parser.add_argument("--certificate-key", type=Path, metavar="FILE", help="and its private key")
    parser.add_argument("--show-logs", action="store_true", help="print all that is logged, each line with its process")


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Until Ctrl+C or SIGTERM. Raises SettingsError, DeploymentError."""
    plan = Plan(settings, options.apps, _absolute(options.certificate), _absolute(options.certificate_key))
    plan.check()
    plan.logs.mkdir(parents=True, exist_ok=True)
    _check_reachable(plan)
    signal.signal(signal.SIGTERM, _interrupt)
    started: list[Program] = []
    with _alone(plan), shown(plan.logs) if options.show_logs else nullcontext():
        try:
            _start(plan, started)
            _keep(started)
        except KeyboardInterrupt:
            return 0
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            _say("Stopping …")
            for program in reversed(started):
                program.stop()
            _say("All is stopped.")


def _start(plan: Plan, started: list[Program]) -> None:
    """Everything that is started is in `started`, whatever happens on the way."""
    begun = time.monotonic()

    def start(*programs: Program) -> None:
        for program in programs:
            program.check_ports()
        for program in programs:
            started.append(program)
            program.start()
        wait_for(programs, PATIENCE_S)
        _say(", ".join(program.name for program in programs) + " ready")

    _say(f"Starting; the logs are in {plan.logs}")
    behind = [postgres(plan)] if plan.own_postgres else []
    behind += [chroma(plan)] if plan.own_chroma else []
    behind += [model_server(plan)] if plan.own_model else []
    start(*behind)
    plan.write_settings(_base_model(plan) if plan.own_model else "")
    _wait_for_account(plan)
    start(*(app(plan, number, port) for number, port in enumerate(plan.app_ports, 1)))
    start(nginx(plan))
    _say(f"Duodesk is ready: {plan.address} ({time.monotonic() - begun:.0f} s; Ctrl+C ends all of it)")
    _say(f"Commands take part with --settings, as in: python3 launch.py keys list --settings {plan.settings_file}")


def _keep(programs: Sequence[Program]) -> NoReturn:
    """Starts again what dies."""
    due: dict[str, float] = {}
    while True:
        time.sleep(LOOK_S)
        for program in programs:
            if not program.ended():
                continue
            if program.name not in due:
                assert program.process
                _say(f"{program.name} ended with code {program.process.returncode}; it is started again.")
                due[program.name] = time.monotonic() + AGAIN_S
            elif time.monotonic() > due[program.name]:
                del due[program.name]
                program.start()


def _base_model(plan: Plan) -> str:
    """The name under which the model server serves its model: asked of the server itself."""
    import httpx

    key = {"Authorization": f"Bearer {plan.secret('model-server.key')}"}
    told = httpx.get(f"http://127.0.0.1:{plan.model_port}/v1/models", headers=key, timeout=30)
    return str(told.raise_for_status().json()["data"][0]["id"])


def _wait_for_account(plan: Plan) -> None:
    """Where people sign in, the apps do not start before anybody can; the database is there already."""
    if not plan.settings.signs_in:
        return
    command = [sys.executable, str(ROOT / "launch.py"), "users", "list", "--settings", str(plan.settings_file)]
    told = False
    while True:
        listed = subprocess.run(command, capture_output=True, text=True, env=dict(plan.environ()))
        if listed.returncode:
            raise DeploymentError(f"The accounts cannot be read: {listed.stderr.strip()}")
        if listed.stdout.strip():
            return
        if not told:
            _say(
                "Nobody has an account yet. Make the first one in another terminal, and this goes on: "
                f"python3 launch.py users add NAME owner --settings {plan.settings_file}"
            )
            told = True
        time.sleep(2)


def _check_reachable(plan: Plan) -> None:
    """As root, Postgres and nginx run as users of their own, who must reach their folders. Raises DeploymentError."""
    if os.geteuid() != 0:
        return
    closed = [folder for folder in plan.logs.parents if not folder.stat().st_mode & 0o001]
    if closed:
        raise DeploymentError(
            f"The folder {closed[-1]} can be entered by root alone, but PostgreSQL and nginx run as users of their "
            "own; choose another folder with --data, or run this as another user than root."
        )


@contextmanager
def _alone(plan: Plan) -> Iterator[None]:
    """Two Chroma servers on one folder would spoil it. Raises DeploymentError."""
    from filelock import FileLock, Timeout

    lock = FileLock(plan.folder / ".lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise DeploymentError(
            f"A deployment runs in {plan.folder} already; end it first, or choose another folder with --data."
        ) from error
    try:
        yield
    finally:
        lock.release()


def _absolute(file: Path | None) -> Path | None:
    return file.absolute() if file else None


def _interrupt(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt


def _say(text: str) -> None:
    print(text, flush=True)
