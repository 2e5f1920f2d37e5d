"""Memory of the whole app with its model: after the start, and after sixteen hundred answers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.rows import Row
from core.settings import ROOT

ANSWERS = 1600
# Run in a process of its own, which holds what `launch.py` holds when it serves, and nothing of the benchmark.
CODE = """
import json, sys
import psutil
from app.site import build_site
from core.settings import load_settings
from core.types import ARM_NAMES, ArmSpec
from launch import compose, warm_up
settings = load_settings({"data": sys.argv[1]})
parts = compose(settings)
site = build_site(parts)
warm_up(parts)
def answer(count):
    for number in range(count):
        chat = parts.desk.open_chat(owner="benchmark")
        spec = ArmSpec(ARM_NAMES[number % 4], settings.template, settings.adapter)
        text = f"What does the bike number {number} cost, and how long does it take to get one?"
        for said in parts.desk.ask(chat.id, text, spec): pass
        assert said.outcome == "complete", said.error
def used(): return psutil.Process().memory_info().rss / 1e6
found = [used()]
for _ in range(4):
    answer(int(sys.argv[2]) // 4)
    found.append(used())
print(json.dumps(found))
"""


def rows(scratch: Path) -> list[Row]:
    command = [sys.executable, "-c", CODE, str(scratch / "memory-data"), str(ANSWERS)]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run(
        [*command[:-1], "4"], cwd=ROOT, env=environment, check=True, capture_output=True
    )  # prepares the models
    shown = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True).stdout
    start, *after = json.loads(shown.strip().splitlines()[-1])
    measured = ", ".join(f"{used:.0f}" for used in after)
    found = f"{start:.0f} MB at the start; after each {ANSWERS // 4} answers: {measured} MB"
    # Kept prefixes fill their bound (256 MB) at first; growth is what comes after that.
    return [Row(f"memory of the app, {ANSWERS} answers", "embedded", found, "no growth", after[-1] <= 1.03 * after[1])]
