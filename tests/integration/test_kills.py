"""SIGKILL under load, in short. The long form: `python -m tests.kills`; its figures are in docs/backup.md."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from sqlalchemy import text

from store.database import open_engine
from tests.integration.tiny_models import ROOT
from tests.kills.checks import problems
from tests.kills.house import TEMPLATE, House, furnish, make_weights


def test_nothing_acknowledged_is_lost_when_the_program_is_killed_again_and_again():
    command = [sys.executable, "-m", "tests.kills", "--kills", "3", "--only", "sqlite", "--parts"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 kills" in done.stdout and "problems: 0" in done.stdout
    acknowledged = done.stdout.split("acknowledged: ")[1].splitlines()[0]
    assert {"chat", "rating", "version"} <= set(acknowledged.replace(",", "").split()), acknowledged


def test_the_checks_see_what_is_lost_doubled_or_half_written(tmp_path: Path):
    house = House(tmp_path, f"sqlite:///{tmp_path}/data/duodesk.sqlite3")
    make_weights(house)
    furnish(house)
    (house.folder / "adapters/half").mkdir()
    assert problems(house, [], deaths=0) == []
    ledger = [
        {"kind": "question", "id": "gone", "chat": "gone", "text": "?"},
        {"kind": "answer", "id": "gone", "question": "gone", "outcome": "complete", "text": "!"},
        {"kind": "thumb", "answer": "gone", "comment": ""},
        {"kind": "vote", "chat": "gone", "choice": "left", "comment": ""},
        {"kind": "rating", "id": "gone", "rater": "ann", "comment": ""},
        {"kind": "version", "name": "calm", "version": 7, "note": "gone"},
        {"kind": "indexed", "number": 0, "generation": 9},
        {"kind": "backup", "file": "gone.zip", "fresh": True},
    ]
    for file in ("adapter_config.json", "adapter_model.safetensors", "card.json"):
        (house.folder / "adapters/half" / file).write_bytes((house.folder / "adapters/base" / file).read_bytes()[:200])
    (house.backups / "half.zip").write_bytes(b"PK")
    versions = house.data / "template-versions/short.jsonl"
    last = json.loads(versions.read_text().split("\n")[-2])
    doubled = {**last, "version": 2, "note": "first seen on disk", "yaml": TEMPLATE.format(name="short", note="x")}
    versions.write_text(versions.read_text() + json.dumps(doubled) + "\n")
    engine = open_engine(house.url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE questions SET text = 'Is bare there?'"))
        connection.execute(text("UPDATE ratings SET choice = 'left', place = 2 WHERE seq = 1"))
    engine.dispose()
    found = "\n".join(problems(house, ledger, deaths=0))
    for said in (
        "the acknowledged question gone is gone",
        "the acknowledged answer gone is gone",
        "the acknowledged thumb gone is gone",
        "the acknowledged vote on gone is gone",
        "the acknowledged rating gone is gone",
        "version 7 of calm is not what was saved",
        "the template calm went back",
        "of kind 0 is not found in edition 9",
        "the acknowledged backup gone.zip is gone",
        "the backup half.zip is broken",
        "the adapter half is offered and broken",
        "versions of short are there twice",
        "'Is bare there?' is there 4 times",
        "places are not 1 to their number",
    ):
        assert said in found, (said, found)
