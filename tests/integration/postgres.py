"""A PostgreSQL server of our own, of Debian's programs: on a free loopback port, as an unprivileged user."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import uuid
from pathlib import Path


class PostgresServer:
    """Made and running in a temporary folder until `remove`. `url` stays the same when it is stopped and started."""

    def __init__(self, programs: Path) -> None:
        """`programs` is the folder of initdb and pg_ctl, see `server_programs`."""
        self._programs = programs
        self._port = free_port()
        self._folder = Path(tempfile.mkdtemp(prefix="duodesk-postgres-"))
        password = uuid.uuid4().hex
        (self._folder / "password").write_text(password)
        self._as_user: list[str] = []
        if os.geteuid() == 0:
            self._as_user = ["runuser", "-u", "postgres", "--"]
            for path in (self._folder, self._folder / "password"):
                shutil.chown(path, "postgres")
        self.url = f"postgresql://duodesk:{password}@127.0.0.1:{self._port}/postgres"
        try:
            given = (f"--pwfile={self._folder / 'password'}", "-E", "UTF8", "-N")
            self._call("initdb", "-U", "duodesk", "--auth=scram-sha-256", *given)
            self.start()
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise

    def start(self) -> None:
        settings = {"listen_addresses": "127.0.0.1", "port": self._port, "unix_socket_directories": "", "fsync": "off"}
        options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
        self._call("pg_ctl", "-w", "-l", str(self._folder / "log"), "-o", options, "start")

    def stop(self, mode: str = "fast") -> None:
        """`mode` as pg_ctl knows it: fast cuts connections off, immediate is a crash."""
        self._call("pg_ctl", "-w", "-m", mode, "stop")

    def remove(self) -> None:
        try:
            self.stop("immediate")
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _call(self, program: str, *arguments: str) -> None:
        command = [*self._as_user, str(self._programs / program), "-D", str(self._folder / "data"), *arguments]
        done = subprocess.run(command, cwd=self._folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert done.returncode == 0, done.stdout


def server_programs() -> Path | None:
    """The folder of initdb and pg_ctl of the newest installed server; None where it cannot be used."""
    if os.geteuid() == 0 and not _has_user("postgres"):
        return None
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda found: int(found.parts[-3]))
    on_path = shutil.which("initdb")
    if versions:
        return versions[-1].parent
    return Path(on_path).resolve().parent if on_path else None


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _has_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True
