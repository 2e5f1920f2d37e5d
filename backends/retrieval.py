"""Hybrid search: dense vectors (meaning) and BM25 (words), fused by reciprocal rank."""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from backends.conversion import Conversion
from backends.index_place import place_of
from backends.ingest import SourceFile, content_hash, cut, find_files, read_bytes
from backends.keywords import KeywordIndex
from backends.passage_store import PassageStore, Stored, StoredFile, searched_text
from backends.recent import Recent
from core.errors import DocumentError, UnknownDocument
from core.types import IndexReport, Passage

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings

RRF_K = 60  # Cormack, Clarke and Buettcher (2009): damps the weight of the very first ranks
CANDIDATES = 50  # from each of the two rankings
RECENT = 64  # searches remembered


@dataclass(frozen=True)
class _Snapshot:
    """One state of the index, in memory; searches of one state never see half of the next."""

    stamp: str
    passages: dict[str, Passage]
    files: dict[str, StoredFile]
    keywords: KeywordIndex
    ids: list[str]  # of the passages, by their rows in `keywords`
    rankings: Recent[list[tuple[str, float]]]

    @cached_property
    def version(self) -> str:
        return hashlib.sha256("\n".join(sorted(self.passages)).encode()).hexdigest()[:12]


class HybridRetriever:
    """Implements core.protocols.Retriever over an index in `folder`, or over one whose passages are on the Chroma
    server `url` and whose documents are in `folder`. Safe for threads; several processes may share it.

    Making one costs nothing: the index is opened with the first use, the embedding model with the first
    search. Raises DocumentError when the index cannot be opened, ModelNotFound without the embedding model.
    `embedding` takes the place of that model; see PassageStore.
    """

    def __init__(
        self, folder: Path, chunk_chars: int = 700, embedding: Embeddings | None = None, url: str = ""
    ) -> None:
        self.chunk_chars = chunk_chars
        self._store = PassageStore(folder, place_of(folder, url), embedding)
        self._loading = threading.Lock()
        self._snapshot: _Snapshot | None = None
        self._indexing = threading.Lock()
        self._writing = False
        self._progress: _Progress | None = None

    @property
    def state(self) -> str:
        """'ready', 'indexing 12 of 50' or, within a long document, 'indexing 12 of 50 (256 of 9,000 passages)'."""
        progress = self._progress
        return f"indexing {progress.text}" if progress else "ready"

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
        # The arms of a comparison ask the same, and at the same time.
        scores = state.rankings.get((text, n), lambda: self._rank(state, text, n))
        return [dataclasses.replace(state.passages[i], score=score) for i, score in scores[:k]]

    def _rank(self, state: _Snapshot, text: str, n: int) -> list[tuple[str, float]]:
        by_words = [state.ids[row] for row in state.keywords.best(text, n)]
        by_meaning = [found for found in self._store.nearest(text, n) if found in state.passages]
        return fuse([by_meaning, by_words])

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
        """Brings documents in: files, and folders with all below them. `progress` gets (done, total, source) after
        each file; during a long one also, with the number of its passages stored behind its source.

        A document is known by its path below the folder given, or by its name when given alone. Unchanged ones
        cost nothing, of changed ones only new passages are embedded, and what was interrupted goes on where it
        was; those gone from a folder given are removed. A file that cannot be read is reported and the others go
        on. Raises DocumentError only for the index itself.
        """
        paths = [Path(path) for path in paths]
        files = find_files(paths)
        roots = {str(path.resolve()) for path in paths if path.is_dir()}
        with self._indexing:
            self._progress = _Progress(len(files), progress)
            try:
                with self._store.writing() as stored, Conversion() as conversion:
                    self._load(stored)
                    self._writing = True
                    report = self._bring_in(files, roots, stored.files, conversion)
                self._load()
            finally:
                self._writing = False
                self._progress = None
        return report

    def _bring_in(
        self, files: Sequence[SourceFile], roots: set[str], stored: dict[str, StoredFile], conversion: Conversion
    ) -> IndexReport:
        assert self._progress
        report = IndexReport()
        seen: dict[str, Path] = {}
        for file in files:
            try:
                _check_unseen(file, seen)
                progress = self._progress.within(file.source)
                outcome = self._index_file(file, stored.get(file.source), conversion, progress)
                getattr(report, outcome).append(file.source)
            except DocumentError as error:
                report.failed.append((str(file.path), str(error)))
            self._progress.after(file.source)
        for source, old in stored.items():
            if old.root in roots and source not in seen:
                self._store.remove(old)
                report.removed.append(source)
        return report

    def _index_file(
        self, file: SourceFile, old: StoredFile | None, conversion: Conversion, progress: Callable[[int, int], None]
    ) -> str:
        """Indexes one file and names the list of the report it belongs to. Raises DocumentError."""
        raw = read_bytes(file.path)
        content = content_hash(raw, self.chunk_chars)
        if old and old.complete and old.content == content:
            if file.root not in ("", old.root):
                self._store.move(old, file.root)
            return "unchanged"
        document = conversion.convert(file.path, raw)
        passages = cut(file.source, document, self.chunk_chars)
        if not passages:
            raise DocumentError(f"'{file.path.name}' holds headings but no text; nothing of it was indexed.")
        self._store.put(file.source, file.root, content, document.text, passages, old, progress)
        return "replaced" if old else "added"

    def _current(self) -> _Snapshot:
        """The state of the index now: from memory unless this or another process has written meanwhile.

        While this process writes, it is the state before: nobody waits for the new one to be read.
        """
        known = self._snapshot
        stamp = self._store.stamp
        if known and (self._writing or known.stamp == stamp):
            return known
        if known and known.passages and not stamp:
            raise DocumentError(
                f"The passages of the index in {self._store.folder} are gone, so that nothing can be looked up; index "
                "the documents again: `launch.py index` (those of the setting `knowledge` are indexed at every start)."
            )
        return self._load()

    def _load(self, stored: Stored | None = None) -> _Snapshot:
        """Reads the state of the index, or takes `stored` for it, unless it is the known one."""
        with self._loading:
            known = self._snapshot
            stamp = self._store.stamp  # before reading: a change during it makes the next call read again
            if known is None or known.stamp != stamp:
                self._snapshot = known = _snapshot(stamp, stored or self._store.read(), known)
            return known


def _snapshot(stamp: str, stored: Stored, before: _Snapshot | None) -> _Snapshot:
    passages = {passage.id: passage for passage in stored.passages}
    ids = list(passages)
    if before and before.ids == ids and before.passages == passages:
        keywords = before.keywords  # building it is what takes longest
    else:
        keywords = KeywordIndex([searched_text(passage) for passage in passages.values()])
    return _Snapshot(stamp, passages, stored.files, keywords, ids, Recent(RECENT))


class _Progress:
    """How far an indexing run is: `text` for people, and `tell` told at each step, see HybridRetriever.index."""

    def __init__(self, total: int, tell: Callable[[int, int, str], None] | None) -> None:
        self._done, self._total, self._tell = 0, total, tell
        self.text = f"0 of {total}"

    def within(self, source: str) -> Callable[[int, int], None]:
        """To be called with the passages of `source` stored so far, and all of them."""
        return lambda stored, passages: self._show(source, f"{stored:,} of {passages:,} passages")

    def after(self, source: str) -> None:
        self._done += 1
        self._show(source)

    def _show(self, source: str, detail: str = "") -> None:
        self.text = f"{self._done} of {self._total}" + (f" ({detail})" if detail else "")
        if self._tell:
            self._tell(self._done, self._total, f"{source}: {detail}" if detail else source)


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
