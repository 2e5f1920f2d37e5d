"""Settings that are broken or hostile: a file, the environment, flags, model servers, addresses of databases."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import DuodeskError, SettingsError, StoreError
from core.ports import free_port
from core.servers import load_servers
from core.settings import Settings, load_settings
from store import open_store
from tests.broken.limits import check_sentence, within

SERVER = '[servers.gpu]\nurl = "http://127.0.0.1:1/v1"\nmodel = "m"\n'
FILES = {
    "no UTF-8": b"port = \xff",
    "UTF-16": "port = 1".encode("utf-16"),
    "NUL": b'company = "a"\0',
    "NUL in a text": b'data = "a\\u0000b"',
    "not TOML": b"port: 80",
    "key twice": b"port = 1\nport = 2",
    "deeply nested": b"port = " + b"[" * 50_000,
    "deeply nested tables": b"[" + b"a." * 20_000 + b"b]",
    "number of 5000 digits": b"port = " + b"9" * 5000,
    "number in hexadecimal": b"port = 0x" + b"f" * 5000,
    "number is a fraction": b"port = 80.5",
    "number is endless": b"port = inf",
    "number is true": b"port = true",
    "number is a date": b"port = 2024-01-01",
    "number is below 0": b"threads = -1",
    "text is a list": b'company = ["a"]',
    "text is a table": b"[company]\na = 1",
    "unknown": b"prot = 80",
    "unknown of 5000 letters": b"k" * 5000 + b" = 1",
    "text of 5000 letters": b'device = "%s"' % (b"x" * 5000),
    "servers is a number": b"servers = 5",
}
SERVERS = {
    "no table": "[servers]\ngpu = 5",
    "list": "[[servers]]\na = 1",
    "name of a path": '[servers."../x"]\nurl = "http://x/v1"\nmodel = "m"',
    "no model": '[servers.gpu]\nurl = "http://x/v1"',
    "unknown key": SERVER + "k = 1",
    "address of a file": SERVER.replace("http:", "file:"),
    "address that is none": SERVER.replace("127.0.0.1:1", "[::1"),
    "address without a host": SERVER.replace("127.0.0.1:1", ""),
    "port that is none": SERVER.replace(":1/", ":99999/"),
    "port of letters": SERVER.replace(":1/", ":abc/"),
    "password": SERVER.replace("127", "ann:secret@127"),
    "line break": SERVER.replace("/v1", "/v1\\nHost: evil"),
    "wait is no number": SERVER + "timeout_s = nan",
    "wait is endless": SERVER + "timeout_s = inf",
    "wait is below 0": SERVER + "timeout_s = -1",
    "context is a fraction": SERVER + "context = 1.5",
    "kind unknown": SERVER + 'kind = "other"',
    "adapters of other kinds": SERVER + "served_adapters = {a = 5}",
    "adapters are a list": SERVER + "served_adapters = [1]",
}
DATABASES = [
    *("nonsense", "://", "sqlite", "mysql://a/b", "postgresql://", "sqlite:////proc/none/x"),
    *("postgresql://127.0.0.1:1/x", "postgresql://a:b@127.0.0.1:abc/x", "sqlite:///a?b=c&b=d", "x" * 5000),
    "postgresql://127.0.0.1:99999/x",
]


@pytest.mark.parametrize("case", FILES)
def test_a_broken_settings_file_gets_a_sentence(tmp_path, case):
    file = tmp_path / "duodesk.toml"
    file.write_bytes(FILES[case])
    with within(5), pytest.raises(SettingsError) as caught:
        load_settings({}, {}, file)
    check_sentence(caught.value)


@pytest.mark.parametrize("case", SERVERS)
def test_a_broken_declaration_of_a_model_server_gets_a_sentence_without_its_password(tmp_path, case):
    file = tmp_path / "servers.toml"
    file.write_text(SERVERS[case])
    with pytest.raises(SettingsError) as caught:
        load_servers(Settings(servers=str(file)))
    check_sentence(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "value", ["", "\0", "\udcff", "x" * 5000, "9" * 5000, "-1", "1e3", "true", "١٢٣٤٥٦", "{}", "\n"]
)
def test_no_value_in_the_environment_does_harm(value):
    for name in ("PORT", "HOST", "DATA", "MODEL", "ENGINE", "ACCOUNTS", "COMPANY", "KEEP_DAYS"):
        try:
            load_settings({}, {f"DUODESK_{name}": value, "DUODESK_SETTINGS": ""}).path("data")
        except SettingsError as error:
            check_sentence(error, name.lower())


@pytest.mark.parametrize("path", ["/", "/dev/null/x", "missing.toml", "a\0b", "x" * 5000, "\udcff.toml"])
def test_a_settings_file_that_is_none_gets_a_sentence(path):
    with pytest.raises(SettingsError) as caught:
        load_settings({}, {"DUODESK_SETTINGS": path})
    check_sentence(caught.value)


@given(st.dictionaries(st.text(max_size=12) | st.sampled_from(["port", "host", "data"]), st.text() | st.integers()))
def test_any_input_as_flags_gives_settings_or_a_sentence(flags):
    try:
        settings = load_settings(flags, {})
        assert 1 <= settings.port <= 65535
    except SettingsError as error:
        check_sentence(error)


@pytest.mark.parametrize("host", ["", "999.999.1.1", "no such host", "a" * 300, "é.example", "::1::2", "203.0.113.9"])
def test_an_address_that_is_none_gets_a_sentence(host):
    with pytest.raises(SettingsError) as caught:
        free_port(host, 50_000)
    check_sentence(caught.value)


@pytest.mark.parametrize("url", DATABASES)
def test_a_database_that_is_none_gets_a_sentence(tmp_path, monkeypatch, url):
    monkeypatch.chdir(tmp_path)
    try:
        with within(20):
            open_store(url).close()
    except StoreError as error:
        check_sentence(error)
    except DuodeskError as error:
        pytest.fail(f"not a StoreError: {error!r}")
