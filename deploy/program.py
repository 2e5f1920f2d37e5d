"""One process of the deployment: started, waited for, started again when it dies, and ended."""

from __future__ import annotations

import ctypes
import http.client
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import DeploymentError

GRACE_S = 15.0
TAIL = 12  # lines of a log that are shown when its process fails
ALL_ADDRESSES = {"0.0.0.0": "127.0.0.1", "::": "::1"}
DIES_WITH_PARENT = 1  # Linux: PR_SET_PDEATHSIG


@dataclass
class Program:
    """`ready` tells whether it does its work; `user` is whom it runs as, if not as ourselves; `end` is the signal that
    ends it in order. `ports` must be free before it starts."""

    name: str
    command: Sequence[str]
    log: Path
    environ: Mapping[str, str]
    ready: Callable[[], bool]
    ports: Sequence[tuple[str, int]] = ()
    user: str | None = None
    end: signal.Signals = signal.SIGTERM
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        """Raises DeploymentError."""
        with self.log.open("ab") as log:
            try:
                self.process = subprocess.Popen(
                    self.command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=dict(self.environ),
                    start_new_session=True,  # Ctrl+C is for us, who end all of them in order
                    user=self.user,
                    preexec_fn=_die_with_parent,
                )
            except OSError as error:
                raise DeploymentError(f"{self.name} cannot be started: {error}.") from error

    def check_ports(self) -> None:
        """Raises DeploymentError."""
        for host, port in self.ports:
            if listens(host, port):
                raise DeploymentError(
                    f"The port {port}, which {self.name} needs, is taken; end what listens there, or choose another "
                    "--port: the others follow it."
                )

    def ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def failure(self) -> DeploymentError:
        """Why it ended, as far as its log tells."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL:]
        code = self.process.returncode if self.process else None
        said = "\n".join(f"  {line}" for line in lines)
        return DeploymentError(f"{self.name} ended with code {code}; its log {self.log} ends in\n{said}")

    def stop(self) -> None:
        """In order, and by force when that takes too long."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(self.end)
        try:
            self.process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def wait_for(programs: Sequence[Program], patience_s: float) -> None:
    """Until all are ready. Raises DeploymentError when one ends or takes too long."""
    deadline = time.monotonic() + patience_s
    waiting = list(programs)
    while waiting:
        for program in waiting:
            if program.ended():
                raise program.failure()
        waiting = [program for program in waiting if not program.ready()]
        if waiting and time.monotonic() > deadline:
            raise DeploymentError(f"{waiting[0].name} is not ready after {patience_s:.0f} s; see {waiting[0].log}.")
        time.sleep(0.1)


def listens(host: str, port: int) -> bool:
    """Whether something does; on an address that stands for all of them, it is asked on loopback."""
    try:
        socket.create_connection((ALL_ADDRESSES.get(host, host), port), timeout=1).close()
        return True
    except OSError:
        return False


def answers(port: int, path: str) -> bool:
    """Whether a server on loopback answers GET with 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _die_with_parent() -> None:
    """Were we killed, nobody would end these. Not on systems without prctl."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl:
        prctl(DIES_WITH_PARENT, signal.SIGTERM)
