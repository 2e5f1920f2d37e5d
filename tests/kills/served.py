"""The app as a person starts it, and callers of its API who note what they were given."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import httpx

from core.settings import Settings
from core.types import ARM_NAMES
from tests.integration.postgres import free_port
from tests.kills.house import House
from tests.kills.load import word

ROOT = Path(__file__).resolve().parents[2]


def start(house: House) -> tuple[subprocess.Popen[bytes], int]:
    """`launch.py` on a free port. Its log is kept: a traceback in it is a bug."""
    port, settings = free_port(), house.settings
    flags = [
        part
        for one in fields(Settings)
        if one.name not in ("host", "port", "servers")
        for part in (f"--{one.name.replace('_', '-')}", str(getattr(settings, one.name)))
    ]
    with (house.folder / "served.log").open("ab") as log:
        command = [sys.executable, str(ROOT / "launch.py"), "--port", str(port), *flags]
        return subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log), port


def call(port: int, seed: int, pipe: int) -> None:
    """Callers in threads, until this process is ended: whole answers and streams, chats that go on."""

    def say(kind: str, **what: Any) -> None:
        os.write(pipe, (json.dumps({"kind": kind, **what}) + "\n").encode())

    url = f"http://127.0.0.1:{port}"
    while True:
        try:
            if httpx.get(f"{url}/health").status_code == 200:
                break
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    say("ready")
    threads = [
        threading.Thread(target=_again, args=(url, random.Random(f"{seed} {n}"), say), daemon=True) for n in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _again(url: str, rng: random.Random, say: Callable[..., None]) -> None:
    while True:
        try:
            _ask(url, rng, say)
        except httpx.TransportError:  # the server was killed
            time.sleep(0.05)


def _ask(url: str, rng: random.Random, say: Callable[..., None]) -> None:
    text = f"Which part is {word(rng)}?"
    asked = {"model": rng.choice(ARM_NAMES), "messages": [{"role": "user", "content": text}]}
    if rng.random() < 0.5:
        answer = httpx.post(f"{url}/v1/chat/completions", json=asked, timeout=60)
        if answer.status_code != 200:
            say("refused", action="api", error=f"{answer.status_code} {answer.text[:300]}")
            return
        body = answer.json()
        written, told = body["choices"][0]["message"]["content"], body["duodesk"]
    else:
        written, told = "", None
        with httpx.stream("POST", f"{url}/v1/chat/completions", json={**asked, "stream": True}, timeout=60) as lines:
            for line in lines.iter_lines():
                if line.startswith("data: {"):
                    chunk = json.loads(line.removeprefix("data: "))
                    for choice in chunk.get("choices", []):
                        written += choice["delta"].get("content") or ""
                    told = chunk.get("duodesk") or told
        if told is None:  # cut off in the middle
            return
    say("question", id=told["question_id"], chat=told["chat_id"], text=text)
    say("answer", id=told["answer_id"], question=told["question_id"], outcome="complete", text=written)
