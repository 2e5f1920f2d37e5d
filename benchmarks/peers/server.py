"""What peers that are servers have in common: a process on a free loopback port, and many chats sent at once."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self

HOST = "127.0.0.1"
READY_WITHIN_S = 120.0
ANSWER_WITHIN_S = 600.0


class Server:
    """A context manager around a server process. Subclasses give the command, the address asked and its body."""

    address = ""

    def __init__(self, environment: dict[str, str] | None = None) -> None:
        self.port = _free_port()
        self._environment = {**os.environ, **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="duodesk-peer-")
        self.folder = Path(self._folder.name)

    def command(self) -> list[str]:
        """The words that start the server on `self.port`."""
        raise NotImplementedError

    def body(self, ids: list[int], new_tokens: int) -> dict[str, Any]:
        """The JSON that asks for exactly `new_tokens` greedy tokens after the prompt."""
        raise NotImplementedError

    def counted(self, answer: dict[str, Any]) -> tuple[int, int]:
        """How many tokens the server says it read and made."""
        raise NotImplementedError

    def tokens(self, answer: dict[str, Any]) -> list[int]:
        """The ids of the answer."""
        raise NotImplementedError

    @property
    def process_id(self) -> int:
        """The process's number, to read its memory."""
        if self._process is None:
            raise RuntimeError("the server is not started")
        return self._process.pid

    def __enter__(self) -> Self:
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                self.command(), env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        try:
            self._wait_until_ready()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def chats(self, prompts: list[list[int]], new_tokens: int) -> float:
        """Send all prompts at the same moment; seconds until the last answer is complete."""
        return self.answers(prompts, new_tokens)[0]

    def answers(self, prompts: list[list[int]], new_tokens: int) -> tuple[float, list[list[int]]]:
        """The same seconds, and the ids of every answer in the order of the prompts."""
        bodies = [json.dumps(self.body(ids, new_tokens)).encode() for ids in prompts]
        gate = threading.Barrier(len(bodies), timeout=READY_WITHIN_S)
        with ThreadPoolExecutor(len(bodies)) as pool:
            answers = [answer.result() for answer in [pool.submit(self._ask, gate, body) for body in bodies]]
        counted = [self.counted(answer) for _, _, answer in answers]
        if counted != [(len(ids), new_tokens) for ids in prompts]:
            raise RuntimeError(f"asked for {new_tokens} tokens each, the server read and made {counted}")
        seconds = max(end for _, end, _ in answers) - min(start for start, _, _ in answers)
        return seconds, [self.tokens(answer) for _, _, answer in answers]

    def log(self) -> str:
        """What the server wrote, for error messages."""
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")

    def _ask(self, gate: threading.Barrier, body: bytes) -> tuple[float, float, dict[str, Any]]:
        """The moments (perf_counter) of question and answer, and the answer; asked when all are connected."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=ANSWER_WITHIN_S)
        try:
            connection.connect()
            gate.wait()
            start = time.perf_counter()
            connection.request("POST", self.address, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            text = response.read()
            end = time.perf_counter()
        finally:
            connection.close()
        if response.status != 200:
            raise RuntimeError(f"the server answered {response.status}: {text[:500]!r}\n{self.log()[-2000:]}")
        return start, end, json.loads(text)

    def _wait_until_ready(self) -> None:
        end = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < end:
            if self._process is not None and self._process.poll() is not None:
                raise RuntimeError(f"the server ended with {self._process.returncode}:\n{self.log()[-2000:]}")
            if self._is_ready():
                return
            time.sleep(0.1)
        raise RuntimeError(f"the server was not ready within {READY_WITHIN_S:.0f} s:\n{self.log()[-2000:]}")

    def _is_ready(self) -> bool:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=5)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def _end(self) -> None:
        """End the process that was started here, and no other."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._folder.cleanup()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
