"""The indexed passages on disk: a Chroma collection with their vectors, and the converted documents beside it."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import DocumentError
from core.types import Passage, new_id

if TYPE_CHECKING:
    from chromadb.api.collection_configuration import CreateHNSWConfiguration
    from langchain_chroma import Chroma

COLLECTION = "passages"
# Help centres have thousands of passages, not millions: a denser graph than Chroma's default (16 neighbours,
# 100 candidates) costs little here and finds practically what an exhaustive comparison finds.
HNSW: CreateHNSWConfiguration = {
    "space": "cosine",
    "max_neighbors": 32,
    "ef_construction": 200,
    "ef_search": 200,
}
BATCH = 1000  # below Chroma's limit for one call


@dataclass(frozen=True)
class StoredFile:
    """What is known of an indexed file. `complete` is False when writing it was interrupted."""

    source: str
    root: str
    content: str
    passage_ids: frozenset[str]
    complete: bool


class PassageStore:
    """Opened with the first use. One writer at a time (`writing`), any number of readers; one object a process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._client: Any = None
        self._opened: Chroma | None = None
        self._opened_at = ""

    @property
    def stamp(self) -> str:
        """Changes after every `writing`, also another process's; empty before the first."""
        try:
            return (self.folder / "stamp").read_text(encoding="ascii")
        except FileNotFoundError:
            return ""

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Keeps other threads and processes from writing, and tells readers afterwards that something changed."""
        from chromadb.errors import ChromaError
        from filelock import FileLock

        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder / ".lock"):
                with self._lock:
                    self._opened = None  # a killed writer leaves no stamp: never write on top of an old state
                    self._fresh()
                try:
                    yield
                finally:
                    with self._lock:
                        self._opened_at = self._new_stamp()
        except (OSError, ChromaError) as error:
            raise DocumentError(f"The index in {self.folder} cannot be written: {error}.") from error

    def _new_stamp(self) -> str:
        stamp, new = new_id(), self.folder / "stamp.new"
        new.write_text(stamp, encoding="ascii")
        new.replace(self.folder / "stamp")
        return stamp

    def read(self) -> tuple[list[Passage], dict[str, StoredFile]]:
        """All passages, by source and place, and the files they come from."""
        if not (self.folder / "chroma").exists():
            return [], {}
        with self._lock:
            stored = self._fresh().get(include=["documents", "metadatas"])
        rows = sorted(
            zip(stored["ids"], stored["documents"], stored["metadatas"], strict=True),
            key=lambda row: (row[2]["source"], row[2]["start"]),
        )
        passages: list[Passage] = []
        by_source: dict[str, list[tuple[str, dict[str, Any]]]] = {}
        for identity, text, meta in rows:
            title = meta["title"]
            passages.append(Passage(identity, meta["source"], title, text[len(title) + 1 :], start=meta["start"]))
            by_source.setdefault(meta["source"], []).append((identity, meta))
        return passages, {source: _stored_file(source, rows) for source, rows in by_source.items()}

    def nearest(self, text: str, n: int) -> list[str]:
        """The identifiers of the n passages nearest in meaning, best first."""
        from backends.embedding import MiniLM

        vector = MiniLM().embed_query(text)
        with self._lock:
            return [str(found.id) for found in self._fresh().similarity_search_by_vector(vector, k=n)]

    def put(
        self,
        source: str,
        root: str,
        content: str,
        text: str,
        passages: Sequence[Passage],
        old: StoredFile | None,
    ) -> None:
        """Stores a document in place of `old`. The new is complete before the old goes: a crash loses nothing."""
        path = self._text_path(source, content)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
        chroma = self._fresh()
        for first in range(0, len(passages), BATCH):
            batch = passages[first : first + BATCH]
            chroma.add_texts(
                # The title is part of what is searched: it often holds the very word of the question.
                [f"{p.title}\n{p.text}" for p in batch],
                [
                    {
                        "source": source,
                        "root": root,
                        "title": p.title,
                        "start": p.start,
                        "content": content,
                        "count": len(passages),
                    }
                    for p in batch
                ],
                [p.id for p in batch],
            )
        if old:
            self._delete(old.passage_ids - {p.id for p in passages})
            if old.content != content:
                self._text_path(source, old.content).unlink(missing_ok=True)

    def move(self, file: StoredFile, root: str) -> None:
        """Notes that an unchanged file is now found in another folder."""
        collection = self._client.get_collection(COLLECTION, embedding_function=None)
        ids = sorted(file.passage_ids)
        for first in range(0, len(ids), BATCH):
            batch = ids[first : first + BATCH]
            collection.update(batch, metadatas=[{"root": root}] * len(batch))

    def remove(self, file: StoredFile) -> None:
        self._delete(file.passage_ids)
        self._text_path(file.source, file.content).unlink(missing_ok=True)

    def text(self, file: StoredFile) -> str:
        """The converted text of a document. Raises FileNotFoundError."""
        return self._text_path(file.source, file.content).read_bytes().decode()

    def _delete(self, ids: frozenset[str]) -> None:
        ordered = sorted(ids)
        for first in range(0, len(ordered), BATCH):
            self._fresh().delete(ordered[first : first + BATCH])

    def _text_path(self, source: str, content: str) -> Path:
        name = hashlib.sha256(source.encode()).hexdigest()[:16]
        return self.folder / "documents" / f"{name}-{content}.md"

    def _fresh(self) -> Chroma:
        """The collection, opened anew when another process has written: Chroma itself would go on searching the
        vectors it holds in memory (chroma-core/chroma#3792). Readers and `writing` hold `_lock` for this; while
        we write, no other process does, so that single writes need not.
        """
        if self._opened is None or self._opened_at != self.stamp:
            if self._client is not None:
                self._client.close()
            stamp, self._opened = self.stamp, None
            self._opened, self._opened_at = self._open(), stamp
        return self._opened

    def _open(self) -> Chroma:
        import chromadb
        from langchain_chroma import Chroma

        from backends.embedding import MiniLM

        try:
            self._client = chromadb.PersistentClient(
                str(self.folder / "chroma"), chromadb.Settings(anonymized_telemetry=False)
            )
            return Chroma(COLLECTION, MiniLM(), client=self._client, collection_configuration={"hnsw": HNSW})
        except Exception as error:  # Chroma raises its own, SQLite's and the system's types here
            raise DocumentError(
                f"The index in {self.folder} cannot be opened ({type(error).__name__}: {error}); "
                "remove that folder and index the documents again."
            ) from error


def _stored_file(source: str, rows: Sequence[tuple[str, dict[str, Any]]]) -> StoredFile:
    newest = rows[-1][1]
    return StoredFile(
        source=source,
        root=newest["root"],
        content=newest["content"],
        passage_ids=frozenset(identity for identity, _ in rows),
        complete=len({meta["content"] for _, meta in rows}) == 1 and len(rows) == newest["count"],
    )
