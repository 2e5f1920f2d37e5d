"""Which arm answers on the Chat page: the one that somebody chose there, or the one that a split has drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr

from app.widgets import ARM_LABELS, account_of, owner, say, spec
from core.errors import DuodeskError
from core.parts import Parts
from core.splits import Drawn, Split, drawn_for
from core.types import SPLIT, ArmSpec, Exchange


class DrawnArm:
    """A chat that a split has drawn an arm for keeps it to its end. While one runs, accounts of visitors have no
    choice; others may still choose, and what they choose does not count for the split."""

    def __init__(self, parts: Parts) -> None:
        self.splits = parts.splits
        self.store = parts.store

    def choices(self) -> Any:
        """The arms to choose from; while a split runs also the one that is drawn, which is then what is chosen."""
        running = self._running()
        if running is None:
            return gr.Dropdown()
        drawn = (f"split “{running.plan.name}”: an arm is drawn", SPLIT)
        return gr.Dropdown(choices=[drawn, *((label, name) for name, label in ARM_LABELS.items())], value=SPLIT)

    def may_choose(self, exchanges: Sequence[Exchange], request: gr.Request) -> bool:
        """Whether there is an arm to choose in a chat with these exchanges."""
        if exchanges and exchanges[0].chat.split:
            return False
        return not (_is_visitor(request) and self._running())

    def drawn(self, chat_id: str, name: str, request: gr.Request) -> Drawn | None:
        """For this chat when it opened, or now for a new one; None: the arm is chosen. Raises UnknownChat."""
        if chat_id:
            return drawn_for(self.store.chat(chat_id))
        return self.splits.draw(owner(request)) if name == SPLIT or _is_visitor(request) else None

    def answers(self, drawn: Drawn | None, name: str, template: str, adapter: str) -> ArmSpec:
        """The arm that answers. Who asks for one that is drawn while nothing is, gets the usual one."""
        if drawn:
            return drawn.spec
        usual = self.splits.usual() if name == SPLIT else None
        return usual or spec(name, template, adapter)

    def _running(self) -> Split | None:
        try:
            return self.splits.running()
        except DuodeskError as error:
            say(error)
            return None


def _is_visitor(request: gr.Request) -> bool:
    account = account_of(request)
    return account is not None and account.role == "visitor"
