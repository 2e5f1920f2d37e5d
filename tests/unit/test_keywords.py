"""BM25 over 4-grams: the order of bm25s given the terms themselves, ties, and what is not found."""

import json
from pathlib import Path

import bm25s
import numpy as np
import pytest

from backends.keywords import KeywordIndex, terms

KNOWLEDGE = Path(__file__).resolve().parents[2] / "knowledge"


@pytest.fixture(scope="module")
def texts() -> list[str]:
    paragraphs = [p for file in sorted((KNOWLEDGE / "articles").glob("*.md")) for p in file.read_text().split("\n\n")]
    assert len(paragraphs) > 200
    return paragraphs


def test_the_order_is_that_of_bm25s_on_every_test_question(texts):
    ours = KeywordIndex(texts)
    theirs = bm25s.BM25()
    theirs.index([terms(text) for text in texts], show_progress=False)
    lines = [line for file in sorted((KNOWLEDGE / "questions").glob("*.jsonl")) for line in file.open()]
    for question in (json.loads(line)["question"] for line in lines):
        scores = theirs.get_scores_from_ids(theirs.get_tokens_ids(terms(question)))
        order = np.argsort(-scores, kind="stable")
        for n in (1, 8, 50, 10_000):
            assert ours.best(question, n) == [row for row in order[:n] if scores[row] > 0], question


def test_equals_keep_the_order_of_their_rows():
    index = KeywordIndex(["red bike", "blue bike", "", "red bike", "red bike"])
    assert index.best("red", 2) == [0, 3]
    assert index.best("red", 9) == [0, 3, 4]


def test_what_shares_nothing_is_not_found():
    assert KeywordIndex([]).best("bike", 5) == []
    assert KeywordIndex(["", "the", "?!"]).best("the bike", 5) == []
    index = KeywordIndex(["a bike", "a boat"])
    for query in ("", "?!", "the", "zzz", "\0", "日本"):
        assert index.best(query, 5) == []
    assert index.best("bike", 0) == []


def test_terms_are_the_4_grams_of_words_and_codes_stay_whole():
    assert terms("The E-417!") == ["_e-4", "e-41", "-417", "417_"]
    assert terms("ok go") == ["_ok_", "_go_"]
