"""How fast documents are embedded and searched, at the demo's size and with many passages.

python -m benchmarks.retrieval --passages 100000

Embeddings run in turn with sentence-transformers on the demo company's passages. The many passages are drawn from the
demo's own words with Zipf's frequencies. As embedding them all would take an hour on two cores, their vectors are
mixtures of two real vectors (articles and past transcripts) with some noise; the queries are the demo's questions with
their real vectors. Recall is that of the approximate search (HNSW) in these vectors against comparing with all.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import resource
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from langchain_core.embeddings import Embeddings

from backends.embedding import MiniLM, weights_folder
from backends.passage_store import searched_text
from backends.retrieval import HybridRetriever
from benchmarks.measure import interleave, median, ratio, seconds_of

KNOWLEDGE = Path(__file__).resolve().parent.parent / "knowledge"
SECTIONS = 1000  # passages of one drawn document
WORDS = (30, 110)  # of one drawn passage; most of the demo's have so many
NOISE = 0.5  # length of the noise added to vectors of length 1
TOP = 8


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


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.retrieval", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--passages", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # else torch waits for threads that a neighbour holds up

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        demo = HybridRetriever(folder / "demo")
        seconds = seconds_of(lambda: demo.index([KNOWLEDGE / "articles"]))
        texts = [searched_text(passage) for passage in demo._store.read().passages]
        _say(f"indexing the demo's {len(texts)} passages, all of it", f"{seconds:.1f} s")
        rate = _throughput(texts, options.rounds)
        _queries(demo, f"{len(texts)} passages")
        _recall(demo, f"{len(texts)} passages")

        texts = sorted({*texts, *_transcripts()})
        many = folder / "many"
        documents = _draw_documents(folder / "documents", texts, options.passages)
        model = MixedVectors(np.array(MiniLM().embed_documents(texts), np.float32))
        retriever = HybridRetriever(many, embedding=model)
        seconds = seconds_of(lambda: retriever.index([documents]))
        found = sum(count for _, count in retriever.documents())
        embedding = found / rate
        _say(f"indexing {found:,} passages, without embedding", f"{seconds:.0f} s; embedding adds {embedding:.0f} s")
        _say("the same again, nothing changed", f"{seconds_of(lambda: retriever.index([documents])):.1f} s")
        again = HybridRetriever(many, embedding=model)
        _say("opening it, to the first search", f"{seconds_of(lambda: again.search('warm up', 1)):.1f} s")
        _queries(retriever, f"{found:,} passages")
        _recall(retriever, f"{found:,} passages")
    _say("most memory of this process", f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


def _throughput(texts: Sequence[str], rounds: int) -> float:
    """Prints the comparison and returns our passages a second."""
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
    for batch, unit in ((passages, 1), ([], 20)):
        times = interleave(
            {name: _encode_time(encode, batch, queries, unit) for name, encode in encoders.items()}, rounds
        )
        ours, other = median(times["ours"]), median(times["theirs"])
        faster = f"sentence-transformers' time over ours {ratio(times['theirs'], times['ours'])}"
        if batch:
            rate = len(batch) / ours
            _say(f"embedding {len(batch)} passages", f"{rate:.0f}/s, theirs {len(batch) / other:.0f}/s; {faster}")
        else:
            _say("embedding a query", f"{ours * 1000:.1f} ms, theirs {other * 1000:.1f} ms; {faster}")
    return rate


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


def _queries(retriever: HybridRetriever, size: str) -> None:
    """Each question once, so that no answer is remembered; then its parts one by one."""
    retriever.search("warm up", TOP)
    store, keywords = retriever._store, retriever._current().keywords
    vectors: dict[str, list[float]] = {}

    def embed(question: str) -> None:
        vectors[question] = MiniLM().embed_query(question)

    def dense(question: str) -> None:
        store._collection.query(query_embeddings=[vectors[question]], n_results=50, include=[])

    parts: dict[str, Callable[[str], object]] = {
        "hybrid search": lambda question: retriever.search(question, TOP),
        "  embedding the query": embed,
        "  dense, nearest 50": dense,
        "  keywords, best 50": lambda question: keywords.best(question, 50),
    }
    times: dict[str, list[float]] = {name: [] for name in parts}
    for question in _questions():
        for name, part in parts.items():
            times[name].append(1000 * seconds_of(partial(part, question)))
    for name, values in times.items():
        middle, late = np.percentile(values, [50, 95])
        _say(f"{name}, {size}", f"p50 {middle:.2f} ms, p95 {late:.2f} ms")


def _recall(retriever: HybridRetriever, size: str) -> None:
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
    _say(f"recall@{TOP} of the approximate search, {size}", f"{np.mean(shares):.4f}")


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


def _say(what: str, found: str) -> None:
    print(f"{what:<60} {found}", flush=True)


if __name__ == "__main__":
    main()
