"""A PostgreSQL server of our own: Debian's programs on our own folder and port."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path

from core.errors import DeploymentError
from deploy.plan import Plan, write_private
from deploy.program import Program

DATABASE = "duodesk"


def postgres(plan: Plan) -> Program:
    """Makes its folder at the first start. Raises DeploymentError."""
    programs, user = _programs(), _user()
    folder = plan.folder / "postgres"
    if not (folder / "PG_VERSION").exists():
        _make(programs, folder, plan.secret("postgres.password"), user)
    options = {
        "listen_addresses": "127.0.0.1",
        "port": plan.postgres_port,
        "unix_socket_directories": "",
        "max_connections": 50 + 20 * plan.apps,
    }
    command = [str(programs / "postgres"), "-D", str(folder)]
    for name, value in options.items():
        command += ["-c", f"{name}={value}"]
    return Program(
        name="postgres",
        command=command,
        log=plan.logs / "postgres.log",
        environ=plan.environ(),
        ready=lambda: _ready(plan),
        ports=[("127.0.0.1", plan.postgres_port)],
        user=user,
        end=signal.SIGINT,  # ends connections, where SIGTERM would wait for them
    )


def _make(programs: Path, folder: Path, password: str, user: str | None) -> None:
    """Runs initdb into a folder that appears only when it is whole."""
    unfinished = folder.with_name("postgres.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    secret = unfinished.with_name("initdb.password")
    write_private(secret, password)
    try:
        if user:
            for path in (unfinished, secret):
                shutil.chown(path, user)
        command = [str(programs / "initdb"), "-D", str(unfinished), "-U", "duodesk", "-E", "UTF8", "--locale=C.UTF-8"]
        command += ["--auth=scram-sha-256", f"--pwfile={secret}"]
        done = subprocess.run(command, capture_output=True, text=True, user=user, cwd="/")
        if done.returncode:
            raise DeploymentError(f"PostgreSQL's initdb failed: {(done.stderr or done.stdout).strip()}")
    finally:
        secret.unlink()
    unfinished.rename(folder)


def _ready(plan: Plan) -> bool:
    """Whether it takes connections; makes the database if it is not there yet."""
    import psycopg

    address = plan.database.removesuffix(f"/{DATABASE}")
    try:
        with psycopg.connect(f"{address}/postgres", connect_timeout=2, autocommit=True) as connection:
            there = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if not there:
                connection.execute(f"CREATE DATABASE {DATABASE}")
        return True
    except psycopg.OperationalError:
        return False


def _programs() -> Path:
    """The folder of the newest version's programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent
    raise DeploymentError(
        "There is no PostgreSQL server here; install Debian's postgresql, or set `database` to the URL of one."
    )


def _user() -> str | None:
    """PostgreSQL refuses to run as root; Debian's package brings a user of its own."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        raise DeploymentError(
            "PostgreSQL does not run as root, and there is no user 'postgres'; run this as another user."
        ) from None
