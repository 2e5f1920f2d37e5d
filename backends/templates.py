"""The prompt templates in force: one YAML file each, live on the next message, with their whole history.

What a template may say is in `template_format` (for users: prompts/README.md). When a prompt is rendered,
a paragraph (a block between blank lines) that names {context} or {history} is left out when there are no
passages or no past turns, and a message that is empty then is left out as a whole.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backends.template_format import HISTORY, NAME, paragraphs, parse_template, variables_of
from backends.template_history import TemplateHistory
from core.control_tokens import without_control_tokens
from core.errors import InvalidTemplate, TemplateError, UnknownTemplate
from core.types import Passage, Role, Template, TemplateVersion, Turn

if TYPE_CHECKING:
    from langchain_core.prompts import ChatPromptTemplate

log = logging.getLogger(__name__)

LANGCHAIN_ROLES: dict[Role, str] = {"system": "system", "user": "human", "assistant": "ai"}
ROLES: dict[str, Role] = {theirs: ours for ours, theirs in LANGCHAIN_ROLES.items()}


@dataclass(frozen=True)
class _Reading:
    """What became of a file's bytes: the template in force and, if that is an older one, why."""

    content: bytes
    template: Template | None
    problem: str = ""


class TemplateLibrary:
    """Implements core.protocols.Templates over a folder of YAML files. Safe for threads and for several processes.

    `names()` lists the files that `get` has an answer for: valid ones, and broken ones with an older good
    version. A file that never was valid is logged, and asking for it by name says what is wrong with it.
    """

    def __init__(self, folder: Path, versions_folder: Path) -> None:
        self.folder = folder
        self.history = TemplateHistory(versions_folder)
        self._readings: dict[str, _Reading] = {}

    def names(self) -> list[str]:
        """The usable templates in alphabetical order."""
        files = sorted(file.stem for file in self.folder.glob("*.yaml") if NAME.fullmatch(file.stem))
        return [name for name in files if (reading := self._read(name)) and reading.template]

    def get(self, name: str) -> Template:
        """The template as it stands on disk now. Raises UnknownTemplate; a broken file yields its last good version."""
        reading = self._read(name)
        if reading is None:
            there = ", ".join(self.names()) or "none yet"
            raise UnknownTemplate(f"There is no template {name[:64]!r} in {self.folder}; the templates are: {there}.")
        if reading.template is None:
            raise UnknownTemplate(f"{reading.problem} It has no older version to fall back on.")
        return reading.template

    def problem(self, name: str) -> str:
        """Why the file on disk is not in force, in one sentence; empty when it is."""
        reading = self._read(name)
        return reading.problem if reading else ""

    def check(self, name: str, yaml: str) -> Template:
        """The template that this text would become. Raises InvalidTemplate; stores nothing."""
        earlier = self.history.read(name) if NAME.fullmatch(name) else []
        return parse_template(name, _normal(yaml), version=earlier[-1].version + 1 if earlier else 1)

    def save(self, name: str, yaml: str, note: str) -> Template:
        """Checks, writes the file and records a new version. Raises InvalidTemplate; then nothing has changed."""
        template = self.check(name, yaml)
        with self._writing(name):
            self._read_locked(name)  # an edit made on disk meanwhile gets its own version first
            temporary = self._write_beside(name, template.yaml)
            try:
                self.history.append(name, template.yaml, note, template.hash)
                temporary.replace(self._file(name))
            finally:
                temporary.unlink(missing_ok=True)
            self._read_locked(name)
        return self.get(name)

    def versions(self, name: str) -> list[TemplateVersion]:
        """Newest first. Raises UnknownTemplate; a deleted template keeps its versions."""
        self._read(name)  # a change on disk is a version too
        versions = self.history.read(name) if NAME.fullmatch(name) else []
        if not versions:
            self.get(name)
        return versions[::-1]

    def roll_back(self, name: str, version: int) -> Template:
        """Puts an older version in force again, as a new version. Raises UnknownTemplate."""
        for entry in self.versions(name):
            if entry.version == version:
                return self.save(name, entry.yaml, f"rolled back to version {version}")
        there = ", ".join(str(entry.version) for entry in self.versions(name))
        raise UnknownTemplate(f"The template '{name}' has no version {version}; it has {there}.")

    def render(
        self,
        template: Template,
        question: str,
        history: Sequence[Turn],
        passages: Sequence[Passage],
        company: str,
    ) -> tuple[Turn, ...]:
        """The messages exactly as the model gets them; braces and control tokens in the values are plain text."""
        prompt = chat_prompt(template, with_context=bool(passages), with_history=bool(history))
        messages = prompt.format_messages(**prompt_values(question, history, passages, company))
        return tuple(Turn(ROLES[message.type], str(message.content)) for message in messages)

    def _read(self, name: str) -> _Reading | None:
        """The file as it is now: from memory when its bytes are the ones last seen. None without a file."""
        content = self._content(name)
        if content is None:
            return None
        known = self._readings.get(name)
        if known and known.content == content:
            return known
        with self._writing(name):
            return self._read_locked(name)

    def _read_locked(self, name: str) -> _Reading | None:
        content = self._content(name)
        if content is None:
            return None
        reading = self._judge(name, content)
        if reading.problem:
            log.warning("%s", reading.problem)
        self._readings[name] = reading
        return reading

    def _judge(self, name: str, content: bytes) -> _Reading:
        """Checks a file's bytes and records them if they are a change made outside `save`."""
        earlier = self.history.read(name)
        try:
            text = _normal(content.decode())
            template = parse_template(name, text, version=earlier[-1].version if earlier else 1)
        except UnicodeDecodeError:
            problem = f"The template '{name}' is not UTF-8 text; save it as UTF-8."
            return _Reading(content, _last_good(name, earlier), problem)
        except InvalidTemplate as error:
            return _Reading(content, _last_good(name, earlier), str(error))
        if earlier and earlier[-1].yaml == text:
            return _Reading(content, template)
        note = "changed on disk" if earlier else "first seen on disk"
        version = self.history.append(name, text, note, template.hash)
        return _Reading(content, parse_template(name, text, version.version))

    def _content(self, name: str) -> bytes | None:
        if not NAME.fullmatch(name):
            return None
        try:
            return self._file(name).read_bytes()
        except (FileNotFoundError, IsADirectoryError):
            return None

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.yaml"

    def _write_beside(self, name: str, text: str) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        handle, path = tempfile.mkstemp(prefix=f".{name}-", suffix=".tmp", dir=self.folder)
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        Path(path).chmod(0o644)  # mkstemp's own mode would hide the file from other users of the team
        return Path(path)

    @contextmanager
    def _writing(self, name: str) -> Iterator[None]:
        try:
            with self.history.locked():
                yield
        except OSError as error:
            raise TemplateError(
                f"The template '{name}' cannot be stored ({error.strerror or error}: {error.filename}); "
                "mend the folder's permissions or free some space."
            ) from error


def chat_prompt(template: Template, with_context: bool, with_history: bool = True) -> ChatPromptTemplate:
    """The template for LangChain; its input is `prompt_values`. Without context or history, their paragraphs go."""
    from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder

    absent = {name for name, there in (("context", with_context), ("history", with_history)) if not there}
    messages: list[Any] = []
    for turn in template.messages:
        if turn == HISTORY:
            messages.append(MessagesPlaceholder("turns"))
            continue
        kept = [block for block in paragraphs(turn.text) if not absent & set(variables_of(block))]
        if kept:
            messages.append((LANGCHAIN_ROLES[turn.role], "\n\n".join(kept)))
    return ChatPromptTemplate.from_messages(messages)


def prompt_values(question: str, history: Sequence[Turn], passages: Sequence[Passage], company: str) -> dict[str, Any]:
    """What a `chat_prompt` is filled with: `turns` are the past turns as messages, `history` the same as text."""
    speaker = {"user": "Customer", "assistant": "Agent", "system": "System"}
    turns = [(turn.role, without_control_tokens(turn.text)) for turn in history]
    context = "\n\n".join(f"[{n}] {p.title}\n{p.text}" for n, p in enumerate(passages, start=1))
    return {
        "question": without_control_tokens(question),
        "company": company,
        "context": without_control_tokens(context),
        "history": "\n".join(f"{speaker[role]}: {text}" for role, text in turns),
        "turns": turns,
    }


def _last_good(name: str, versions: Sequence[TemplateVersion]) -> Template | None:
    for entry in reversed(versions):
        try:
            return parse_template(name, entry.yaml, entry.version)
        except InvalidTemplate:
            continue
    return None


def _normal(text: str) -> str:
    """The text as editors agree on it: no byte order mark, line feeds only."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n")
