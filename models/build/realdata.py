"""Questions about real help pages, to see how a model that knows only generated companies does on them."""

from __future__ import annotations

import gzip
import json
import random
import re
import string
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.types import Passage, Turn

PASSAGES = 4


@dataclass(frozen=True)
class RealQuestion:
    """A question with its history, the passages to read, a reference answer, and whether they answer it."""

    question: str
    history: tuple[Turn, ...]
    passages: tuple[Passage, ...]
    reference: str
    answerable: bool


def rows(path: Path) -> list[dict[str, Any]]:
    """The JSON objects of a gzipped file of lines."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def help_pages(folder: Path, index: Path, count: int) -> tuple[list[RealQuestion], float]:
    """`count` questions about the va_help pages with what the retriever finds, and how often it finds the right page.

    The 835 pages are written to `index` as Markdown and indexed there; a second call finds them indexed.
    """
    from backends.retrieval import HybridRetriever

    pages = index / "pages"
    pages.mkdir(parents=True, exist_ok=True)
    for page in rows(folder / "va_help_docs.jsonl.gz"):
        (pages / file_name(page)).write_text(f"# {page['title']}\n\n{page['text']}\n", encoding="utf-8")
    retriever = HybridRetriever(index / "index")
    print(f"indexing {len(list(pages.iterdir()))} pages, which takes minutes the first time ...", flush=True)
    retriever.index([pages])
    asked = random.Random(7).sample(rows(folder / "va_help_questions.jsonl.gz"), count)
    made, found = [], 0
    for row in asked:
        passages = tuple(retriever.search(row["question_with_title"], PASSAGES))
        found += any(passage.source == file_name(row) for passage in passages)
        made.append(RealQuestion(row["question_with_title"], (), passages, row["answer"], True))
    return made, found / count


def file_name(row: dict[str, Any]) -> str:
    """The Markdown file of a page, or of the page that answers a question."""
    return row["doc_id"].replace("/", "-") + ".md"


def multi_turn(folder: Path, count: int) -> list[RealQuestion]:
    """`count` questions of mtrag_un with the pieces of their own passages that share most words with them.

    Underspecified questions, which want a question back, are left out.
    """
    from backends.ingest import Document, cut
    from backends.keywords import KeywordIndex

    known = [row for row in rows(folder / "mtrag_un_questions.jsonl.gz") if row["answerability"] != "UNDERSPECIFIED"]
    made = []
    for row in random.Random(7).sample(known, count):
        documents = [Document(row["collection"], text) for text in row["passages"]]
        pieces = [piece for document in documents for piece in cut("page", document, 700)]
        best = KeywordIndex([piece.text for piece in pieces]).best(row["question"], PASSAGES)
        history = tuple(Turn("user" if t["role"] == "customer" else "assistant", t["text"]) for t in row["history"])
        chosen = tuple(pieces[number] for number in best)
        answerable = row["answerability"] != "UNANSWERABLE"
        made.append(RealQuestion(row["question"], history[-2:], chosen, row["answer"], answerable))
    return made


def words(text: str) -> list[str]:
    """Lower-case words without punctuation and articles."""
    plain = text.lower().translate(str.maketrans("", "", string.punctuation))
    return re.sub(r"\b(a|an|the)\b", " ", plain).split()


def token_f1(answer: str, reference: str) -> float:
    """Overlap of words from 0 to 1, as SQuAD counts it (Rajpurkar et al. 2016, arXiv:1606.05250)."""
    said, wanted = words(answer), words(reference)
    same = sum((Counter(said) & Counter(wanted)).values())
    return 2 * same / (len(said) + len(wanted)) if same else 0.0
