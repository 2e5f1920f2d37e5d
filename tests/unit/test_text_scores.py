"""Scores of answers against references, beside values worked out by hand."""

import numpy as np
import pytest

from core.studies import TestQuestion
from study.text_scores import chrf, rouge_l, score_answers

VECTORS = {"refund": (1, 0), "money back": (0.8, 0.6), "ship": (0, 1), "send it": (0.6, 0.8), "": (1, 0)}


def question(name, reference, topic=""):
    return TestQuestion(name, topic, None, "", "?", None, (), reference)


REFERENCES = [question("1", "refund", "money"), question("2", "money back", "money"), question("3", "ship", "post")]


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
    pool = [question("9", "send it", "post"), question("8", "refund", "money")]
    scores = score_answers(["money back", "ship", "send it"], REFERENCES, embed, pool)
    assert list(scores["nearest_topic_share"]) == [0, 0, 1]
    assert list(score_answers(["refund"], REFERENCES[:1], embed)["nearest_topic_share"]) == [0], "its own counts not"


def test_an_empty_answer_scores_nothing_and_without_topics_there_is_no_share():
    scores = score_answers([""], REFERENCES[:1], embed, REFERENCES)
    assert {name: list(rows) for name, rows in scores.items()} == {name: [0] for name in scores}
    assert "nearest_topic_share" not in score_answers(["ship"], [question("1", "ship")], embed)
