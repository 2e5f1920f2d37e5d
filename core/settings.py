"""Every setting of Duodesk, in one table: its TOML key, environment variable, flag, default and meaning.

Standard library only, so that `launch.py --help` needs nothing installed. What comes later wins:
default, then the settings file (duodesk.toml), then DUODESK_<NAME> in the environment, then --<name>.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from core.errors import SettingsError

ROOT = Path(__file__).resolve().parent.parent
LOOPBACK = ("localhost", "127.0.0.1", "::1")
LONGEST = 2000  # characters of a setting


def setting(default: Any, meaning: str) -> Any:
    """A field of Settings with its one-line documentation."""
    return field(default=default, metadata={"meaning": meaning})


@dataclass(frozen=True)
class Settings:
    """The settings in force. Relative paths are taken from the project's folder."""

    host: str = setting("127.0.0.1", "address the web server listens on")
    port: int = setting(7860, "port of the web server; when taken, the next free one is used and said")
    data: str = setting("data", "folder for the database, the index, template versions and logs")
    database: str = setting(
        "", "database URL, e.g. postgresql://user:password@host/name; empty: SQLite in the data folder"
    )
    index: str = setting(
        "", "Chroma server that keeps the index, e.g. http://127.0.0.1:8000; empty: files in the data folder"
    )
    model: str = setting("models/embedded", "base model: a folder, or a hub id such as Qwen/Qwen3-0.6B")
    engine: str = setting(
        "auto", "what runs the model: onnxruntime, torch, or auto (onnxruntime where it can and no GPU is there)"
    )
    precision: str = setting(
        "auto", "of the weights that onnxruntime writes answers with: fp32, int8, or auto (int8 for models above 64 M)"
    )
    device: str = setting("auto", "where the model runs: auto, cpu or cuda (cuda: by torch)")
    threads: int = setting(0, "processor threads for the model; 0: all cores")
    slots: int = setting(16, "answers that are written at the same time; more wait in line")
    queue: int = setting(64, "answers that may wait in line beside those; questions beyond are turned away")
    context: int = setting(8192, "most tokens of prompt and answer together, where the model reads so many")
    prefix_cache_mb: int = setting(256, "memory for the beginnings of prompts already read, in MB; 0: none kept")
    adapters: str = setting("adapters", "folder that holds one folder per LoRA adapter")
    adapter: str = setting("velomoor", "adapter that the lora arms use unless another is chosen")
    prompts: str = setting("prompts", "folder that holds one YAML file per prompt template")
    template: str = setting("friendly", "prompt template used unless another is chosen")
    knowledge: str = setting(
        "knowledge/articles", "documents kept indexed, looked at again at every start: a file or folder; empty: none"
    )
    questions: str = setting(
        "knowledge/questions", "test questions that no training may have seen: a file, or a folder of them; empty: none"
    )
    servers: str = setting(
        "", "TOML file with a table [servers.NAME] for each model server; empty: the settings file itself"
    )
    accounts: str = setting(
        "auto",
        "who may open the pages: auto (on this machine anybody, on other addresses accounts), on (accounts), "
        "insecure (anybody, everywhere)",
    )
    trusted_proxy: str = setting(
        "",
        "addresses of the proxy in front, e.g. 127.0.0.1: what it says of a visitor's address and of https is "
        "believed; empty: nobody is",
    )
    requests_per_minute: int = setting(600, "requests a minute that each key of the HTTP API may make; 0: any number")
    company: str = setting("Velomoor", "company name that templates put in for {company}")
    redaction: str = setting("on", "whether personal data is replaced before anything is stored or logged: on or off")
    keep_days: int = setting(0, "days after its last message until a chat is removed, at the next start; 0: never")
    chunk_chars: int = setting(700, "longest passage, in characters; longer sections are split")
    max_message_chars: int = setting(8000, "longest chat message that is accepted, in characters")

    def path(self, name: str) -> Path:
        """The setting `name` as an absolute path."""
        return (ROOT / getattr(self, name)).resolve()

    @property
    def signs_in(self) -> bool:
        """Whether people need an account: on any address but this machine's own, unless told otherwise."""
        return self.accounts == "on" or (self.accounts == "auto" and self.host not in LOOPBACK)

    @property
    def study_slots(self) -> int:
        """Answers of a study that are written at the same time: two slots stay for people, who compare two arms."""
        return max(1, self.slots - 2)

    @property
    def database_url(self) -> str:
        return self.database or f"sqlite:///{self.path('data') / 'duodesk.sqlite3'}"

    @property
    def model_source(self) -> str:
        """An existing folder as an absolute path, else the text as it is: a hub id, or a folder that is missing."""
        folder = self.path("model")
        return str(folder) if folder.exists() else self.model


def load_settings(
    flags: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] = os.environ,
    file: Path | None = None,
) -> Settings:
    """The settings from file, environment and flags (None = not given). Raises SettingsError."""
    chosen = file or (Path(environ["DUODESK_SETTINGS"]) if environ.get("DUODESK_SETTINGS") else None)
    values = _from_file(chosen or ROOT / "duodesk.toml", required=chosen is not None)
    values |= {
        known.name: _convert(known.name, environ[variable], f"the environment variable {variable}")
        for known in fields(Settings)
        if (variable := f"DUODESK_{known.name.upper()}") in environ
    }
    values |= {
        name: _convert(name, value, f"--{name.replace('_', '-')}")
        for name, value in (flags or {}).items()
        if value is not None
    }
    settings = Settings(**values)
    _check_ranges(settings)
    return settings


def _from_file(path: Path, required: bool) -> dict[str, Any]:
    try:
        there = path.exists()
    except OSError as error:  # a name that is too long
        raise SettingsError(f"The settings file {shown(path)} cannot be read: {error.strerror}.") from error
    if not there:
        if required:
            raise SettingsError(f"The settings file {shown(path)} does not exist; create it or leave --settings out.")
        return {}
    raw = read_toml(path)
    if isinstance(raw.get("servers"), dict):  # its tables are read by core.servers
        raw["servers"] = str(path.absolute())
    return {name: _convert(name, value, f"the settings file {path}") for name, value in raw.items()}


def read_toml(path: Path) -> dict[str, Any]:
    """What a settings file holds. Raises SettingsError."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise SettingsError(
            f"The settings file {path} is not valid TOML: {shown(error, 200)}. Mend that line."
        ) from error
    except OSError as error:
        raise SettingsError(f"The settings file {path} cannot be read: {error.strerror}.") from error


def shown(value: Any, most: int = 80) -> str:
    """A value on one line, as far as a sentence has room for it."""
    try:
        text = str(value)
    except ValueError:
        return "a number of thousands of digits"  # which Python does not show
    return (text if text.isprintable() else repr(text))[:most]


def quoted(value: Any) -> str:
    """As `shown`, text in quotes."""
    return f"'{shown(value)}'" if isinstance(value, str) else shown(value)


def is_plain(text: str) -> bool:
    """Whether a text can be part of a name, a path or an address: no line breaks, NUL, bytes that are no text."""
    return text.isprintable() and len(text) <= LONGEST


def _convert(name: str, value: Any, where: str) -> Any:
    known = {entry.name: entry for entry in fields(Settings)}
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"the settings are {', '.join(known)}."
        raise SettingsError(f"Unknown setting '{shown(name)}' in {shown(where)}; {hint}")
    wanted = type(known[name].default)
    if wanted is int and isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            pass
    if isinstance(value, str) and not is_plain(value):
        raise SettingsError(
            f"The setting '{name}' in {where} holds more than {LONGEST:,} characters, or one that is no text; mend it."
        )
    if type(value) is wanted:
        return value
    kind = "a whole number" if wanted is int else "text in quotes"
    raise SettingsError(f"The setting '{name}' in {where} must be {kind}, but is {quoted(value)}.")


def _check_ranges(settings: Settings) -> None:
    for name, low, high in (
        ("port", 1, 65535),
        ("threads", 0, 1024),
        ("slots", 1, 256),
        ("queue", 0, 10_000),
        ("context", 256, 1_000_000),
        ("prefix_cache_mb", 0, 1_000_000),
        ("requests_per_minute", 0, 1_000_000),
        ("keep_days", 0, 36_500),
        ("chunk_chars", 100, 20_000),
        ("max_message_chars", 1, 1_000_000),
    ):
        value = getattr(settings, name)
        if not low <= value <= high:
            raise SettingsError(f"The setting '{name}' must be between {low} and {high}, but is {shown(value)}.")
    if settings.index and not _is_address(settings.index):
        raise SettingsError(f"The setting 'index' must be like http://host:8000, but is {quoted(settings.index)}.")
    try:
        [ip_network(address.strip()) for address in settings.trusted_proxy.split(",") if settings.trusted_proxy]
    except ValueError:
        raise SettingsError(
            "The setting 'trusted_proxy' must hold addresses such as 127.0.0.1 or 10.0.0.0/8, with commas between, but "
            f"is {quoted(settings.trusted_proxy)}."
        ) from None
    for name, choices in (
        ("device", ("auto", "cpu", "cuda")),
        ("engine", ("auto", "onnxruntime", "torch")),
        ("precision", ("auto", "fp32", "int8")),
        ("redaction", ("on", "off")),
        ("accounts", ("auto", "on", "insecure")),
    ):
        if (value := getattr(settings, name)) not in choices:
            raise SettingsError(
                f"The setting '{name}' must be {', '.join(choices[:-1])} or {choices[-1]}, but is {quoted(value)}."
            )


def _is_address(text: str) -> bool:
    """Whether this is the address of a server, without a path."""
    try:
        address = urlsplit(text)
        return bool(address.scheme in ("http", "https") and address.hostname and address.port != 0) and not (
            address.path.strip("/") or address.query or address.fragment or address.username
        )
    except ValueError:
        return False
