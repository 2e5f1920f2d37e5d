"""Settings: where they come from, which wins, and that each one is documented."""

import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from core.errors import SettingsError
from core.settings import Settings, load_settings

ROOT = Path(__file__).resolve().parents[2]
NAMES = [entry.name for entry in fields(Settings)]


def test_flags_win_over_environment_and_that_over_the_file(tmp_path):
    file = tmp_path / "duodesk.toml"
    file.write_text('port = 1001\nhost = "1.1.1.1"\ncompany = "File"\n')
    environ = {"DUODESK_PORT": "1002", "DUODESK_HOST": "2.2.2.2"}
    settings = load_settings({"port": 1003}, environ, file)
    assert (settings.port, settings.host, settings.company) == (1003, "2.2.2.2", "File")


def test_the_file_can_be_named_by_the_environment(tmp_path):
    file = tmp_path / "other.toml"
    file.write_text('company = "Elsewhere"\n')
    assert load_settings({}, {"DUODESK_SETTINGS": str(file)}).company == "Elsewhere"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("prot = 7860", "did you mean 'port'"),
        ('port = "many"', "must be a whole number"),
        ("port = true", "must be a whole number"),
        ("company = 3", "must be text in quotes"),
        ("port = 0", "between 1 and 65535"),
        ('device = "tpu"', "auto, cpu or cuda"),
        ("port = = 1", "not valid TOML"),
        ('index = "localhost:8000"', "must be like http://host:8000"),
        ('index = "http://host:99999"', "must be like http://host:8000"),
        ('index = "http://host:8000/api"', "must be like http://host:8000"),
        ('trusted_proxy = "*"', "must hold addresses such as 127.0.0.1"),
    ],
)
def test_a_broken_settings_file_is_named_with_what_is_wrong(tmp_path, text, says):
    file = tmp_path / "duodesk.toml"
    file.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_settings({}, {}, file)
    assert says in str(caught.value)


def test_a_settings_file_that_was_asked_for_must_exist(tmp_path):
    with pytest.raises(SettingsError, match="does not exist"):
        load_settings({}, {}, tmp_path / "none.toml")


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_is_documented_in_the_readme(name):
    table = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.search(rf"^\| `{name}` \|", table, re.MULTILINE), f"README.md's table lacks {name}"


def test_every_setting_and_command_is_in_the_help_which_answers_in_half_a_second():
    # -S and -I keep installed packages out: the help must work on a bare machine.
    with subprocess.Popen(
        [sys.executable, "-S", str(ROOT / "launch.py"), "--help"],
        stdout=subprocess.PIPE,
        text=True,
        env={"PATH": os.environ["PATH"]},
    ) as process:
        shown = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    # In processor time, as other tests run beside it; on quiet cores that is the time a person waits.
    assert used.ru_utime + used.ru_stime < 0.5
    for name in NAMES:
        assert f"--{name.replace('_', '-')}" in shown
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"^    ([a-z-]+) ", shown, re.MULTILINE)
    assert {"ask", "train", "study", "backup", "deploy"} <= set(commands)
    for command in commands:
        assert f"launch.py {command}" in readme, f"README.md does not show the command {command}"


@pytest.mark.parametrize(("slots", "left"), [(16, 14), (3, 1), (2, 1), (1, 1)])
def test_a_study_leaves_slots_to_people(slots, left):
    assert Settings(slots=slots).study_slots == left
