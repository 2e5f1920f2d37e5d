"""Scores of answers against references, beside values worked out by hand."""

import numpy as np
import pytest

from core.errors import QuestionsError
from study.references import Reference, read_references
from study.text_scores import chrf, rouge_l, score_answers

VECTORS = {"refund": (1, 0), "money back": (0.8, 0.6), "ship": (0, 1), "send it": (0.6, 0.8), "": (1, 0)}
REFERENCES = [
    Reference("1", "?", "refund", "money"),
    Reference("2", "?", "money back", "money"),
    Reference("3", "?", "ship", "post"),
]


def embed(texts):
    return np.array([VECTORS[text] for text in texts])


@pytest.mark.parametrize(
    ("answer", "reference", "expected"),
    [
        ("police kill the gunman", "police killed the gunman", 3 / 4),  # Lin's own examples
        ("the gunman kill police", "police killed the gunman", 2 / 4),
        ("The CAT sat, on the mat!", "the cat is on the mat", 10 / 12),
        ("a b", "a x y b", 2 * 2 / (2 + 4)),
        ("nothing alike", "something else", 0),
        ("", "police", 0),
        ("?!", "...", 0),
    ],
)
def test_rouge_l_is_f1_of_the_longest_common_subsequence_of_words(answer, reference, expected):
    assert rouge_l(answer, reference) == pytest.approx(expected)


def test_chrf_is_the_mean_of_the_orders_that_there_are():
    # Of abc in abd are 2 of 3 letters, 1 of 2 pairs, 0 of 1 triple; precision and recall are equal here.
    assert chrf("abc", "abd") == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)
    assert chrf("the same", "the same") == pytest.approx(1)
    assert chrf("", "something") == 0


def test_similarity_is_the_cosine_and_the_nearest_other_reference_gives_the_topic():
    scores = score_answers(["money back", "ship", "send it"], REFERENCES, embed)
    assert scores["similarity"] == pytest.approx([0.8, 0.6, 0.8])
    # "money back" is nearest to the second reference, of its own topic; "ship" to the third, of another one; "send it"
    # to "money back" (0.96), of another one too, and its own reference "ship" (0.8) would not count.
    assert list(scores["nearest_topic_share"]) == [1, 0, 0]


def test_the_nearest_answer_may_be_looked_for_elsewhere():
    pool = [Reference("9", "?", "send it", "post"), Reference("8", "?", "refund", "money")]
    scores = score_answers(["money back", "ship", "send it"], REFERENCES, embed, pool)
    assert list(scores["nearest_topic_share"]) == [0, 0, 1]
    assert list(score_answers(["refund"], REFERENCES[:1], embed)["nearest_topic_share"]) == [0], "its own counts not"


def test_an_empty_answer_scores_nothing_and_without_topics_there_is_no_share():
    scores = score_answers([""], REFERENCES[:1], embed, REFERENCES)
    assert {name: list(rows) for name, rows in scores.items()} == {name: [0] for name in scores}
    assert "nearest_topic_share" not in score_answers(["ship"], [Reference("1", "?", "ship")], embed)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "Question,Answer,category,intent,split\nWhere?,Here.,any,find,TEST\nWhen?,Now.,any,time,train\n"),
        ("a.csv", "\ufeffinstruction;response;intent\nWhere?;Here.;find\nWhen?;;time\n"),
        ("a.jsonl", '{"prompt": "Where?", "reference": "Here.", "topic": "find"}\n\n'),
    ],
)
def test_test_rows_are_found_by_the_names_of_their_columns(tmp_path, name, text):
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert read_references(tmp_path / name) == [Reference("1", "Where?", "Here.", "find")]


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.csv", "question,text\nWhere?,Here.\n", r"no column for answer \(found: question, text\)"),
        ("a.csv", "", "found: nothing"),
        ("a.csv", "question,answer,split\nWhere?,Here.,train\n", r"the value test in its column split \(1 rows"),
        ("a.jsonl", "[1]\n", "line 1 is not a JSON object"),
        ("a.jsonl", "{\n", "cannot be read"),
        ("a.xlsx", "PK", "give a .csv or .jsonl"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path, name, text, says):
    (tmp_path / name).write_text(text)
    with pytest.raises(QuestionsError, match=says):
        read_references(tmp_path / name)
