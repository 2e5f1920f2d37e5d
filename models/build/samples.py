"""A generated conversation, with what a right answer must contain."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Sample:
    """A conversation; `required` holds, for each assistant message, the values it must contain.

    `last_only` says that only the last answer may be learnt from, since the passages of earlier ones are gone.
    `kinds` says for each assistant message: answer, decline, chat or copy.
    """

    messages: list[dict[str, str]] = field(default_factory=list)
    required: list[list[str]] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    last_only: bool = False

    def add(self, role: str, content: str) -> None:
        """Append a message of the system or the user."""
        self.messages.append({"role": role, "content": content})

    def reply(self, content: str, kind: str, required: list[str]) -> None:
        """Append an assistant message with what it must contain."""
        self.add("assistant", content)
        self.kinds.append(kind)
        self.required.append(required)


def sentence(text: str) -> str:
    """The text with a capital at its beginning and a stop at its end."""
    text = text.strip()
    return text[:1].upper() + text[1:].rstrip(":") + ("" if text.endswith((".", "?", "!")) else ".")
