"""What the load falls on: the app, served from a folder of its own, with a study to rate and a training beside it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from composition import compose
from core.parts import Parts
from core.ports import free_port
from core.settings import ROOT, Settings
from core.studies import Study, StudyArm, StudyPlan
from core.types import ARM_NAMES, ArmSpec
from launch import index_knowledge

START_S, END_S = 120, 60
DECIDES, PAIRS = ("prompt", "lora"), 6


@dataclass(frozen=True)
class Home:
    """The settings, and the parts composed from them in this process: what is on record is looked at through them."""

    settings: Settings
    parts: Parts
    folder: Path

    def command(self, *words: str) -> list[str]:
        """A command of launch.py over this folder; the first word is the command, '' to serve."""
        names = ("data", "adapters", "knowledge", "slots", "queue", "prefix_cache_mb")
        flags = [f"--{name.replace('_', '-')}={getattr(self.settings, name)}" for name in names]
        return [sys.executable, str(ROOT / "launch.py"), *([words[0]] if words[0] else []), *flags, *words[1:]]

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"


def make_home(folder: Path, articles: int, slots: int, queue: int, prefix_cache_mb: int) -> Home:
    """An empty data folder with articles of the demo company's help centre indexed, and the shipped model, adapter and
    templates; adapters are a copy, since the training adds one."""
    adapters = Path(shutil.copytree(ROOT / "adapters", folder / "adapters"))
    knowledge = folder / "knowledge"
    knowledge.mkdir()
    for file in sorted((ROOT / Settings.knowledge).glob("*.md"))[:articles]:
        shutil.copy(file, knowledge)
    settings = Settings(
        data=str(folder / "data"),
        adapters=str(adapters),
        knowledge=str(knowledge),
        slots=slots,
        queue=queue,
        prefix_cache_mb=prefix_cache_mb,
    )
    parts = compose(settings)
    index_knowledge(parts)
    return Home(settings, parts, folder)


def add_study(home: Home, questions: int) -> Study:
    """A study of the four arms with all its answers; each two of them on each question are to be rated."""
    template, adapter = home.settings.template, home.settings.adapter
    arms = tuple(StudyArm(name, ArmSpec(name, template, adapter if "lora" in name else None)) for name in ARM_NAMES)
    plan = StudyPlan("load", home.settings.questions, arms, DECIDES, ratings=PAIRS * questions, limit=questions)
    study = home.parts.studies.add(plan)
    home.parts.studies.run(study.id)
    assert home.parts.studies.view(study.id).study.status == "answered"
    return study


@contextmanager
def served(home: Home) -> Iterator[tuple[str, int]]:
    """The app as a person starts it: its address and the process. It must end by Ctrl+C and without a traceback."""
    port = free_port("127.0.0.1", 7960)
    log = home.log("server")
    with log.open("w") as out:
        process = subprocess.Popen(
            home.command("", f"--port={port}"), cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_until_ready(url, process, log)
        yield url, process.pid
    finally:
        _end(process)


@contextmanager
def training(home: Home) -> Iterator[None]:
    """A training of an adapter in a process of its own, as `launch.py train` does it, that goes on until it is told to
    stop; what it said is in its log."""
    words = ("train", "load", "--epochs=1000", "--patience=1000")
    with home.log("training").open("w") as out:
        process = subprocess.Popen(
            home.command(*words), cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        yield
        if process.poll() is not None:
            raise AssertionError(f"the training has ended by itself:\n{home.log('training').read_text()[-3000:]}")
    finally:
        _end(process)


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{url}/health", timeout=5).json().get("model") == "ready":
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise AssertionError(f"Duodesk did not get ready in {START_S} s; its log:\n{log.read_text()[-6000:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ctrl+C, then no mercy."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
