"""The sentence encoder in onnxruntime gives the vectors that sentence-transformers gives, without torch."""

import json
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np

from backends.embedding import BATCH_TOKENS, MiniLM, batches, weights_folder

ROOT = Path(__file__).resolve().parents[2]
TEXTS = [
    "",
    " \n\t",
    "?",
    "\0",
    "a",
    "The guarantee covers the frame of your bike for 10 years.",
    "WHERE is my Parcel?!",
    "ünïcödé, İstanbul, ﬁne, №5, naïve café",
    "日本語のテキストと русский текст",
    "\U0001f6b2 \u200d \u0301 zwj",
    "[CLS] [MASK] [PAD] typed by a customer [SEP]",
    "ab" * 200,
    "word " * 253,
    "word " * 254,
    "word " * 255,
    "bicycle repair and delivery " * 400,
]


def questions() -> list[str]:
    files = sorted((ROOT / "knowledge" / "questions").glob("*.jsonl"))
    return [json.loads(line)["question"] for file in files for line in file.open()]


def test_vectors_equal_those_of_sentence_transformers():
    from sentence_transformers import SentenceTransformer

    texts = TEXTS + questions()[::4]
    theirs = SentenceTransformer(str(weights_folder()), device="cpu").encode(texts, normalize_embeddings=True)
    ours = np.array(MiniLM().embed_documents(texts), np.float32)
    assert ours.shape == (len(texts), 384)
    assert np.abs(np.linalg.norm(ours, axis=1) - 1).max() < 1e-5
    assert (ours * theirs).sum(axis=1).min() > 0.99999
    assert np.abs(ours - theirs).max() < 1e-5


def test_a_text_has_one_vector_whatever_it_is_embedded_with():
    model = MiniLM()
    together = np.array(model.embed_documents(TEXTS))
    for text, vector in zip(TEXTS, together, strict=True):
        assert np.abs(np.array(model.embed_query(text)) - vector).max() < 1e-5, text[:20]
    assert model.embed_documents([]) == []


def test_threads_do_not_disturb_each_other():
    model = MiniLM()
    expected = np.array(model.embed_documents(TEXTS))
    found: list[np.ndarray] = []
    threads = [threading.Thread(target=lambda: found.append(np.array(model.embed_documents(TEXTS)))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert all(np.abs(vectors - expected).max() < 1e-5 for vectors in found)


def test_batches_hold_every_row_once_and_waste_little():
    lengths = [int(n) for n in np.random.default_rng(0).integers(2, 257, 500)]
    found = list(batches(lengths))
    assert sorted(place for batch in found for place in batch) == list(range(500))
    padded = [len(batch) * max(lengths[place] for place in batch) for batch in found]
    assert max(padded) <= BATCH_TOKENS
    assert sum(padded) < 1.05 * sum(lengths)
    assert list(batches([5000, 3])) == [[1], [0]]
    assert list(batches([])) == []


def test_neither_torch_nor_transformers_is_imported():
    program = (
        "import sys; from backends.embedding import MiniLM; MiniLM().embed_query('hello')\n"
        "print(sorted({'torch', 'transformers', 'sentence_transformers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
