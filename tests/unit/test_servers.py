"""Model servers in the settings file."""

import dataclasses

import pytest

from core.errors import SettingsError
from core.servers import Server, load_servers
from core.settings import Settings, load_settings

FILE = """
port = 7000

[servers.gpu]
url = "http://10.0.0.5:8000/v1/"
model = "Qwen/Qwen3-0.6B"
kind = "vllm"
key_env = "GPU_KEY"
adapters = "/srv/adapters"
timeout_s = 20
context = 4096

[servers.small]
url = "http://127.0.0.1:11434/v1"
model = "qwen3:0.6b"

[servers.small.served_adapters]
velomoor = "qwen3-velomoor"
"""


def servers(tmp_path, text):
    file = tmp_path / "duodesk.toml"
    file.write_text(text)
    return load_servers(load_settings({}, {}, file))


def test_servers_are_tables_of_the_settings_file(tmp_path):
    found = servers(tmp_path, FILE)
    assert found == {
        "gpu": Server(
            "gpu",
            "http://10.0.0.5:8000/v1",
            "Qwen/Qwen3-0.6B",
            kind="vllm",
            key_env="GPU_KEY",
            timeout_s=20,
            context=4096,
            adapters="/srv/adapters",
        ),
        "small": Server(
            "small",
            "http://127.0.0.1:11434/v1",
            "qwen3:0.6b",
            served_adapters={"velomoor": "qwen3-velomoor"},
        ),
    }


def test_without_tables_there_are_none(tmp_path):
    assert servers(tmp_path, "port = 7000") == {}
    assert load_servers(Settings()) == {}


def test_another_file_can_hold_them(tmp_path):
    (tmp_path / "others.toml").write_text('[servers.gpu]\nurl = "http://h/v1"\nmodel = "m"\n')
    file = tmp_path / "duodesk.toml"
    file.write_text(FILE)
    settings = load_settings({}, {"DUODESK_SERVERS": str(tmp_path / "others.toml")}, file)
    assert [(server.name, server.model) for server in load_servers(settings).values()] == [("gpu", "m")]
    with pytest.raises(SettingsError, match="cannot be read"):
        load_servers(dataclasses.replace(settings, servers=str(tmp_path / "none.toml")))


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("", "lacks url and model"),
        ('url = "http://h/v1"', "lacks model"),
        ('url = "h:8000/v1"\nmodel = "m"', "must be like http://host:8000/v1"),
        ('url = "http://h/v1?key=1"\nmodel = "m"', "must be like http://host:8000/v1"),
        ('url = "http://me:secret@h/v1"\nmodel = "m"', "holds a password"),
        ('url = "http://h/v1"\nmodel = 3', "'model'.*must be text in quotes, but is 3"),
        ('url = "http://h/v1"\nmodel = "m"\nkind = "grpc"', "openai, vllm, sglang or duodesk, but is 'grpc'"),
        ('url = "http://h/v1"\nmodel = "m"\nkey = "secret"', "Unknown setting 'key'.*key_env"),
        ('url = "http://h/v1"\nmodel = "m"\ntimeout_s = 0', "timeout_s must lie between"),
        ('url = "http://h/v1"\nmodel = "m"\ntimeout_s = true', "must be a number"),
        ('url = "http://h/v1"\nmodel = "m"\nserved_adapters = {a = 1}', "the server's name of each adapter"),
        ('url = "http://h/v1"\nmodel = "m"\nadapters = "/srv"', "of kind vllm"),
    ],
)
def test_a_broken_table_is_named_with_what_is_wrong(tmp_path, line, says):
    with pytest.raises(SettingsError, match=says) as caught:
        servers(tmp_path, f"[servers.gpu]\n{line}\n")
    assert "[servers.gpu]" in str(caught.value)
    assert "duodesk.toml" in str(caught.value)


def test_a_server_is_called_by_a_plain_name(tmp_path):
    with pytest.raises(SettingsError, match="letters, digits"):
        servers(tmp_path, '[servers."a/b"]\nurl = "http://h/v1"\nmodel = "m"\n')
    with pytest.raises(SettingsError, match="letters, digits"):
        servers(tmp_path, "[servers]\ngpu = 3\n")


def test_the_key_is_read_from_the_environment_when_it_is_needed():
    server = Server("gpu", "http://h/v1", "m", key_env="GPU_KEY")
    assert server.key({"GPU_KEY": "secret"}) == "secret"
    assert dataclasses.replace(server, key_env="").key({"GPU_KEY": "secret"}) == ""
    with pytest.raises(SettingsError, match="'gpu'.*GPU_KEY, which is not set"):
        server.key({})
