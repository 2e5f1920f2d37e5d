"""The export in the terminal: two kinds of files, and one sentence when there is none."""

from __future__ import annotations

import csv
import json
from argparse import Namespace
from types import SimpleNamespace

import pytest

from app.terminal import export
from core.desk import Desk
from core.errors import ExportError
from tests.conftest import PROMPT


@pytest.fixture
def parts(store, backend):
    desk = Desk(store, backend)
    list(desk.ask(desk.open_chat("me").id, "How long?", PROMPT))
    return SimpleNamespace(store=store)


def test_an_export_is_what_its_ending_says(parts, tmp_path):
    for name in ("said.jsonl", "said.csv", "SAID.CSV"):
        assert export(parts, Namespace(file=str(tmp_path / name))) == 0
    assert json.loads((tmp_path / "said.jsonl").read_text())["messages"][0]["content"] == "How long?"
    for name in ("said.csv", "SAID.CSV"):
        with (tmp_path / name).open(newline="") as file:
            assert [row["question"] for row in csv.DictReader(file)] == ["How long?"]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("nowhere/said.csv", "No such file"),
        ("folder.jsonl", "Is a directory"),
        ("said.xlsx", "a .jsonl or a .csv"),
        ("said", "a .jsonl or a .csv"),
    ],
)
def test_an_export_that_cannot_be_written_is_one_sentence(parts, tmp_path, name, says):
    (tmp_path / "folder.jsonl").mkdir()
    with pytest.raises(ExportError, match=says):
        export(parts, Namespace(file=str(tmp_path / name)))
    assert not (tmp_path / name).is_file()
