"""What the deployment is made of, without starting it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import DeploymentError, SettingsError
from core.servers import Server, load_servers
from core.settings import ROOT, Settings, load_settings
from deploy.nginx import configuration
from deploy.plan import KEY, SERVER, Plan
from deploy.program import Program, wait_for

SERVERS = """
[servers.gpu]
url = "http://10.0.0.5:8000/v1"
model = "Qwen/Qwen3-0.6B"
timeout_s = 20.5

[servers.gpu.served_adapters]
velomoor = 'its "name" there'
"""


@pytest.fixture
def plan(tmp_path) -> Plan:
    made = Plan(Settings(data=str(tmp_path / "data"), port=9000, company='Bikes "&" Möre 🚲'), 3)
    made.logs.mkdir(parents=True)
    return made


def test_apps_and_commands_share_one_settings_file(plan, tmp_path):
    declared = tmp_path / "servers.toml"
    declared.write_text(SERVERS)
    plan = replace(plan, settings=replace(plan.settings, servers=str(declared), host="0.0.0.0"))
    plan.write_settings("embedded")
    shared = load_settings({}, {}, plan.settings_file)
    password = plan.secret("postgres.password")
    assert shared.database == f"postgresql://duodesk:{password}@127.0.0.1:9103/duodesk"
    assert (shared.host, shared.index, shared.model) == ("127.0.0.1", "http://127.0.0.1:9102", SERVER)
    assert (shared.accounts, shared.trusted_proxy, shared.company) == ("on", "127.0.0.1", 'Bikes "&" Möre 🚲')
    assert load_servers(shared) == {
        **load_servers(plan.settings),
        SERVER: Server(SERVER, "http://127.0.0.1:9101/v1", "embedded", kind="duodesk", key_env=KEY),
    }


def test_what_is_secret_can_be_read_by_its_owner_alone_and_stays_the_same(plan):
    plan.write_settings("embedded")
    assert plan.secret("postgres.password") == plan.secret("postgres.password") != plan.secret("model-server.key")
    for name in ("duodesk.toml", "postgres.password", "model-server.key"):
        assert (plan.folder / name).stat().st_mode & 0o077 == 0, name


def test_settings_of_the_environment_do_not_reach_the_processes_beside_the_file(plan, monkeypatch):
    monkeypatch.setenv("DUODESK_PORT", "1")
    monkeypatch.setenv("DUODESK_SETTINGS", "other.toml")
    monkeypatch.setenv("GPU_KEY", "for a server")
    environ = plan.environ()
    assert "DUODESK_PORT" not in environ and "DUODESK_SETTINGS" not in environ
    assert environ["GPU_KEY"] == "for a server"
    assert environ[KEY] == plan.secret("model-server.key")


def test_servers_that_the_settings_name_are_used_in_place_of_own_ones(plan, tmp_path):
    assert (plan.own_postgres, plan.own_chroma, plan.own_model) == (True, True, True)
    declared = tmp_path / "servers.toml"
    declared.write_text(SERVERS)
    elsewhere = {"database": "postgresql://u:p@db/x", "index": "http://chroma:8000", "model": "gpu"}
    plan = replace(plan, settings=replace(plan.settings, servers=str(declared), **elsewhere))
    assert (plan.own_postgres, plan.own_chroma, plan.own_model) == (False, False, False)
    plan.write_settings("")
    shared = load_settings({}, {}, plan.settings_file)
    assert {name: getattr(shared, name) for name in elsewhere} == elsewhere


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"apps": 0}, "1 to 100 app processes, not 0"),
        ({"settings": Settings(port=65500)}, "choose a smaller --port"),
        ({"certificate": Path("c.pem")}, "a certificate and its key go together"),
        ({"certificate": Path("/none.pem"), "certificate_key": Path("/none.pem")}, "no file /none.pem"),
        ({"settings": Settings(database="sqlite:///x")}, "SQLite is for one app process"),
    ],
)
def test_what_cannot_be_deployed_is_said_before_anything_starts(plan, changed, says):
    with pytest.raises(SettingsError, match=f"(?i){says}"):
        replace(plan, **changed).check()


def test_nginx_knows_the_apps_and_the_certificate(plan, tmp_path):
    text = configuration(plan, tmp_path)
    for port in (9001, 9002, 9003):
        assert text.count(f"server 127.0.0.1:{port} ") == 2  # once for pages, once for programs
    assert "listen 127.0.0.1:9000;" in text
    assert not [line for line in text.splitlines() if "@" in line and "@nobody" not in line and "#" not in line]
    secure = replace(plan, certificate=Path("/c.pem"), certificate_key=Path("/k.pem"))
    text = configuration(replace(secure, settings=replace(plan.settings, host="::")), tmp_path)
    assert "listen [::]:9000 ssl;" in text
    assert replace(plan, settings=replace(plan.settings, host="::1")).address == "http://[::1]:9000"
    assert "ssl_certificate /c.pem;" in text and "ssl_certificate_key /k.pem;" in text


def program(tmp_path, code, **changed):
    given = {"name": "part", "log": tmp_path / "part.log", "environ": os.environ, "ready": lambda: False}
    return Program(command=[sys.executable, "-c", code], **(given | changed))


def test_a_process_that_ends_while_it_is_waited_for_is_told_with_the_end_of_its_log(tmp_path):
    failing = program(tmp_path, "import sys; print('the disk is full'); sys.exit(3)")
    failing.start()
    with pytest.raises(DeploymentError, match=r"part ended with code 3; its log .*\n  the disk is full"):
        wait_for([failing], 20)
    slow = program(tmp_path, "import time; time.sleep(60)")
    slow.start()
    with pytest.raises(DeploymentError, match="part is not ready after 0 s"):
        wait_for([slow], 0.2)
    slow.stop()
    assert slow.ended()


def test_a_port_that_is_taken_is_named(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(DeploymentError, match=f"port {port}, which part needs, is taken"):
            program(tmp_path, "", ports=[("127.0.0.1", port)]).check_ports()


def test_what_was_started_ends_when_the_command_is_killed(tmp_path):
    starting = (
        "import os, sys, time; from pathlib import Path; from deploy.program import Program\n"
        "p = Program('part', ['sleep', '60'], Path(sys.argv[1]), os.environ, bool); p.start()\n"
        "print(p.process.pid, flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", starting, str(tmp_path / "log")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        child = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 10
    while Path(f"/proc/{child}").exists() and "Z" not in _state(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not Path(f"/proc/{child}").exists() or "Z" in _state(child)


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return "Z"
