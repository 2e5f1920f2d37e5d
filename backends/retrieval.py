"""Hybrid search: dense vectors (meaning) and BM25 (words), fused by reciprocal rank."""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from backends.ingest import SourceFile, content_hash, convert, cut, find_files, read_bytes
from backends.keywords import KeywordIndex
from backends.passage_store import PassageStore, StoredFile
from core.errors import DocumentError, UnknownDocument
from core.types import IndexReport, Passage

RRF_K = 60  # Cormack, Clarke and Buettcher (2009): damps the weight of the very first ranks
CANDIDATES = 50  # from each of the two rankings


@dataclass(frozen=True)
class _Snapshot:
    """One state of the index, in memory; searches of one state never see half of the next."""

    stamp: str
    passages: dict[str, Passage]
    files: dict[str, StoredFile]

    @cached_property
    def version(self) -> str:
        return hashlib.sha256("\n".join(sorted(self.passages)).encode()).hexdigest()[:12]

    @cached_property
    def keywords(self) -> KeywordIndex:
        return KeywordIndex([f"{passage.title}\n{passage.text}" for passage in self.passages.values()])


class HybridRetriever:
    """Implements core.protocols.Retriever over an index in `folder`. Safe for threads; several processes may share it.

    Making one costs nothing: the index is opened with the first use, the embedding model with the first
    search. Raises DocumentError when the index cannot be opened, ModelNotFound without the embedding model.
    """

    def __init__(self, folder: Path, chunk_chars: int = 700) -> None:
        self.chunk_chars = chunk_chars
        self._store = PassageStore(folder)
        self._loading = threading.Lock()
        self._snapshot: _Snapshot | None = None
        self._progress = ""

    @property
    def state(self) -> str:
        """'ready' or 'indexing 12 of 50'."""
        return f"indexing {self._progress}" if self._progress else "ready"

    @property
    def version(self) -> str:
        """12 hexadecimal digits over all passages: identical content gives an identical version."""
        return self._current().version

    def search(self, text: str, k: int) -> list[Passage]:
        """At most k passages, best first; `score` is the sum of 1 / (60 + rank) over the two rankings.

        While the very first documents are being indexed it waits: an answer without them would be a wrong start.
        """
        while self._progress and not self._current().passages:
            time.sleep(0.1)
        state = self._current()
        text = text.encode("utf-8", "replace").decode()  # half a character would stop the tokenizer
        if k <= 0 or not text.strip() or not state.passages:
            return []
        n = max(CANDIDATES, k)
        ids = list(state.passages)
        by_words = [ids[row] for row in state.keywords.best(text, n)]
        by_meaning = [found for found in self._store.nearest(text, n) if found in state.passages]
        scores = fuse([by_meaning, by_words])
        return [dataclasses.replace(state.passages[i], score=score) for i, score in scores[:k]]

    def document(self, source: str) -> str:
        """The converted text of a whole document. Raises UnknownDocument."""
        try:
            return self._store.text(self._current().files[source])
        except (KeyError, FileNotFoundError) as error:
            near = difflib.get_close_matches(source, self._current().files, n=1)
            hint = f"did you mean '{near[0]}'?" if near else "index it first."
            raise UnknownDocument(f"There is no document '{source}' in the index; {hint}") from error

    def documents(self) -> list[tuple[str, int]]:
        """Every indexed document with its number of passages, in alphabetical order."""
        return [(source, len(file.passage_ids)) for source, file in sorted(self._current().files.items())]

    def index(self, paths: Iterable[Path], progress: Callable[[int, int, str], None] | None = None) -> IndexReport:
        """Brings documents in: files, and folders with all below them. `progress` gets (done, total, source).

        A document is known by its path below the folder given, or by its name when given alone. Unchanged ones
        cost nothing; changed ones are replaced; those gone from a folder given are removed. A file that cannot
        be read is reported and the others go on. Raises DocumentError only for the index itself.
        """
        paths = [Path(path) for path in paths]
        report = IndexReport()
        files = find_files(paths)
        with self._showing_progress(len(files)) as show:
            with self._store.writing():
                _, stored = self._store.read()
                seen: dict[str, Path] = {}
                for number, file in enumerate(files, start=1):
                    try:
                        _check_unseen(file, seen)
                        outcome = self._index_file(file, stored.get(file.source))
                        getattr(report, outcome).append(file.source)
                    except DocumentError as error:
                        report.failed.append((str(file.path), str(error)))
                    show(number)
                    if progress:
                        progress(number, len(files), file.source)
                roots = {str(path.resolve()) for path in paths if path.is_dir()}
                for source, old in stored.items():
                    if old.root in roots and source not in seen:
                        self._store.remove(old)
                        report.removed.append(source)
            self._current()  # loaded here, so that no search has to
        return report

    @contextmanager
    def _showing_progress(self, total: int) -> Iterator[Callable[[int], None]]:
        def show(done: int) -> None:
            self._progress = f"{done} of {total}"

        show(0)
        try:
            yield show
        finally:
            self._progress = ""

    def _index_file(self, file: SourceFile, old: StoredFile | None) -> str:
        """Indexes one file and names the list of the report it belongs to. Raises DocumentError."""
        raw = read_bytes(file.path)
        content = content_hash(raw, self.chunk_chars)
        if old and old.complete and old.content == content:
            if file.root not in ("", old.root):
                self._store.move(old, file.root)
            return "unchanged"
        document = convert(file.path, raw)
        passages = cut(file.source, document, self.chunk_chars)
        if not passages:
            raise DocumentError(f"'{file.path.name}' holds headings but no text; nothing of it was indexed.")
        self._store.put(file.source, file.root, content, document.text, passages, old)
        return "replaced" if old else "added"

    def _current(self) -> _Snapshot:
        """The state of the index now: from memory unless this or another process has written meanwhile."""
        stamp = self._store.stamp
        known = self._snapshot
        if known and known.stamp == stamp:
            return known
        with self._loading:
            known = self._snapshot
            stamp = self._store.stamp  # before reading: a change during it makes the next call read again
            if known is None or known.stamp != stamp:
                passages, files = self._store.read()
                known = _Snapshot(stamp, {passage.id: passage for passage in passages}, files)
                self._snapshot = known
            return known


def fuse(rankings: Sequence[Sequence[str]], k: int = RRF_K) -> list[tuple[str, float]]:
    """Reciprocal rank fusion: (identifier, score) of everything ranked, best first; rank 1 counts 1 / (k + 1)."""
    scores: dict[str, float] = {}
    for ranking in rankings:
        for rank, identifier in enumerate(ranking, start=1):
            scores[identifier] = scores.get(identifier, 0.0) + 1.0 / (k + rank)
    return sorted(scores.items(), key=lambda item: -item[1])


def _check_unseen(file: SourceFile, seen: dict[str, Path]) -> None:
    """Two files of one run with one name would replace each other. Raises DocumentError for the second."""
    first = seen.setdefault(file.source, file.path)
    if first != file.path:
        raise DocumentError(
            f"'{file.source}' is the name of two documents, {first} and {file.path}; rename one of them."
        )
