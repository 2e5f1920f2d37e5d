"""Removing people's data: when its time is over, or when they ask for it; wherever it is, for good, with an audit line.

What cannot be removed is named: an adapter that has learnt from it, a document that quotes it, backups.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from core.derived_files import Traces, remove_lines
from core.errors import UnknownVisitor
from core.privacy import AuditLine, Whose
from core.protocols import Retriever, Store
from core.studies import Studies
from core.training import Training
from core.types import Exchange, TranscriptFilter, now


@dataclass(frozen=True)
class Forgotten:
    """What was removed, and what a person has to do still: `adapters` were trained on removed lines, `documents` of the
    index quote what was said. `others` are chats of the same visitor that are still there."""

    line: AuditLine
    files: Mapping[Path, int]
    adapters: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    visitor: str = ""
    others: int = 0

    def sentences(self) -> list[str]:
        """For people to read."""
        counts = ", ".join(f"{count:,} {name}" for name, count in self.line.counts.items())
        told = [f"Removed: {counts}." if counts else "There was nothing to remove."]
        told += [f"{count:,} lines removed from {file}." for file, count in self.files.items()]
        if self.adapters:
            names = ", ".join(f"'{name}'" for name in self.adapters)
            told.append(f"Trained on what was removed: {names}; train such an adapter anew, or it may repeat some.")
        if self.documents:
            told.append(f"Still in the index, since documents quote it: {', '.join(self.documents)}; mend these.")
        if self.others:
            told.append(
                f"The same visitor, {self.visitor}, has {self.others:,} more chats; that name removes them all."
            )
        return told


class Forgetting:
    """Removes conversations and what was made from them. `folders` hold exports; those of runs are among them."""

    def __init__(self, store: Store, folders: Sequence[Path], training: Training, retriever: Retriever) -> None:
        self.store = store
        self.folders = folders
        self.training = training
        self.retriever = retriever

    def visitor_of(self, chat_id: str) -> tuple[str, int]:
        """Whose chat it is and how many chats they have. Raises UnknownChat."""
        visitor = self.store.chat(chat_id).owner
        return visitor, len(self.store.privacy.chats(Whose(visitor=visitor)))

    def forget(self, name: str, who: str) -> Forgotten:
        """Removes the chat, or all of the visitor, that bears this name; `who` did it. Raises UnknownVisitor."""
        privacy = self.store.privacy
        found = privacy.chats(Whose(chat_id=name)) if name else []
        if found:
            done = self._remove(Whose(chat_id=name), who, "a chat")
            visitor = found[0].owner
            return replace(done, visitor=visitor, others=len(privacy.chats(Whose(visitor=visitor))))
        if not name or not (privacy.chats(Whose(visitor=name)) or privacy.has_rated(name)):
            raise UnknownVisitor(
                f"There is no visitor and no chat '{name}'; a chat's identifier stands in its address and in exports."
            )
        return self._remove(Whose(visitor=name), who, "a visitor")

    def purge(self, days: int, who: str, studies: Studies | None = None) -> Forgotten:
        """Removes chats whose last message is older than so many days, and those of the `studies` that are as old and
        that nobody runs now."""
        before = now() - timedelta(days=days)
        removed = _remove_old(studies, before) if studies else 0
        return self._remove(Whose(before=before), who, f"older than {days} days", {"studies": removed})

    def _remove(self, whose: Whose, who: str, what: str, also: Mapping[str, int] | None = None) -> Forgotten:
        """Files come first: were this cut off behind the database, nobody would know any more what to look for."""
        privacy = self.store.privacy
        chats = privacy.chats(whose)
        traces = Traces(exchange for chat in chats for exchange in self._of_chat(chat.id))
        files = remove_lines(self.folders, traces) if chats else {}
        line = privacy.remove(whose, who, what, {**(also or {}), "lines of files": sum(files.values())})
        if line.counts:
            privacy.scrub()
        return Forgotten(line, files, self._adapters(files), self._documents(traces) if chats else ())

    def _of_chat(self, chat_id: str) -> list[Exchange]:
        return self.store.search(TranscriptFilter(chat_id=chat_id))

    def _adapters(self, files: Mapping[Path, int]) -> tuple[str, ...]:
        changed = {file.parent.name for file in files}
        runs = self.training.runs() if changed else []
        return tuple(sorted({run.plan.adapter for run in runs if run.id in changed and run.plan.adapter}))

    def _documents(self, traces: Traces) -> tuple[str, ...]:
        sources = (source for source, _ in self.retriever.documents())
        return tuple(source for source in sources if traces.in_text(self.retriever.document(source)))


def _remove_old(studies: Studies, before: datetime) -> int:
    old = [view.study for view in studies.views() if view.study.created_at < before and view.study.status != "running"]
    for study in old:
        studies.remove(study.id)
    return len(old)
