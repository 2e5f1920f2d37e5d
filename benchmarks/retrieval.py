"""How fast documents are embedded and searched, at the demo's size and with many passages.

python -m benchmarks --measures retrieval --passages 100000 --rounds 3

Embeddings run in turn with sentence-transformers on the demo company's passages. The many passages are drawn from the
demo's own words with Zipf's frequencies. As embedding them all would take an hour on two cores, their vectors are
mixtures of two real vectors (articles and past transcripts) with some noise; the queries are the demo's questions with
their real vectors. Recall is that of the approximate search (HNSW) in these vectors against comparing with all.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import psutil
from langchain_core.embeddings import Embeddings

from backends.embedding import MiniLM, weights_folder
from backends.passage_store import searched_text
from backends.retrieval import HybridRetriever
from benchmarks.measure import interleave, median, ratio, seconds_of
from benchmarks.rows import Row, at_most
from benchmarks.shapes import EMBEDDED, llama_28m
from core.settings import load_settings
from core.types import ArmSpec, Question, new_id
from launch import compose, index_knowledge

KNOWLEDGE = Path(__file__).resolve().parent.parent / "knowledge"
SECTIONS = 1000  # passages of one drawn document
WORDS = (30, 110)  # of one drawn passage; most of the demo's have so many
NOISE = 0.5  # length of the noise added to vectors of length 1
TOP = 8
EACH = 3  # of the demo's questions and texts every third is taken, or this would take twice as long


class MixedVectors(Embeddings):
    """Stands for the model when documents are indexed: each text gets a vector of its own near two real ones."""

    def __init__(self, real: np.ndarray) -> None:
        self._real = real

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self._vector(text).tolist() for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return MiniLM().embed_query(text)

    def _vector(self, text: str) -> np.ndarray:
        seed = hashlib.blake2b(text.encode(), digest_size=8).digest()
        random = np.random.default_rng(int.from_bytes(seed, "little"))
        first, second = self._real[random.integers(0, len(self._real), 2)]
        share = random.uniform(0.5, 1)
        mixed = share * first + (1 - share) * second
        noise = random.normal(size=mixed.shape)
        vector = mixed / np.linalg.norm(mixed) + NOISE * noise / np.linalg.norm(noise)
        return np.asarray(vector / np.linalg.norm(vector))


def rows(scratch: Path, passages: int, rounds: int) -> list[Row]:
    """`scratch` keeps the data and the models of those who write the first tokens."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        demo = HybridRetriever(folder / "demo")
        seconds = seconds_of(lambda: demo.index([KNOWLEDGE / "articles"]))
        texts = [searched_text(passage) for passage in demo._store.read().passages]
        found = [Row("indexing, embedding and all", _size(len(texts)), f"{seconds:.1f} s")]
        rate, compared = _throughput(texts[::EACH], rounds)
        found += [*compared, *_queries(demo, _size(len(texts)), {}), _recall(demo, _size(len(texts)))]

        texts = sorted({*texts, *_transcripts()})
        documents = _draw_documents(folder / "documents", texts, passages)
        model = MixedVectors(np.array(MiniLM().embed_documents(texts[::EACH]), np.float32))
        before = psutil.Process().memory_info().rss
        retriever = HybridRetriever(folder / "many", embedding=model)
        seconds = seconds_of(lambda: retriever.index([documents]))
        grown = (psutil.Process().memory_info().rss - before) / 1e6
        again = seconds_of(lambda: retriever.index([documents]))
        count = sum(count for _, count in retriever.documents())
        anew = HybridRetriever(folder / "many", embedding=model)
        opened = seconds_of(lambda: anew.search("warm up", 1))
        size = _size(count)
        indexing = f"{seconds:.0f} s, {grown:.0f} MB; embedding would add {count / rate / 60:.0f} minutes"
        found.append(Row("indexing, without embedding", size, indexing))
        found.append(Row("indexing again, nothing changed", size, f"{again:.1f} s"))
        found.append(Row("opening the index, to the first search", size, f"{opened:.1f} s"))
        models = {"embedded": EMBEDDED, "llama_28m": llama_28m(scratch)}
        writers = {name: _first_token(path, scratch) for name, path in models.items()}
        return [*found, *_queries(retriever, size, writers), _recall(retriever, size)]


def _size(passages: int) -> str:
    return f"{passages:,} passages"


def _throughput(texts: Sequence[str], rounds: int) -> tuple[float, list[Row]]:
    """Our passages a second, and what we are beside sentence-transformers."""
    from sentence_transformers import SentenceTransformer

    theirs = SentenceTransformer(str(weights_folder()), device="cpu", local_files_only=True)

    def theirs_batch(batch: list[str]) -> np.ndarray:
        return np.asarray(theirs.encode(batch, normalize_embeddings=True, show_progress_bar=False))

    def ours_batch(batch: list[str]) -> np.ndarray:
        return np.array(MiniLM().embed_documents(batch))

    passages = list(texts)
    queries = _questions()
    assert (theirs_batch(passages[:64]) * ours_batch(passages[:64])).sum(axis=1).min() > 0.9999
    encoders: dict[str, Callable[[list[str]], np.ndarray]] = {"theirs": theirs_batch, "ours": ours_batch}

    def compared(what: str, batch: list[str], unit: int) -> tuple[float, Row]:
        times = interleave({name: _encode_time(one, batch, queries, unit) for name, one in encoders.items()}, rounds)
        ours = median(times["ours"])
        figures = f"ours {len(batch) / ours:.0f} a second" if batch else f"ours {1000 * ours:.1f} ms"
        found = f"{ratio(times['theirs'], times['ours'])}; {figures}"
        return ours, Row(f"embedding {what}: sentence-transformers' time over ours", "MiniLM", found)

    seconds, many = compared("passages", passages, 1)
    _, single = compared("a query", [], 20)
    return len(passages) / seconds, [many, single]


def _encode_time(
    encode: Callable[[list[str]], np.ndarray], batch: list[str], queries: list[str], unit: int
) -> Callable[[int], float]:
    """Seconds for `batch`, or for one query when there is none: the mean over `unit` fresh ones."""

    def run(number: int) -> float:
        if batch:
            return seconds_of(lambda: encode(batch))
        chosen = [queries[(number * unit + i) % len(queries)] for i in range(unit)]
        return seconds_of(lambda: [encode([query]) for query in chosen]) / unit

    return run


def _queries(retriever: HybridRetriever, size: str, writers: dict[str, Callable[[str], float]]) -> list[Row]:
    """Each question once, so that no answer is remembered: the search, its parts one by one, and the seconds to the
    first token of each of the `writers`."""
    retriever.search("warm up", TOP)
    store, keywords = retriever._store, retriever._current().keywords
    vectors: dict[str, list[float]] = {}

    def embed(question: str) -> None:
        vectors[question] = MiniLM().embed_query(question)

    def dense(question: str) -> None:
        store._collection.query(query_embeddings=[vectors[question]], n_results=50, include=[])

    parts: dict[str, Callable[[str], object]] = {
        "hybrid search": lambda question: retriever.search(question, TOP),
        "embedding the query": embed,
        "dense, nearest 50": dense,
        "keywords, best 50": lambda question: keywords.best(question, 50),
    }
    times: dict[str, list[float]] = {name: [] for name in [*parts, *writers]}
    for write in writers.values():
        write("warm up")
    for question in _questions()[::EACH]:
        for name, part in parts.items():
            times[name].append(1000 * seconds_of(partial(part, question)))
        for name, write in writers.items():
            times[name].append(1000 * write(question))
    shares = "; ".join(f"{name} {_spread(times[name])}" for name in list(parts)[1:])
    found = [Row("hybrid search", size, f"{_spread(times['hybrid search'])}; {shares}")]
    for name in writers:
        search, first = times["hybrid search"], times[name]
        late = np.percentile(search, 95) / np.percentile(first, 95)
        note = f"; p95 over p95 {late:.2f}; first token {_spread(first)}"
        found.append(
            at_most("hybrid search over the first token after it", f"{name}, {size}", ratio(search, first), 0.1, note)
        )
    return found


def _spread(milliseconds: Sequence[float]) -> str:
    middle, late = np.percentile(milliseconds, [50, 95])
    return f"p50 {middle:.1f} ms, p95 {late:.1f} ms"


def _first_token(model: Path, scratch: Path) -> Callable[[str], float]:
    """Seconds to the first token of a prompt in the template in use, with passages of the demo company."""
    settings = load_settings({"data": str(scratch / "retrieval-data"), "model": str(model)})
    parts = compose(settings)
    index_knowledge(parts)
    spec = ArmSpec("prompt", settings.template)

    def run(question: str) -> float:
        draft = parts.desk.backend.draft(Question(new_id(), "benchmark", question), spec)
        start = time.perf_counter()
        next(piece for piece in draft.pieces if piece.new_tokens)
        seconds = time.perf_counter() - start
        draft.pieces.close()
        return seconds

    return run


def _recall(retriever: HybridRetriever, size: str) -> Row:
    """The share of the truly nearest passages that the approximate search finds, over all questions."""
    collection = retriever._store._collection
    ids: list[str] = []
    pages: list[np.ndarray] = []
    while len(ids) < collection.count():
        page = collection.get(include=["embeddings"], limit=5000, offset=len(ids))
        ids += page["ids"]
        pages.append(np.asarray(page["embeddings"], np.float32))
    vectors = np.concatenate(pages)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    shares = []
    for question in MiniLM().embed_documents(_questions()):
        exact = {ids[row] for row in np.argsort(-(vectors @ np.array(question, np.float32)))[:TOP]}
        found = collection.query(query_embeddings=[question], n_results=TOP, include=[])["ids"][0]
        shares.append(len(exact.intersection(found)) / TOP)
    return Row(f"recall@{TOP} of the approximate search", size, f"{np.mean(shares):.4f}")


def _draw_documents(folder: Path, texts: Sequence[str], passages: int) -> Path:
    """Writes Markdown documents of SECTIONS sections each, and returns their folder."""
    counts = Counter(word for text in texts for word in re.findall(r"\w+(?:[-']\w+)*", text))
    words = np.array([word for word, _ in counts.most_common()])
    frequency = np.cumsum(1 / np.arange(1, len(words) + 1))
    random = np.random.default_rng(1)
    folder.mkdir()
    for first in range(0, passages, SECTIONS):
        sections = []
        for number in range(first, min(first + SECTIONS, passages)):
            places = np.searchsorted(frequency, random.uniform(0, frequency[-1], random.integers(*WORDS)))
            sections.append(f"## Part {number}\n\n{' '.join(words[places])}.\n")
        (folder / f"{first:07}.md").write_text(f"# Document {first}\n\n" + "\n".join(sections), encoding="utf-8")
    return folder


def _questions() -> list[str]:
    return [entry["question"] for entry in _lines("questions")]


def _transcripts() -> list[str]:
    return [message["content"] for entry in _lines("transcripts") for message in entry["messages"]]


def _lines(part: str) -> list[dict]:
    files = sorted((KNOWLEDGE / part).glob("*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]
