"""The index as a part of a backup: its documents and their passages. Their vectors are computed anew."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from backends.passage_store import PassageStore, Stored, StoredFile
from core.backups import Info, Source, Target, Tell
from core.errors import BackupError, DocumentError
from core.types import Passage

MEMBER = "index/documents.jsonl"
CONTENT = re.compile(r"[0-9a-z-]*")  # becomes part of a file's name


class IndexBackup:
    """Implements core.backups.Part over an index, wherever its passages are."""

    name = "index"

    def __init__(self, store: PassageStore) -> None:
        self._store = store

    def save(self, target: Target, tell: Tell) -> Info:
        """Waits for the end of an indexing that is under way: between two of its steps no document is whole."""
        from filelock import FileLock

        if not self._store.stamp:
            return {"documents": 0, "passages": 0}
        tell("index: waiting until nobody writes it")
        with FileLock(self._store.folder / ".lock"), target.member(MEMBER) as file:
            stored = self._store.read()
            for source, passages in _by_source(stored.passages).items():
                document = _document(self._store, stored.files[source], passages)
                file.write((json.dumps(document, ensure_ascii=False) + "\n").encode())
        return {"documents": len(stored.files), "passages": len(stored.passages)}

    def check(self, source: Source, info: Info) -> None:
        foreign = BackupError("The backup holds an index that no Duodesk has; do not use it.")
        if set(source.names(self.name)) - {"documents.jsonl"}:
            raise foreign
        try:
            sound = all(CONTENT.fullmatch(document["content"]) and _passages(document) for document in _all(source))
        except (KeyError, TypeError, AttributeError):
            sound = False
        if not sound:
            raise foreign

    def in_the_way(self, source: Source) -> Sequence[str]:
        """Documents that the backup does not hold, or not as they are."""
        stored = self._stored()
        saved = {document["source"]: _ids(document) for document in _all(source)}
        lost = [file.source for file in stored.files.values() if saved.get(file.source) != file.passage_ids]
        return [f"{len(lost):,} other documents in the index"] if lost else []

    def restore(self, source: Source, info: Info, tell: Tell) -> Sequence[str]:
        """The index then finds what the saved one found, and nothing else."""
        if not info.get("documents") and not self._store.stamp:
            return []
        with self._store.writing() as stored:
            left = dict(stored.files)
            for number, document in enumerate(_all(source), 1):
                old = left.pop(document["source"], None)
                if old is None or (old.passage_ids, old.content) != (_ids(document), document["content"]):
                    self._put(document, old)
                tell(f"index: {number:,} of {info.get('documents', 0):,} documents")
            for old in left.values():
                self._store.remove(old)
        return []

    def _stored(self) -> Stored:
        return self._store.read() if self._store.stamp else Stored([], {})

    def _put(self, document: dict[str, Any], old: StoredFile | None) -> None:
        source, root, content, text = (document[name] for name in ("source", "root", "content", "text"))
        self._store.put(source, root, content, text, _passages(document), old, lambda done, passages: None)


def _document(store: PassageStore, file: StoredFile, passages: Iterable[Passage]) -> dict[str, Any]:
    """One that was left half written is indexed again when it is next found: no file has its content hash."""
    saved = [{"id": one.id, "title": one.title, "text": one.text, "start": one.start} for one in passages]
    try:
        text = store.text(file)
    except FileNotFoundError as error:
        raise DocumentError(
            f"The text of '{file.source}' is gone from the index; index that document again."
        ) from error
    content = file.content if file.complete else ""
    return {"source": file.source, "root": file.root, "content": content, "text": text, "passages": saved}


def _all(source: Source) -> Iterator[dict[str, Any]]:
    return source.lines(MEMBER)


def _passages(document: dict[str, Any]) -> list[Passage]:
    return [Passage(source=document["source"], **passage) for passage in document["passages"]]


def _ids(document: dict[str, Any]) -> frozenset[str]:
    return frozenset(passage["id"] for passage in document["passages"])


def _by_source(passages: Iterable[Passage]) -> dict[str, list[Passage]]:
    found: dict[str, list[Passage]] = {}
    for passage in passages:
        found.setdefault(passage.source, []).append(passage)
    return found
