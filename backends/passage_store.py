"""The indexed passages: a Chroma collection with their vectors, and the converted documents in a folder beside it."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from backends.index_place import COLLECTION, Place
from core.errors import DocumentError, DuodeskError
from core.types import Passage

if TYPE_CHECKING:
    from chromadb.api.collection_configuration import CreateHNSWConfiguration
    from langchain_chroma import Chroma
    from langchain_core.embeddings import Embeddings

# Help centres have thousands of passages, not millions: a denser graph than Chroma's default (16 neighbours,
# 100 candidates) costs little here and finds practically what an exhaustive comparison finds.
HNSW: CreateHNSWConfiguration = {
    "space": "cosine",
    "max_neighbors": 32,
    "ef_construction": 200,
    "ef_search": 200,
}
# Chroma keeps Python's global lock while it works, so that the whole process stands still for one call: some tens of
# milliseconds for so many passages. It also refuses to read more than some ten thousand at once.
READ = 500
WRITTEN = 32
REPORTED = 256  # passages between two reports of progress


@dataclass(frozen=True)
class StoredFile:
    """What is known of an indexed file. `complete` is False when writing it was interrupted."""

    source: str
    root: str
    content: str
    passage_ids: frozenset[str]
    complete: bool


class Stored(NamedTuple):
    """All that is stored: the passages by source and place, and the files they come from, by source."""

    passages: list[Passage]
    files: dict[str, StoredFile]


class PassageStore:
    """Opened with the first use. One writer at a time (`writing`), any number of readers; one object a process.

    `folder` holds the converted documents and the writers' lock, whatever the `place` of the passages. `embedding`
    gives the vectors: MiniLM by default, loaded with its first use. It must always be the same for one index, and safe
    for threads.
    """

    def __init__(self, folder: Path, place: Place, embedding: Embeddings | None = None) -> None:
        self.folder = folder
        self.place = place
        self._given = embedding
        self._lock = threading.Lock()
        self._opened: Chroma | None = None
        self._collection: Any = None
        self._opened_at = ""
        self._known: dict[bytes, str] = {}  # while writing: digests of the passages' texts -> their identifiers

    @property
    def stamp(self) -> str:
        """Changes after every `writing`, also another process's; empty before the first. Raises DocumentError."""
        return self.place.stamp

    @contextmanager
    def writing(self) -> Iterator[Stored]:
        """Keeps other threads and processes from writing, and tells readers afterwards that something changed.

        Yields what is stored at the beginning. Raises DocumentError.
        """
        from filelock import FileLock

        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder / ".lock"), self._asking():
                with self._lock:
                    self._opened = None  # a killed writer leaves no stamp: never write on top of an old state
                    self._fresh()
                stored = self.read()
                self._known = {_digest(searched_text(passage)): passage.id for passage in stored.passages}
                try:
                    yield stored
                finally:
                    self._known = {}
                    with self._lock:
                        self._opened_at = self.place.renew_stamp()
        except OSError as error:
            raise DocumentError(f"The index in {self.folder} cannot be written: {error}.") from error

    def read(self) -> Stored:
        """Everything, as it is now."""
        if self.place.empty:
            return Stored([], {})
        rows = sorted(self._rows(), key=lambda row: (row[2]["source"], row[2]["start"]))
        passages: list[Passage] = []
        by_source: dict[str, list[tuple[str, dict[str, Any]]]] = {}
        for identity, text, meta in rows:
            title = meta["title"]
            passages.append(Passage(identity, meta["source"], title, text[len(title) + 1 :], start=meta["start"]))
            by_source.setdefault(meta["source"], []).append((identity, meta))
        return Stored(passages, {source: _stored_file(source, rows) for source, rows in by_source.items()})

    def _rows(self) -> list[tuple[str, str, dict[str, Any]]]:
        """Identifier, text and metadata of all passages, page by page, so that searches come in between."""
        rows: dict[str, tuple[str, str, dict[str, Any]]] = {}
        offset = 0
        while True:
            with self._lock, self._asking():
                page = self._fresh().get(include=["documents", "metadatas"], limit=READ, offset=offset)
            for row in zip(page["ids"], page["documents"], page["metadatas"], strict=True):
                rows[row[0]] = row
            if len(page["ids"]) < READ:
                return list(rows.values())
            offset += READ

    def nearest(self, text: str, n: int) -> list[str]:
        """The identifiers of the n passages nearest in meaning, best first."""
        vector = self._embedding.embed_query(text)
        with self._lock, self._asking():
            self._fresh()
            found = self._collection.query(query_embeddings=[vector], n_results=n, include=[])
        return [str(identity) for identity in found["ids"][0]]

    def put(
        self,
        source: str,
        root: str,
        content: str,
        text: str,
        passages: Sequence[Passage],
        old: StoredFile | None,
        progress: Callable[[int, int], None],
    ) -> None:
        """Stores a document in place of `old`. The new is complete before the old goes: a crash loses nothing.

        Only passages whose text has no vector yet are embedded. In between, `progress` gets the number of
        passages stored and that of all.
        """
        path = self._text_path(source, content)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
        chroma = self._fresh()
        ordered = sorted(passages, key=lambda p: len(p.title) + len(p.text))  # like lengths are embedded together
        for first in range(0, len(ordered), WRITTEN):
            if first and first % REPORTED == 0:
                progress(first, len(ordered))
            batch = ordered[first : first + WRITTEN]
            texts = [searched_text(passage) for passage in batch]
            chroma.add_texts(
                texts,
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
            self._known.update((_digest(text), p.id) for text, p in zip(texts, batch, strict=True))
        if old:
            self._delete(old.passage_ids - {p.id for p in passages})
            self._drop_texts(source, but=path)  # looks through the folder: never for a document that is new

    def move(self, file: StoredFile, root: str) -> None:
        """Notes that an unchanged file is now found in another folder."""
        ids = sorted(file.passage_ids)
        for first in range(0, len(ids), WRITTEN):
            batch = ids[first : first + WRITTEN]
            self._collection.update(batch, metadatas=[{"root": root}] * len(batch))

    def remove(self, file: StoredFile) -> None:
        self._delete(file.passage_ids)
        self._drop_texts(file.source)

    def text(self, file: StoredFile) -> str:
        """The converted text of a document. Raises FileNotFoundError."""
        return self._text_path(file.source, file.content).read_bytes().decode()

    def _delete(self, ids: frozenset[str]) -> None:
        ordered = sorted(ids)
        for first in range(0, len(ordered), WRITTEN):
            self._fresh().delete(ordered[first : first + WRITTEN])

    def _stored_vectors(self, texts: Sequence[str]) -> dict[str, Sequence[float]]:
        """The vectors of those texts that are in the index, by text."""
        wanted = {known: text for text in texts if (known := self._known.get(_digest(text)))}
        if not wanted:
            return {}
        found = self._collection.get(list(wanted), include=["embeddings"])
        return {wanted[identity]: vector for identity, vector in zip(found["ids"], found["embeddings"], strict=True)}

    @property
    def _embedding(self) -> Embeddings:
        if self._given is None:
            from backends.embedding import MiniLM

            self._given = MiniLM()
        return self._given

    def _text_path(self, source: str, content: str) -> Path:
        """`content` may be '*', for a pattern."""
        name = hashlib.sha256(source.encode()).hexdigest()[:16]
        return self.folder / "documents" / f"{name}-{content}.md"

    def _drop_texts(self, source: str, but: Path | None = None) -> None:
        """All of a document's texts; one that was replaced with interruptions has left several."""
        pattern = self._text_path(source, "*")
        for path in pattern.parent.glob(pattern.name):
            if path != but:
                path.unlink(missing_ok=True)

    def _fresh(self) -> Chroma:
        """The collection, opened anew when another process has written, see `Place.connect`. Readers and `writing` hold
        `_lock` for this; while we write, no other process does, so that single writes need not.
        """
        if self._opened is None or self._opened_at != self.stamp:
            stamp, self._opened = self.stamp, None
            self._opened, self._opened_at = self._open(), stamp
        return self._opened

    def _open(self) -> Chroma:
        from langchain_chroma import Chroma

        from backends.vector_reuse import ReusingEmbeddings

        embedding = ReusingEmbeddings(self._embedding, self._stored_vectors)
        try:
            client = self.place.connect()
            opened = Chroma(COLLECTION, embedding, client=client, collection_configuration={"hnsw": HNSW})
            # For searches: LangChain would read every passage found, with all that is known of it.
            self._collection = client.get_collection(COLLECTION, embedding_function=None)
            return opened
        except DuodeskError:
            raise
        except Exception as error:  # Chroma raises its own, SQLite's and the system's types here
            raise self.place.failed(error) from error

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Around what asks Chroma. Raises DocumentError; the next one opens the collection anew."""
        import httpx
        from chromadb.errors import ChromaError

        try:
            yield
        except (ChromaError, httpx.TransportError) as error:
            self._opened = None
            raise self.place.failed(error) from error


def searched_text(passage: Passage) -> str:
    """What is embedded and searched of a passage. The title is part of it: it often holds the question's very word."""
    return f"{passage.title}\n{passage.text}"


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def _stored_file(source: str, rows: Sequence[tuple[str, dict[str, Any]]]) -> StoredFile:
    last = rows[-1][1]  # of one whose replacement was interrupted it may be old or new
    return StoredFile(
        source=source,
        root=last["root"],
        content=last["content"],
        passage_ids=frozenset(identity for identity, _ in rows),
        complete=len({meta["content"] for _, meta in rows}) == 1 and len(rows) == last["count"],
    )
