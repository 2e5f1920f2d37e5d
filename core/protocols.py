"""What the rooms promise each other: each protocol is implemented in one room and used in others."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from pathlib import Path
from typing import Protocol

from core.api_keys import ApiKeyStore
from core.privacy import PrivacyStore
from core.splits import SplitStore
from core.studies import StudyStore
from core.types import (
    Answer,
    ArmSpec,
    Chat,
    ChatKind,
    Decoding,
    Draft,
    Exchange,
    IndexReport,
    Lane,
    Pair,
    Passage,
    Piece,
    Question,
    Queue,
    Template,
    TemplateVersion,
    Thumb,
    TranscriptFilter,
    Turn,
    Vote,
)


class Retriever(Protocol):
    """Finds passages. `version` changes whenever what can be found changes."""

    @property
    def version(self) -> str: ...

    @property
    def state(self) -> str:
        """'ready' or 'indexing 12 of 50 (256 of 9,000 passages)', for people to read."""
        ...

    def search(self, text: str, k: int) -> list[Passage]:
        """At most k passages, best first. While the very first documents are being indexed, waits for them."""
        ...

    def document(self, source: str) -> str:
        """The converted text of a whole document. Raises UnknownDocument."""
        ...

    def documents(self) -> list[tuple[str, int]]:
        """Each document's source with its number of passages."""
        ...

    def index(self, paths: Iterable[Path], progress: Callable[[int, int, str], None] | None = None) -> IndexReport:
        """Makes files and folders findable. Unchanged files cost nothing.

        `progress` gets files done, files in all and a name, after each file and now and then within a long one.
        """
        ...


class Templates(Protocol):
    """The prompt templates in force, their versions, and the only way to change them."""

    def names(self) -> list[str]: ...

    def get(self, name: str) -> Template:
        """The template as it stands on disk now. Raises UnknownTemplate; a broken file yields its last good version."""
        ...

    def problem(self, name: str) -> str:
        """Why the file on disk is not in force, in one sentence; empty when it is."""
        ...

    def check(self, name: str, yaml: str) -> Template:
        """The template that this text would become. Raises InvalidTemplate; stores nothing."""
        ...

    def save(self, name: str, yaml: str, note: str) -> Template:
        """Checks, writes the file and records a new version. Raises InvalidTemplate; then nothing has changed."""
        ...

    def versions(self, name: str) -> list[TemplateVersion]:
        """Newest first."""
        ...

    def roll_back(self, name: str, version: int) -> Template:
        """Puts an older version in force again, as a new version. Raises UnknownTemplate."""
        ...

    def render(
        self,
        template: Template,
        question: str,
        history: Sequence[Turn],
        passages: Sequence[Passage],
        company: str,
    ) -> tuple[Turn, ...]:
        """The messages exactly as the model gets them."""
        ...


class Model(Protocol):
    """A base model with its adapters. Adapters are named by their folder; None is the base weights alone."""

    @property
    def name(self) -> str: ...

    @property
    def hash(self) -> str: ...

    @property
    def state(self) -> str:
        """'not loaded', 'loading', 'ready' or 'failed: …', for people to read."""
        ...

    @property
    def queue(self) -> Queue: ...

    def load(self) -> None:
        """Loads the weights unless they are there. Raises ModelError."""
        ...

    def adapters(self) -> list[str]: ...

    def adapter_hash(self, adapter: str) -> str:
        """Raises UnknownAdapter, AdapterMismatch."""
        ...

    def stream(
        self, messages: Sequence[Turn], decoding: Decoding, adapter: str | None = None
    ) -> Generator[Piece, None, None]:
        """Yields text as it is generated; closing the iterator stops the generation.

        Any number of threads may stream at once: what runs together shares its steps, so that there is no other way
        to ask for many answers.
        """
        ...


class Backend(Protocol):
    """Makes answers: one pipeline for all four arms."""

    def draft(self, question: Question, spec: ArmSpec, decoding: Decoding | None = None) -> Draft:
        """Retrieves and renders; generation starts with the first piece taken. `decoding` takes the place of the
        template's own. Raises DuodeskError."""
        ...


class Store(Protocol):
    """What was said and how it was rated. Every call is one transaction and may come from any thread."""

    @property
    def studies(self) -> StudyStore: ...

    @property
    def splits(self) -> SplitStore: ...

    @property
    def privacy(self) -> PrivacyStore: ...

    @property
    def api_keys(self) -> ApiKeyStore: ...

    def add_chat(self, chat: Chat) -> None: ...

    def chat(self, chat_id: str) -> Chat:
        """Raises UnknownChat."""
        ...

    def chats(self, owner: str, kinds: Sequence[ChatKind] = ("chat",), limit: int = 50) -> list[Chat]:
        """An owner's chats that hold at least one question, newest first."""
        ...

    def rename_chat(self, chat_id: str, title: str) -> None: ...

    def lock_chat(self, chat_id: str) -> None: ...

    def add_question(self, question: Question) -> Question:
        """Keeps id, chat, text and moment; a history is derived from the chat. Returns the question as it is on
        record: personal data may have been replaced. Raises UnknownChat."""
        ...

    def continue_chat(self, question: Question) -> bool:
        """Adds a question if its chat holds exactly the question's history and nothing in it waits for an answer.

        Of two callers that continue the same chat at once, only one gets True."""
        ...

    def withdraw(self, question_id: str) -> None:
        """Takes a question out of its chat's history; it stays on record."""
        ...

    def add_answer(self, answer: Answer) -> None: ...

    def exchanges(self, chat_id: str) -> list[Exchange]:
        """The exchanges of a chat that are not withdrawn, oldest first."""
        ...

    def history(self, chat_id: str, lane: Lane = "a", before: str = "") -> tuple[Turn, ...]:
        """The conversation of one lane, up to the question `before` if given; an answer without text
        leaves its question out too."""
        ...

    def add_pair(self, pair: Pair) -> None: ...

    def add_vote(self, vote: Vote) -> None:
        """Raises AlreadyVoted when this rater has voted on this pair."""
        ...

    def set_thumb(self, thumb: Thumb) -> None: ...

    def search(self, wanted: TranscriptFilter, offset: int = 0, limit: int | None = None) -> list[Exchange]:
        """Newest first, withdrawn ones included."""
        ...

    def count(self, wanted: TranscriptFilter) -> int: ...

    def close(self) -> None: ...
