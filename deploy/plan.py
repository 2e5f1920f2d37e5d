"""What is to run: ports, folders, keys, and the settings file that app processes and commands share."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from core.errors import SettingsError
from core.ports import in_url
from core.servers import Server, load_servers
from core.settings import Settings

SERVER = "deployment"  # the name of the model server in the settings
KEY = "DUODESK_MODEL_SERVER_KEY"
MODEL, CHROMA, POSTGRES = 101, 102, 103  # ports behind the first one; those of the apps follow it
MOST_APPS = 100


@dataclass(frozen=True)
class Plan:
    """`settings` are those of the command: their host and port are nginx's. Everything else listens on loopback."""

    settings: Settings
    apps: int
    certificate: Path | None = None
    certificate_key: Path | None = None

    @property
    def folder(self) -> Path:
        return self.settings.path("data") / "deployment"

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def settings_file(self) -> Path:
        return self.folder / "duodesk.toml"

    @property
    def app_ports(self) -> list[int]:
        return [self.settings.port + number for number in range(1, self.apps + 1)]

    @property
    def model_port(self) -> int:
        return self.settings.port + MODEL

    @property
    def chroma_port(self) -> int:
        return self.settings.port + CHROMA

    @property
    def postgres_port(self) -> int:
        return self.settings.port + POSTGRES

    @property
    def address(self) -> str:
        return f"{'https' if self.certificate else 'http'}://{in_url(self.settings.host)}:{self.settings.port}"

    @property
    def own_postgres(self) -> bool:
        return not self.settings.database

    @property
    def own_chroma(self) -> bool:
        return not self.settings.index

    @property
    def own_model(self) -> bool:
        """False where `model` names a server of the settings."""
        return self.settings.model not in load_servers(self.settings)

    @property
    def database(self) -> str:
        password = self.secret("postgres.password")
        return self.settings.database or f"postgresql://duodesk:{password}@127.0.0.1:{self.postgres_port}/duodesk"

    def check(self) -> None:
        """Raises SettingsError."""
        if not 1 <= self.apps <= MOST_APPS:
            raise SettingsError(f"There can be 1 to {MOST_APPS} app processes, not {self.apps}.")
        if self.postgres_port > 65535:
            raise SettingsError(f"The ports of the deployment go up to --port + {POSTGRES}; choose a smaller --port.")
        if bool(self.certificate) != bool(self.certificate_key):
            raise SettingsError("A certificate and its key go together; give --certificate and --certificate-key.")
        for file in (self.certificate, self.certificate_key):
            if file and not file.is_file():
                raise SettingsError(f"There is no file {file}; --certificate and --certificate-key must name two.")
        if self.settings.database.startswith("sqlite"):
            raise SettingsError(
                "SQLite is for one app process; leave `database` out, or set it to a Postgres server's URL."
            )

    def secret(self, name: str) -> str:
        """A random text, made at the first use and kept in the folder, readable by nobody else."""
        file = self.folder / name
        if not file.exists():
            write_private(file, secrets.token_urlsafe(24))
        return file.read_text(encoding="ascii")

    def write_settings(self, model_name: str) -> None:
        """Writes the file that the app processes are started with; commands take it with --settings. `model_name` is
        the base model's name on the model server."""
        given = self.settings
        changed: dict[str, object] = {
            "host": "127.0.0.1",
            "port": self.app_ports[0],
            "database": self.database,
            "index": given.index or f"http://127.0.0.1:{self.chroma_port}",
            "accounts": "on" if given.signs_in else given.accounts,
            "trusted_proxy": "127.0.0.1",
        }
        servers = load_servers(given)
        if self.own_model:
            changed["model"] = SERVER
            url = f"http://127.0.0.1:{self.model_port}/v1"
            servers[SERVER] = Server(SERVER, url, model_name, kind="duodesk", key_env=KEY)
        lines = [
            f"{entry.name} = {_toml(changed.get(entry.name, getattr(given, entry.name)))}"
            for entry in fields(Settings)
            if entry.name != "servers"
        ]
        for server in servers.values():
            lines += ["", f"[servers.{server.name}]", *_table(server)]
        write_private(self.settings_file, "\n".join(lines) + "\n")

    def environ(self) -> Mapping[str, str]:
        """Of every process: the settings are in the file alone."""
        known = {f"DUODESK_{entry.name.upper()}" for entry in fields(Settings)} | {"DUODESK_SETTINGS"}
        kept = {name: value for name, value in os.environ.items() if name not in known}
        return kept | {KEY: self.secret("model-server.key"), "RUST_LOG": "warn", "PYTHONUNBUFFERED": "1"}


def write_private(file: Path, text: str) -> None:
    """Replaces a file as a whole; only its owner can read it."""
    unfinished = file.with_name(f".{file.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as opened:
        opened.write(text)
    unfinished.replace(file)


def _toml(value: object) -> str:
    """Strings and numbers are written as JSON writes them, but for its pairs of surrogates."""
    return json.dumps(value, ensure_ascii=False)


def _table(server: Server) -> list[str]:
    """A server as lines of TOML."""
    lines = []
    for entry in fields(Server):
        value = getattr(server, entry.name)
        if entry.name == "served_adapters":
            inner = ", ".join(f"{_toml(name)} = {_toml(served)}" for name, served in value.items())
            lines.append(f"served_adapters = {{{inner}}}")
        elif entry.name != "name":
            lines.append(f"{entry.name} = {_toml(value)}")
    return lines
