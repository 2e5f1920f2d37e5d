"""The records of personal data: whose conversations are to go, what went, and what the store must be able to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from core.types import Chat, now


@dataclass(frozen=True)
class Whose:
    """Which conversations: a visitor's, one chat, or those whose last message came before a moment. One is given."""

    visitor: str = ""
    chat_id: str = ""
    before: datetime | None = None


@dataclass(frozen=True)
class AuditLine:
    """That data was removed: `who` did it and `counts` says how much of what. Holds nothing of what was removed."""

    who: str
    what: str
    counts: Mapping[str, int]
    at: datetime = field(default_factory=now)


class PrivacyStore(Protocol):
    """Removes conversations for good and counts what was replaced. Every call may come from any thread and process."""

    def count(self, kinds: Mapping[str, int]) -> None:
        """Adds to how many pieces of each kind of personal data were replaced before they were stored."""
        ...

    def counts(self) -> dict[str, int]:
        """How many there were so far, the most frequent kind first."""
        ...

    def chats(self, whose: Whose) -> list[Chat]:
        """Oldest first, also those without a question."""
        ...

    def has_rated(self, visitor: str) -> bool: ...

    def remove(self, whose: Whose, who: str, what: str, also: Mapping[str, int] | None = None) -> AuditLine:
        """Removes chats with all that was said, voted and remarked in them, and writes the audit line in the same
        transaction; `also` adds to its counts. A visitor's judgements of what others keep stay as figures: without
        their comments and under another name that leads nowhere. Nothing to remove leaves no line.
        """
        ...

    def scrub(self) -> None:
        """Overwrites what the database file still holds of removed rows. Raises StoreError while others prevent it."""
        ...

    def audit(self) -> list[AuditLine]:
        """Newest first."""
        ...
