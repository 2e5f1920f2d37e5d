"""Model servers, as declared in a settings file: one table [servers.NAME] each, which an arm's `model` names.

[servers.gpu]
url = "http://10.0.0.5:8000/v1"
model = "Qwen/Qwen3-0.6B"
kind = "vllm"
key_env = "GPU_KEY"
adapters = "/srv/duodesk/adapters"
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

from core.errors import SettingsError
from core.settings import Settings, is_plain, quoted, read_toml, shown

Kind = Literal["openai", "vllm", "sglang", "duodesk"]

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
TYPES: dict[str, tuple[type | tuple[type, ...], str]] = {
    "url": (str, "text in quotes"),
    "model": (str, "text in quotes"),
    "kind": (str, "text in quotes"),
    "key_env": (str, "text in quotes"),
    "timeout_s": ((int, float), "a number"),
    "context": (int, "a whole number"),
    "adapters": (str, "text in quotes"),
    "served_adapters": (dict, 'a table such as {velomoor = "its name on the server"}'),
}


@dataclass(frozen=True)
class Server:
    """A server that speaks OpenAI's chat completions, and which of its models answers.

    `url` ends before /chat/completions, mostly in /v1. `kind` says what it knows beyond OpenAI's own interface; Ollama,
    llama.cpp's server and `transformers serve` are openai, `launch.py model-server` is duodesk. `key_env` names the
    environment variable that holds the key; the key itself is in no file. `timeout_s` is the longest wait for the next
    piece of an answer. `context` is how many tokens prompt and answer may have together; 0: as many as the server
    tells. `adapters` is where the server (vllm, duodesk) sees the folder of adapters; empty: where it is here.
    `served_adapters` maps an adapter's name to the model name under which the server has it already.
    """

    name: str
    url: str
    model: str
    kind: Kind = "openai"
    key_env: str = ""
    timeout_s: float = 60.0
    context: int = 0
    adapters: str = ""
    served_adapters: Mapping[str, str] = field(default_factory=dict)

    @property
    def loads_adapters(self) -> bool:
        """Whether adapters are loaded onto it while it runs, by vLLM's calls; such servers count tokens too."""
        return self.kind in ("vllm", "duodesk")

    def key(self, environ: Mapping[str, str] = os.environ) -> str:
        """The key to send, empty for none. Raises SettingsError when its variable is not set."""
        if self.key_env and not environ.get(self.key_env):
            raise SettingsError(
                f"The model server '{self.name}' wants its key in the environment variable {self.key_env}, which is "
                "not set; set it and start Duodesk again."
            )
        return environ[self.key_env] if self.key_env else ""


def load_servers(settings: Settings) -> dict[str, Server]:
    """The servers that the setting `servers` declares, by name. Raises SettingsError."""
    if not settings.servers:
        return {}
    file = settings.path("servers")
    tables = read_toml(file).get("servers", {})
    if not isinstance(tables, dict):
        raise SettingsError(
            f"The file {file} must declare servers as tables [servers.NAME], but has servers = {shown(tables)}."
        )
    return {name: _server(name, table, file) for name, table in tables.items()}


def _server(name: str, table: Any, file: Path) -> Server:
    where = f"[servers.{shown(name)}] in {file}"
    if not NAME.fullmatch(name) or not isinstance(table, dict):
        raise SettingsError(f"{where} is no table with a name of letters, digits, - and _; mend it.")
    for key, value in table.items():
        if key not in TYPES:
            raise SettingsError(f"Unknown setting '{shown(key)}' in {where}; the settings are {', '.join(TYPES)}.")
        wanted, kind = TYPES[key]
        if not isinstance(value, wanted) or isinstance(value, bool):
            raise SettingsError(f"The setting '{key}' in {where} must be {kind}, but is {quoted(value)}.")
        if isinstance(value, str) and not is_plain(value):
            raise SettingsError(f"The setting '{key}' in {where} is too long or holds what is no text; mend it.")
    needed = [entry.name for entry in fields(Server) if entry.default is MISSING and entry.default_factory is MISSING]
    if missing := [key for key in needed if key != "name" and not table.get(key)]:
        raise SettingsError(f"{where} lacks {' and '.join(missing)}; add what is missing.")
    server = Server(name=name, **{**table, "url": table["url"].rstrip("/")})
    _check(server, where)
    return server


def _check(server: Server, where: str) -> None:
    if server.kind not in get_args(Kind):
        raise SettingsError(
            f"The setting 'kind' in {where} must be openai, vllm, sglang or duodesk, but is {quoted(server.kind)}."
        )
    wrong = SettingsError(f"The setting 'url' in {where} must be like http://host:8000/v1; mend it.")
    try:
        address = urlsplit(server.url)
        port = address.port
    except ValueError as error:
        raise wrong from error
    if (
        address.scheme not in ("http", "https")
        or not address.hostname
        or port == 0
        or address.query
        or address.fragment
    ):
        raise wrong
    if address.username or address.password:
        raise SettingsError(
            f"The setting 'url' in {where} holds a password; put a key into `key_env`'s variable instead."
        )
    if not 0 < server.timeout_s <= 3600 or not 0 <= server.context <= 10_000_000:
        raise SettingsError(f"In {where}, timeout_s must lie between 0 and 3600 and context between 0 and 10 million.")
    if not all(isinstance(served, str) and served for served in server.served_adapters.values()):
        raise SettingsError(f"In {where}, served_adapters must give the server's name of each adapter, in quotes.")
    if server.adapters and not server.loads_adapters:
        raise SettingsError(
            f"In {where}, `adapters` is for servers that load adapters themselves, of kind vllm or duodesk; for others "
            "name what they serve in served_adapters."
        )
